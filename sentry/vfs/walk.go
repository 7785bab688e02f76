package vfs

import (
	"strings"

	"glovebox/abi/linux"
)

// WalkFlags say how a path's last component is treated, and what is allowed on
// the way (openat2(2)).
type WalkFlags uint32

// Flags of a walk.
const (
	// NoFollow does not follow a symbolic link at the end.
	NoFollow WalkFlags = 1 << iota
	// AllowEmpty lets "" stand for the start itself (AT_EMPTY_PATH).
	AllowEmpty
	// Directory demands a directory.
	Directory

	NoXDev
	NoMagicLinks
	NoSymlinks
	Beneath
	InRoot
)

// A walker resolves one path (path_resolution(7)).
type walker struct {
	v     *VFS
	c     *Ctx
	root  Path // ".." goes no higher
	at    Path
	flags WalkFlags
	links int
}

// Walk resolves path from start, which counts if path is relative.
func (v *VFS) Walk(c *Ctx, start Path, path string, flags WalkFlags) (Path, error) {
	if path == "" {
		if flags&AllowEmpty != 0 {
			return start, nil
		}
		return Path{}, linux.ENOENT
	}
	w := walker{v: v, c: c, root: c.Root, at: start, flags: flags}
	last, slash, err := w.parent(path)
	if err != nil {
		return Path{}, err
	}
	return w.last(last, slash)
}

// WalkParent resolves all of path but its last component. last is "." or ".."
// where path ends so, and "" for "/"; slash says that slashes follow it.
func (v *VFS) WalkParent(c *Ctx, start Path, path string, flags WalkFlags) (dir Path, last string, slash bool, err error) {
	if path == "" {
		return Path{}, "", false, linux.ENOENT
	}
	w := walker{v: v, c: c, root: c.Root, at: start, flags: flags}
	last, slash, err = w.parent(path)
	return w.at, last, slash, err
}

// begin goes to where path starts.
func (w *walker) begin(path string) error {
	if len(path) >= linux.PATH_MAX {
		return linux.ENAMETOOLONG
	}
	if w.flags&(InRoot|Beneath) != 0 && w.links == 0 {
		w.root = w.at
	}
	if path[0] != '/' {
		return nil
	}
	if w.flags&Beneath != 0 || w.flags&NoXDev != 0 && w.root.Mount != w.at.Mount {
		return linux.EXDEV
	}
	w.at = w.root
	return nil
}

// parent goes to the directory that holds path's last component.
func (w *walker) parent(path string) (last string, slash bool, err error) {
	if err := w.begin(path); err != nil {
		return "", false, err
	}
	for {
		path = strings.TrimLeft(path, "/")
		if path == "" {
			return "", false, nil
		}
		i := strings.IndexByte(path, '/')
		if i < 0 {
			return path, false, nil
		}
		name, rest := path[:i], path[i:]
		if strings.TrimLeft(rest, "/") == "" {
			return name, true, nil
		}
		if err := w.step(name, true); err != nil {
			return "", false, err
		}
		if !w.at.Dentry.isDir() {
			return "", false, linux.ENOTDIR
		}
		path = rest
	}
}

// last goes to the last component.
func (w *walker) last(name string, slash bool) (Path, error) {
	follow := w.flags&NoFollow == 0 || slash
	if name != "" {
		if err := w.step(name, follow); err != nil {
			return Path{}, err
		}
	}
	if (slash || w.flags&Directory != 0) && !w.at.Dentry.isDir() {
		return Path{}, linux.ENOTDIR
	}
	return w.at, nil
}

// step goes to name in the directory where w is.
func (w *walker) step(name string, follow bool) error {
	if !w.at.Dentry.isDir() {
		return linux.ENOTDIR
	}
	if err := maySearch(w.c, w.at.Inode()); err != nil {
		return err
	}
	switch name {
	case ".":
		return nil
	case "..":
		return w.goUp()
	}
	if len(name) > linux.NAME_MAX {
		return linux.ENAMETOOLONG
	}
	d, err := w.at.Dentry.child(w.c, name)
	if err != nil {
		return err
	}
	next := w.v.down(Path{w.at.Mount, d})
	if next.Mount != w.at.Mount && w.flags&NoXDev != 0 {
		return linux.EXDEV
	}
	if follow && next.Inode().Kind() == linux.S_IFLNK {
		return w.follow(next)
	}
	w.at = next
	return nil
}

// goUp goes to ".." (fs/namei.c, follow_dotdot): at the root that is where it is,
// or what is mounted on it.
func (w *walker) goUp() error {
	above, ok := w.v.above(w.root, w.at)
	if !ok && w.flags&Beneath != 0 {
		return linux.EXDEV
	}
	up := w.v.down(above)
	if w.flags&NoXDev != 0 && up.Mount != w.at.Mount {
		return linux.EXDEV
	}
	w.at = up
	return nil
}

// follow goes to where the link points. The link lies in the directory where w
// is.
func (w *walker) follow(link Path) error {
	if w.links++; w.links > linux.MAXSYMLINKS || w.flags&NoSymlinks != 0 {
		return linux.ELOOP
	}
	if j, ok := link.Inode().(Jumper); ok {
		if w.flags&(NoMagicLinks|Beneath|InRoot) != 0 {
			return linux.ELOOP
		}
		to, err := j.Jump(w.c)
		if err != nil {
			return err
		}
		w.at = to
		return nil
	}
	l, ok := link.Inode().(Symlink)
	if !ok {
		return linux.EIO
	}
	target, err := l.Readlink(w.c)
	if err != nil {
		return err
	}
	if target == "" {
		return linux.ENOENT
	}
	name, slash, err := w.parent(target)
	if err != nil || name == "" {
		return err
	}
	if err := w.step(name, true); err != nil {
		return err
	}
	if slash && !w.at.Dentry.isDir() {
		return linux.ENOTDIR
	}
	return nil
}
