package synth

import (
	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

// A Dir is a directory with names that do not change.
type Dir struct {
	node
	index map[string]vfs.Inode
	names []string // in the order of Add
}

var _ vfs.Dir = (*Dir)(nil)

// Dir returns an empty directory.
func (fs *FS) Dir(m Meta) *Dir {
	return &Dir{node: node{fs: fs, kind: linux.S_IFDIR, meta: m}, index: map[string]vfs.Inode{}}
}

// Add gives child a name, before anyone sees d; it returns d. A child that was
// not made by this package has its own inode number.
func (d *Dir) Add(name string, child vfs.Inode) *Dir {
	if _, ok := d.index[name]; !ok {
		d.names = append(d.names, name)
	}
	d.index[name] = child
	return d
}

// give returns child with its inode number in d.
func (d *Dir) give(name string, child vfs.Inode) vfs.Inode {
	if n, ok := child.(placed); ok {
		n.place(inoOf(d.ino, name), d.ino)
	}
	return child
}

// place implements placed: numbers go down the tree.
func (d *Dir) place(ino, parent uint64) {
	if d.ino != 0 {
		return
	}
	d.node.place(ino, parent)
	for name, ch := range d.index {
		d.give(name, ch)
	}
}

// Attr implements vfs.Inode.
func (d *Dir) Attr(c *vfs.Ctx) (vfs.Attr, error) {
	a, err := d.node.Attr(c)
	a.Nlink = 2
	for _, ch := range d.index {
		if ch.Kind() == linux.S_IFDIR {
			a.Nlink++
		}
	}
	return a, err
}

// Lookup implements vfs.Dir.
func (d *Dir) Lookup(_ *vfs.Ctx, name string) (vfs.Inode, error) {
	if ch, ok := d.index[name]; ok {
		return ch, nil
	}
	return nil, linux.ENOENT
}

// Create implements vfs.Dir. As in proc, nothing can be made: ENOENT for a file
// that open(2) would make, EPERM for the rest.
func (d *Dir) Create(_ *vfs.Ctx, _ string, mode uint32, _ uint64) (vfs.Inode, error) {
	if mode&linux.S_IFMT == linux.S_IFREG {
		return nil, linux.ENOENT
	}
	return nil, linux.EPERM
}

// Symlink implements vfs.Dir.
func (d *Dir) Symlink(*vfs.Ctx, string, string) (vfs.Inode, error) { return nil, linux.EPERM }

// Link implements vfs.Dir.
func (d *Dir) Link(*vfs.Ctx, string, vfs.Inode) error { return linux.EPERM }

// Remove implements vfs.Dir.
func (d *Dir) Remove(*vfs.Ctx, string, vfs.Inode) error { return linux.EPERM }

// Rename implements vfs.Dir.
func (d *Dir) Rename(*vfs.Ctx, string, vfs.Inode, vfs.Dir, string, vfs.Inode, uint32) error {
	return linux.EPERM
}

// Open implements vfs.Inode.
func (d *Dir) Open(*vfs.Ctx, uint32) (vfs.FileOps, error) { return &openDir{d: d}, nil }

// Offsets in a directory: two for "." and "..", one for each fixed name, and
// liveBase added to those that a Names gives.
const liveBase = 1 << 32

// list gives the fixed names from offset off on.
func (d *Dir) list(off int64, add func(vfs.Dirent) bool) bool {
	if off <= 0 && !add(vfs.Dirent{Ino: d.ino, Next: 1, Type: linux.DT_DIR, Name: "."}) {
		return false
	}
	if off <= 1 && !add(vfs.Dirent{Ino: d.parent, Next: 2, Type: linux.DT_DIR, Name: ".."}) {
		return false
	}
	for i := max(off-2, 0); i < int64(len(d.names)); i++ {
		name := d.names[i]
		e := vfs.Dirent{Ino: inoOf(d.ino, name), Next: i + 3, Type: uint8(d.index[name].Kind() >> 12), Name: name}
		if !add(e) {
			return false
		}
	}
	return true
}

// An openDir is a Dir being read.
type openDir struct {
	vfs.NoFile
	d *Dir
}

// Read implements vfs.FileOps.
func (*openDir) Read(*vfs.Ctx, *guest.Buf, int64) (int64, error) { return 0, linux.EISDIR }

// ReadDir implements vfs.Dirents.
func (o *openDir) ReadDir(_ *vfs.Ctx, off int64, add func(vfs.Dirent) bool) error {
	o.d.list(off, add)
	return nil
}

// Names is what a LiveDir asks for names that come and go.
type Names interface {
	// Lookup returns the node at name: ENOENT if there is none. It may be
	// a new one each time.
	Lookup(c *vfs.Ctx, name string) (vfs.Inode, error)
	// Valid reports whether child, which Lookup returned, still is at name.
	Valid(c *vfs.Ctx, name string, child vfs.Inode) bool
	// List calls add with the names whose cookies are at least from, by
	// rising cookie, until add returns false. Cookies are below 1<<62 and
	// stay the same for a name; kind is S_IF*.
	List(c *vfs.Ctx, from int64, add func(cookie int64, name string, kind uint32) bool) error
}

// A LiveDir is a Dir with more names that come and go.
type LiveDir struct {
	Dir
	more Names
}

var _ vfs.Revalidator = (*LiveDir)(nil)

// LiveDir returns a directory with the names that more gives, and those that
// Add fixes, which come first.
func (fs *FS) LiveDir(m Meta, more Names) *LiveDir {
	return &LiveDir{
		Dir:  Dir{node: node{fs: fs, kind: linux.S_IFDIR, meta: m}, index: map[string]vfs.Inode{}},
		more: more,
	}
}

// Lookup implements vfs.Dir.
func (d *LiveDir) Lookup(c *vfs.Ctx, name string) (vfs.Inode, error) {
	if ch, ok := d.index[name]; ok {
		return ch, nil
	}
	ch, err := d.more.Lookup(c, name)
	if err != nil {
		return nil, err
	}
	return d.give(name, ch), nil
}

// Revalidate implements vfs.Revalidator.
func (d *LiveDir) Revalidate(c *vfs.Ctx, name string, child vfs.Inode) bool {
	if d.index[name] == child {
		return true
	}
	return d.more.Valid(c, name, child)
}

// Open implements vfs.Inode.
func (d *LiveDir) Open(*vfs.Ctx, uint32) (vfs.FileOps, error) {
	return &openLiveDir{openDir{d: &d.Dir}, d.more}, nil
}

type openLiveDir struct {
	openDir
	more Names
}

// ReadDir implements vfs.Dirents.
func (o *openLiveDir) ReadDir(c *vfs.Ctx, off int64, add func(vfs.Dirent) bool) error {
	if off < liveBase && !o.d.list(off, add) {
		return nil
	}
	return o.more.List(c, max(off-liveBase, 0), func(cookie int64, name string, kind uint32) bool {
		return add(vfs.Dirent{
			Ino: inoOf(o.d.ino, name), Next: liveBase + cookie + 1, Type: uint8(kind >> 12), Name: name,
		})
	})
}
