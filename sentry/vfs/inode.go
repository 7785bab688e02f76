package vfs

import "glovebox/abi/linux"

// An Inode is a file of a file system, whatever its names (struct
// inode_operations). The VFS has checked permissions, names (no "", ".", ".."
// or "/", at most NAME_MAX bytes) and that the mount is writable before it
// calls; file systems check what only they know. Methods may be called by
// several tasks at once and may block on the file's server, never on a guest.
// Errors are linux.Errno.
//
// What an inode is beyond that it says by the optional interfaces Dir,
// Symlink, Jumper, Xattrs and Permitter.
type Inode interface {
	// Kind is the file's type, one of S_IF*. It never changes.
	Kind() uint32
	// Attr returns the file's attributes.
	Attr(c *Ctx) (Attr, error)
	// SetAttr changes what s.Mask names.
	SetAttr(c *Ctx, s SetAttr) error
	// Open returns what stands behind a new open file. flags are open(2)'s;
	// O_CREAT, O_EXCL and O_TRUNC have been dealt with. Device nodes, FIFOs
	// and sockets are opened by the VFS and are not asked, unless they
	// implement SelfOpener.
	Open(c *Ctx, flags uint32) (FileOps, error)
}

// A Dir is an inode with names in it. Reading it is Open's Dirents.
type Dir interface {
	Inode
	// Lookup returns the inode at name: ENOENT if there is none. The same
	// file is the same Inode (==) as long as anyone holds it.
	Lookup(c *Ctx, name string) (Inode, error)
	// Create makes a regular file, directory, device node, FIFO or socket:
	// mode holds S_IF* and permissions with the umask applied, rdev is a
	// device's number. The owner is c.Creds's file system ids, as
	// inode_init_owner has it. EEXIST if the name is taken.
	Create(c *Ctx, name string, mode uint32, rdev uint64) (Inode, error)
	// Symlink makes a symbolic link to target.
	Symlink(c *Ctx, name, target string) (Inode, error)
	// Link gives old, of the same file system, another name.
	Link(c *Ctx, name string, old Inode) error
	// Remove takes away name, which is child: unlink(2), or rmdir(2) if
	// child is a directory (ENOTEMPTY).
	Remove(c *Ctx, name string, child Inode) error
	// Rename moves name, which is child, to newName in to, where target is; nil
	// for none. It is replaced. flags are renameat2(2)'s; EINVAL for those not
	// supported.
	Rename(c *Ctx, name string, child Inode, to Dir, newName string, target Inode, flags uint32) error
}

// A Temper is a directory in which files without a name can be made (O_TMPFILE).
// Link gives such a file its first name, as long as it is open.
type Temper interface {
	Temp(c *Ctx, mode uint32) (Inode, error)
}

// A Symlink is an inode that stands for a path.
type Symlink interface {
	Readlink(c *Ctx) (string, error)
}

// A Jumper is a magic link as /proc/PID/exe: following it goes to a file, not
// to a path. Jump's Path is the caller's to release.
type Jumper interface {
	Jump(c *Ctx) (Path, error)
}

// Xattrs is an inode with extended attributes, named with their prefix
// (xattr(7)). ENODATA for a name that is not there.
type Xattrs interface {
	GetXattr(c *Ctx, name string) ([]byte, error)
	// SetXattr's flags are XATTR_CREATE and XATTR_REPLACE.
	SetXattr(c *Ctx, name string, value []byte, flags uint32) error
	RemoveXattr(c *Ctx, name string) error
	ListXattr(c *Ctx) ([]string, error)
}

// A Permitter is an inode that decides by itself who may access it; want is a
// mask of MayRead, MayWrite and MayExec. All others follow mode and owner.
type Permitter interface {
	Permission(c *Ctx, want Access) error
}

// A SelfOpener is a device node, FIFO or socket inode whose Open is to be
// called.
type SelfOpener interface{ OpensItself() }

