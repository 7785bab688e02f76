package tmpfs

import (
	"maps"
	"slices"

	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

// seekHole finds data, or a hole, from off on; what is behind the file's end is
// a hole (lseek(2)).
func (d *content) seekHole(off int64, whence int) (int64, error) {
	if off >= d.size {
		return 0, linux.ENXIO
	}
	at := off
	switch {
	case d.mem != nil:
		var err error
		if at, err = d.mem.SeekHole(off, whence); err != nil && whence == linux.SEEK_HOLE {
			at = d.size
		} else if err != nil {
			return 0, err
		}
	case whence == linux.SEEK_HOLE:
		for d.written(at / pageSize) {
			at = (at/pageSize + 1) * pageSize
		}
	case !d.written(off / pageSize):
		at = d.nextPage(off/pageSize) * pageSize
	}
	switch {
	case at < d.size:
		return at, nil
	case whence == linux.SEEK_DATA:
		return 0, linux.ENXIO
	}
	return d.size, nil
}

// nextPage returns the number of the first page of data behind i.
func (d *content) nextPage(i int64) int64 {
	next := int64(maxSize / pageSize)
	for n, p := range d.pages {
		if p != unwritten && n > i && n < next {
			next = n
		}
	}
	return next
}

// dataUnits is into how many parts a file is divided to find its data. It bounds what
// that takes, whatever the file is like.
const dataUnits = 1 << 16

// A dataMap is, by unit of a file, from where to where there is data.
type dataMap struct {
	unit  int64
	parts map[int64]vfs.Extent
}

// add adds [off, end), in one unit.
func (m *dataMap) add(off, end int64) {
	e, ok := m.parts[off/m.unit]
	if ok {
		off, end = min(off, e.Off), max(end, e.Off+e.Len)
	}
	m.parts[off/m.unit] = vfs.Extent{Off: off, Len: end - off}
}

// data returns where there is data, in whole pages but for the file's end.
func (d *content) data() (list []vfs.Extent) {
	m := dataMap{pageSize, map[int64]vfs.Extent{}}
	for m.unit*dataUnits < d.size {
		m.unit *= 2
	}
	if d.mem != nil {
		d.mappedData(&m)
	} else {
		for i, p := range d.pages {
			if at := i * pageSize; p != unwritten && at < d.size {
				m.add(at, min(at+pageSize, d.size))
			}
		}
	}
	for _, i := range slices.Sorted(maps.Keys(m.parts)) {
		e := m.parts[i]
		if last := len(list) - 1; last >= 0 && list[last].Off+list[last].Len == e.Off {
			list[last].Len += e.Len
		} else {
			list = append(list, e)
		}
	}
	return list
}

// mappedData fills in m from mem, with three host calls a unit at most.
func (d *content) mappedData(m *dataMap) {
	for at := int64(0); at < d.size; {
		off, err := d.mem.SeekHole(at, linux.SEEK_DATA)
		if err != nil || off >= d.size {
			return
		}
		next := (off/m.unit + 1) * m.unit
		end := min(next, d.size)
		if hole, err := d.mem.SeekHole(off, linux.SEEK_HOLE); err == nil && hole < end {
			if more, err := d.mem.SeekHole(hole, linux.SEEK_DATA); err != nil || more >= end {
				end = hole
			}
		}
		m.add(off, end)
		at = next
	}
}
