package guest

import "slices"

// Clone returns a copy of b that advances on its own: for a file that must
// look at what it is given before it can say that there is no room for it.
func (b *Buf) Clone() Buf {
	c := *b
	c.segs = slices.Clone(b.segs)
	return c
}