// A Revalidator is a directory whose names change behind the VFS's back:
// Revalidate reports whether name still is child. Directories without it are
// cached until the VFS itself changes them.
type Revalidator interface {
	Revalidate(c *Ctx, name string, child Inode) bool
}

// A FileSystem is what can be mounted (struct super_block).
type FileSystem interface {
	// Type is what /proc/mounts shows.
	Type() string
	// Root returns the root directory, or the file of a file mount.
	Root() Inode
	// Statfs is statfs(2); f_flags are the mount's and are added by the VFS.
	Statfs(c *Ctx) (linux.Statfs, error)
	// Sync writes out what is dirty.
	Sync(c *Ctx) error
	// Release is called when the last mount is gone.
	Release()
}

// Access is a mask of what is wanted of a file (access(2)).
type Access uint8

// What can be wanted.
const (
	MayExec  Access = 1
	MayWrite Access = 2
	MayRead  Access = 4
)

// Attr is an inode's attributes (struct kstat).
type Attr struct {
	Dev, Ino   uint64
	Mode       uint32 // with S_IF*
	Nlink      uint32
	UID, GID   uint32
	RDev       uint64
	Size       int64  // bytes
	Blocks     uint64 // of 512 bytes
	BlkSize    uint32 // bytes
	Atime      linux.Timespec
	Mtime      linux.Timespec
	Ctime      linux.Timespec
	Btime      linux.Timespec
	BtimeKnown bool
}

// A SetMask says which fields of a SetAttr count.
type SetMask uint16

// Fields of SetAttr. SetAtimeNow and SetMtimeNow stand for the current time.
const (
	SetMode SetMask = 1 << iota
	SetUID
	SetGID
	SetSize
	SetAtime
	SetMtime
	SetAtimeNow
	SetMtimeNow
)

// SetAttr is a change of attributes (struct iattr). The VFS has dealt with
// what chown(2) and write(2) do to the set-id bits.
type SetAttr struct {
	Mask         SetMask
	Mode         uint32 // without S_IF*
	UID, GID     uint32
	Size         int64
	Atime, Mtime linux.Timespec
}

// Optional interfaces of what stands behind an open file.

// A Dirents is an open directory. Offsets are opaque but for 0, the start.
type Dirents interface {
	// ReadDir calls add with each entry behind off until add returns false;
	// the entry for which it returned false is read again the next time. "."
	// and ".." are the file system's to give (DirOffset's first two).
	ReadDir(c *Ctx, off int64, add func(Dirent) bool) error
}

// A Dirent is a directory's entry (struct linux_dirent64).
type Dirent struct {
	Ino  uint64
	Next int64 // the offset to go on from after this entry
	Type uint8 // DT_*
	Name string
}

// A Seeker is an open file with a say in lseek(2): SEEK_END, SEEK_DATA,
// SEEK_HOLE and files that refuse. Without it a regular file or directory has
// Linux's default, everything else ESPIPE.
type Seeker interface {
	Seek(c *Ctx, cur, off int64, whence int) (int64, error)
}

// A HoleSeeker is a regular file with holes in it, for SEEK_DATA and SEEK_HOLE;
// other files have but the one at their end.
type HoleSeeker interface {
	// SeekHole returns where the first data, or the first hole, at or behind off is.
	SeekHole(off int64, whence int) (int64, error)
}

// An Extent is a part of a file in bytes.
type Extent struct{ Off, Len int64 }

// A DataLister is a regular file that knows all its data at once.
type DataLister interface {
	// Data returns the file's size and where there may be data, by rising offset; all
	// else are zeros. Of a file with many holes small ones count as data.
	Data() (size int64, list []Extent)
}

// A Syncer is an open file with fsync(2).
type Syncer interface {
	Fsync(c *Ctx, dataOnly bool) error
}

// An Allocator is an open file with fallocate(2).
type Allocator interface {
	Fallocate(c *Ctx, mode uint32, off, n int64) error
}

// A FlagSetter is an open file that must know when F_SETFL changes its flags.
type FlagSetter interface {
	SetFlags(flags uint32)
}
