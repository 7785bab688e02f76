package vfs

import "glovebox/abi/linux"

// OpenExec opens the file at p to be executed, which needs no permission to
// read it (do_open_execat).
func (v *VFS) OpenExec(c *Ctx, p Path) (*File, error) {
	if err := MayExecute(c, p); err != nil {
		return nil, err
	}
	return v.openInode(c, p, linux.O_RDONLY)
}
