package systrap

import (
	"slices"

	"golang.org/x/sys/unix"

	"glovebox/sentry/arch"
	"glovebox/sentry/guest"
	"glovebox/sentry/platform"
)

// A room is where an address space has the trampolines of a file's text.
type room struct {
	area  guest.Addr
	base  guest.Addr // where offset 0 of the file is, or would be
	file  uint64     // its number
	t     *text
	shown bool      // the trampolines are mapped
	maps  []textMap // what of the text is mapped
}

// A textMap is mapped text.
type textMap struct {
	guest.Range
	prot platform.Prot
}

var _ platform.Rewriter = (*Space)(nil)

// Room implements platform.Rewriter.
func (as *Space) Room(f platform.HostFile, base, area guest.Addr) {
	t := as.p.acquireText(f)
	if t == nil {
		return
	}
	if !t.settle(int64(area - base)) {
		as.p.releaseText(t)
		return
	}
	as.mu.Lock()
	as.rooms = append(as.rooms, &room{area: area, base: base, file: f.ID(), t: t})
	as.mu.Unlock()
}

// TakeRoom implements platform.Rewriter.
func (as *Space) TakeRoom(area guest.Addr) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for i, r := range as.rooms {
		if r.area != area {
			continue
		}
		as.restoreLocked(r)
		as.rooms = append(as.rooms[:i:i], as.rooms[i+1:]...)
		as.p.releaseText(r.t)
		return
	}
}

// restoreLocked shows text as it is in the file.
func (as *Space) restoreLocked(r *room) {
	as.textGen.Add(1)
	for _, m := range r.maps {
		// A descriptor that cannot be sent leaves a process that only
		// its death can mend.
		if as.mapTextLocked(m, scratchKey, r.t.src, uint64(m.Start-r.base)) != nil {
			go as.Kill()
		}
	}
	r.maps = nil
}

// stopRewriting gives up rewritten text for good: the guest uses GS.
func (as *Space) stopRewriting() {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.plain {
		return
	}
	as.plain = true
	for _, r := range as.rooms {
		as.restoreLocked(r)
	}
}

// scratchKey is no descriptor's that a stub keeps.
var scratchKey = fdKey{id: 1 << 63}

func (as *Space) mapTextLocked(m textMap, k fdKey, fd int, off uint64) error {
	i, err := as.sendLocked(k, fd, k != scratchKey)
	if err != nil {
		return err
	}
	const how = unix.MAP_FIXED | unix.MAP_PRIVATE | unix.MAP_NORESERVE
	as.pending = append(as.pending, op{unix.SYS_MMAP, uint64(m.Start), m.Len(), uint64(m.prot), how, uint64(i), off, opFD4})
	if i == scratchFD {
		as.pending = append(as.pending, closeScratch)
	}
	return nil
}

// showTextLocked notes that a file's text is mapped at r from off, and maps
// what of it was rewritten.
func (as *Space) showTextLocked(r guest.Range, file, off uint64, prot platform.Prot) {
	if as.plain {
		return
	}
	for _, m := range as.rooms {
		if m.file != file || uint64(m.base) != uint64(r.Start)-off {
			continue
		}
		m.maps = append(m.maps, textMap{r, prot})
		for _, run := range m.t.changed(off, r.Len()) {
			as.showRunLocked(m, textMap{r, prot}, run)
		}
		return
	}
}

// showRunLocked maps changed pages of what m is. Without them the text is as
// right, and slower.
func (as *Space) showRunLocked(r *room, m textMap, run pageRun) {
	k := fdKey{id: r.t.id}
	if !r.shown {
		area := textMap{guest.Range{Start: r.area, End: r.area + roomSize}, platform.Read | platform.Exec}
		if as.mapTextLocked(area, k, r.t.ro, 0) != nil {
			return
		}
		r.shown = true
	}
	start := r.base + guest.Addr(run.off)
	m.Range = guest.Range{Start: start, End: start + guest.Addr(run.size)}
	_ = as.mapTextLocked(m, k, r.t.ro, run.at)
}

