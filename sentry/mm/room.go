package mm

import (
	"slices"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/platform"
)

// A room is addresses that belong to no mapping, lent to the platform for code
// of its own near the text of a file. New mappings avoid it where they may; one
// that may not takes it.
type room struct {
	guest.Range
	file uint64     // Backing.ID of the text
	base guest.Addr // where offset 0 of the file is, or would be
}

// maxRooms bounds the rooms of an address space.
const maxRooms = 512

// makeRoom lends the platform room below the file of v, which is text, or is
// about to be.
func (mm *MM) makeRoom(v *vma) {
	rw, ok := mm.as.(platform.Rewriter)
	base := v.Start - guest.Addr(v.off)
	id := v.back.ID()
	if !ok || base > v.Start || len(mm.rooms) >= maxRooms ||
		slices.ContainsFunc(mm.rooms, func(r room) bool { return r.file == id && r.base == base }) {
		return
	}
	low := v.Start
	for i := mm.find(low - 1); i >= 0 && i < len(mm.vmas); i-- {
		o := mm.vmas[i]
		if o.End != low || o.back == nil || o.back.ID() != id {
			break
		}
		low = o.Start
	}
	if low < minAddr+platform.TextRoom {
		return
	}
	r := room{guest.Range{Start: low - platform.TextRoom, End: low}, id, base}
	if i := mm.find(r.Start); i < len(mm.vmas) && mm.vmas[i].Start < r.End || mm.roomIn(r.Range) != nil {
		return
	}
	mm.rooms = append(mm.rooms, r)
	rw.Room(v.back, base, r.Start)
}

// inheritRoom lends the platform of mm, a new child of parent, the room that it
// has there for the text v.
func (mm *MM) inheritRoom(parent *MM, v *vma) {
	for _, r := range parent.rooms {
		if r.file == v.back.ID() && r.base == v.Start-guest.Addr(v.off) && mm.roomIn(r.Range) == nil {
			mm.rooms = append(mm.rooms, r)
			mm.as.(platform.Rewriter).Room(v.back, r.base, r.Start)
		}
	}
}

// roomIn returns a room that overlaps r, or nil.
func (mm *MM) roomIn(r guest.Range) *room {
	for i := range mm.rooms {
		if mm.rooms[i].Overlaps(r) {
			return &mm.rooms[i]
		}
	}
	return nil
}

// takeRooms takes back what overlaps r.
func (mm *MM) takeRooms(r guest.Range) {
	for m := mm.roomIn(r); m != nil; m = mm.roomIn(r) {
		mm.as.(platform.Rewriter).TakeRoom(m.Start)
		*m = mm.rooms[len(mm.rooms)-1]
		mm.rooms = mm.rooms[:len(mm.rooms)-1]
	}
}

// gapBelow returns the highest free range of size bytes in [low, high), one
// without rooms if there is.
func (mm *MM) gapBelow(high, low guest.Addr, size uint64) (guest.Range, error) {
	for top := high; ; {
		r, err := mm.holeBelow(top, low, size)
		if err != nil {
			break
		}
		m := mm.roomIn(r)
		if m == nil {
			return r, nil
		}
		top = m.Start
	}
	return mm.holeBelow(high, low, size)
}

// wantsRoom reports whether o may be the first mapping of a library, whose text
// will want room below it (elf_map of ld.so).
func (o *MapOpts) wantsRoom() bool {
	return o.File != nil && o.Offset == 0 && o.Flags&linux.MAP_SHARED == 0 && o.Prot&platform.Write == 0
}
