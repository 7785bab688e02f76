package unix

import (
	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

// create makes the file of a socket that is bound to path (unix_bind_bsd).
func create(c *vfs.Ctx, path string) (vfs.Inode, error) {
	err := c.VFS.Mknod(c, c.Cwd, path, linux.S_IFSOCK|0o777, 0)
	if err == linux.EEXIST {
		err = linux.EADDRINUSE
	}
	if err != nil {
		return nil, err
	}
	p, err := c.VFS.Walk(c, c.Cwd, path, vfs.NoFollow)
	if err != nil {
		return nil, err
	}
	return p.Inode(), nil
}

// exists reports whether path names anything.
func exists(c *vfs.Ctx, path string) bool {
	_, err := c.VFS.Walk(c, c.Cwd, path, vfs.NoFollow)
	return err == nil
}

// lookup returns the inode that path names (unix_find_bsd).
func lookup(c *vfs.Ctx, path string) (vfs.Inode, error) {
	p, err := c.VFS.Walk(c, c.Cwd, path, 0)
	if err != nil {
		return nil, err
	}
	if err := vfs.AccessPath(c, p, vfs.MayWrite); err != nil {
		return nil, err
	}
	if p.Inode().Kind() != linux.S_IFSOCK {
		return nil, linux.ECONNREFUSED
	}
	return p.Inode(), nil
}
