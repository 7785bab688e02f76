package tmpfs

import (
	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

const allSeals = linux.F_SEAL_SEAL | linux.F_SEAL_SHRINK | linux.F_SEAL_GROW | linux.F_SEAL_WRITE |
	linux.F_SEAL_FUTURE_WRITE | linux.F_SEAL_EXEC

// noWrites are the seals that keep new writers out.
const noWrites = linux.F_SEAL_WRITE | linux.F_SEAL_FUTURE_WRITE

// NewMemory returns a regular file that no directory holds, with the seals that
// it starts with (memfd_create(2)).
func (fs *FileSystem) NewMemory(mode, uid, gid, seals uint32) vfs.Inode {
	n := fs.newNode(linux.S_IFREG|mode, uid, gid)
	n.nlink = 0
	n.seals = seals
	return n.inode()
}

// Seals is F_GET_SEALS.
func (o *openFile) Seals() uint32 {
	o.n.mu.RLock()
	defer o.n.mu.RUnlock()
	return o.n.seals
}

// AddSeals is F_ADD_SEALS (memfd_add_seals in mm/memfd.c).
func (o *openFile) AddSeals(seals uint32) error {
	n := o.n
	n.mu.Lock()
	defer n.mu.Unlock()
	switch {
	case seals&^allSeals != 0:
		return linux.EINVAL
	case n.seals&linux.F_SEAL_SEAL != 0:
		return linux.EPERM
	case seals&linux.F_SEAL_WRITE != 0 && n.seals&linux.F_SEAL_WRITE == 0 && n.writers.Load() > 0:
		return linux.EBUSY
	}
	if seals&linux.F_SEAL_EXEC != 0 && n.mode&0o111 != 0 {
		seals |= linux.F_SEAL_SHRINK | linux.F_SEAL_GROW | linux.F_SEAL_WRITE | linux.F_SEAL_FUTURE_WRITE
	}
	n.seals |= seals
	return nil
}

// mayWriteLocked reports what seals say to writing up to offset end.
func (n *node) mayWriteLocked(end int64) error {
	if n.seals&noWrites != 0 || n.seals&linux.F_SEAL_GROW != 0 && end > n.data.size {
		return linux.EPERM
	}
	return nil
}

// mayResizeLocked reports what seals say to a new size.
func (n *node) mayResizeLocked(size int64) error {
	if n.seals&linux.F_SEAL_SHRINK != 0 && size < n.data.size || n.seals&linux.F_SEAL_GROW != 0 && size > n.data.size {
		return linux.EPERM
	}
	return nil
}
