package pipe

import (
	"sync"

	"glovebox/sentry/vfs"
)

// FIFOs finds the pipe of a FIFO by its inode, for as long as it is open. The
// zero value is empty.
type FIFOs struct {
	mu   sync.Mutex // a leaf
	open map[vfs.Inode]*named
}

// A named is a FIFO and how often it is open.
type named struct {
	fifo  FIFO
	opens int // guarded by FIFOs.mu
}

// Open opens the FIFO that inode is (fifo(7)); it is a VFS's FIFO function.
func (fs *FIFOs) Open(c *vfs.Ctx, inode vfs.Inode, flags uint32) (vfs.FileOps, error) {
	fs.mu.Lock()
	if fs.open == nil {
		fs.open = map[vfs.Inode]*named{}
	}
	n := fs.open[inode]
	if n == nil {
		n = new(named)
		fs.open[inode] = n
	}
	n.opens++
	fs.mu.Unlock()
	mode, how := modeOf(flags)
	e, err := n.fifo.Open(mode, how, c.Heap)
	if err != nil {
		fs.closed(inode)
		return nil, err
	}
	e.SetFlags(flags)
	e.released = func() { fs.closed(inode) }
	return e, nil
}

// closed forgets a FIFO that nobody has open.
func (fs *FIFOs) closed(inode vfs.Inode) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	n := fs.open[inode]
	if n.opens--; n.opens == 0 {
		delete(fs.open, inode)
	}
}