// hideTextLocked notes that no text is mapped at r any more.
func (as *Space) hideTextLocked(r guest.Range) {
	for _, m := range as.rooms {
		m.carve(as, r)
	}
}

// protectTextLocked notes that r has another protection.
func (as *Space) protectTextLocked(r guest.Range, prot platform.Prot) {
	for _, m := range as.rooms {
		for _, t := range m.carve(as, r) {
			m.maps = append(m.maps, textMap{t.Range, prot})
		}
	}
}

// carve takes what lies in r out of maps, and returns it.
func (m *room) carve(as *Space, r guest.Range) (out []textMap) {
	if !slices.ContainsFunc(m.maps, func(t textMap) bool { return t.Overlaps(r) }) {
		return nil
	}
	var left []textMap
	for _, t := range m.maps {
		in := t.Intersect(r)
		if in.Len() == 0 {
			left = append(left, t)
			continue
		}
		out = append(out, textMap{in, t.prot})
		if t.Start < in.Start {
			left = append(left, textMap{guest.Range{Start: t.Start, End: in.Start}, t.prot})
		}
		if in.End < t.End {
			left = append(left, textMap{guest.Range{Start: in.End, End: t.End}, t.prot})
		}
	}
	m.maps = left
	as.textGen.Add(1)
	return out
}

// textAtLocked returns the room of the text that is mapped at a.
func (as *Space) textAtLocked(a guest.Addr) (*room, textMap) {
	for _, r := range as.rooms {
		for _, m := range r.maps {
			if m.Contains(a) {
				return r, m
			}
		}
	}
	return nil, textMap{}
}

// trapped is told of every call that a signal made: r is behind it. It has
// the call rewritten where that can be done and pays.
func (as *Space) trapped(r *arch.Regs) {
	as.mu.Lock()
	defer as.mu.Unlock()
	call := addr(r.RIP) - syscallLen
	room, m := as.textAtLocked(call)
	if room == nil || !m.Contains(call+syscallLen-1) {
		return
	}
	page, at, ok := room.t.executed(uint64(call-room.base), uint32(r.OrigRAX))
	if !ok || !m.Contains(room.base+guest.Addr(page)) {
		return
	}
	as.showRunLocked(room, m, pageRun{page, pageSize, at})
	as.textGen.Add(1)
}

// A place is where a thread is: as the stub has it, and in the guest's text.
// It holds until the text changes.
type place struct {
	raw, guest, gen uint64
}

// locate returns where in the guest's text raw is.
func (c *Context) locate(raw uint64) place {
	p := &c.places[raw>>2%uint64(len(c.places))]
	if gen := c.as.textGen.Load(); p.raw != raw || p.gen != gen {
		at, _ := c.as.original(raw)
		*p = place{raw, at, gen}
	}
	return *p
}

// original returns where in the guest's text a thread is that stands at raw.
// s is the call that it is about to make, nil if it has made it or is in no
// trampoline.
func (as *Space) original(raw uint64) (at uint64, s *site) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for _, r := range as.rooms {
		off := raw - uint64(r.area)
		if off >= roomSize {
			continue
		}
		site, at, entering, ok := r.t.original(off)
		switch {
		case !ok:
			return raw, nil
		case !entering:
			return uint64(r.base) + at, nil
		}
		return uint64(r.base) + at, &site
	}
	return raw, nil
}

// current returns where a thread goes on that is at a in the guest's text.
func (as *Space) current(a uint64) uint64 {
	as.mu.Lock()
	defer as.mu.Unlock()
	if r, _ := as.textAtLocked(addr(a)); r != nil && r.shown {
		if off, ok := r.t.current(a - uint64(r.base)); ok {
			return uint64(r.area) + off
		}
	}
	return a
}
