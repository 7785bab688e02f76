package tmpfs

import "glovebox/abi/linux"

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
