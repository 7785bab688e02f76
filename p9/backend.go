package p9

import "glovebox/abi/linux"

// An Attacher is what a server serves: trees by name.
type Attacher interface {
	Attach(name string) (Node, error)
}

// A Node is a file that a client has walked to. The server calls its methods
// from several goroutines, has checked that names can be names, and calls Close
// once, after everything else. Errors are linux.Errno; each may block.
type Node interface {
	Tree
	Directory
	Xattrs

	GetAttr() (Attr, error)
	SetAttr(SetAttr) error
	Readlink() (string, error)
	// Open returns the file opened: flags are an access mode and O_TRUNC.
	Open(flags uint32) (Handle, error)
	// Donate returns a descriptor to send to the client, and what it takes
	// to be done with it. EOPNOTSUPP refuses.
	Donate(flags uint32) (fd int, done func(), err error)
	StatFS() (StatFS, error)
}

// A Tree is how one node leads to others.
type Tree interface {
	// Walk returns the entry called name.
	Walk(name string) (Node, Attr, error)
	// Clone returns the node once more.
	Clone() (Node, error)
	Close()
}

// A Directory is a node with names in it; others return ENOTDIR.
type Directory interface {
	Make(New) (Node, Attr, error)
	Link(name string, old Node) error
	Unlink(name string, flags uint32) error
	Rename(name string, to Node, newName string, flags uint32) error
}

// Xattrs are a node's extended attributes.
type Xattrs interface {
	GetXattr(name string) ([]byte, error)
	SetXattr(name string, value []byte, flags uint32) error
	RemoveXattr(name string) error
	// ListXattr returns the names, each ended by a NUL.
	ListXattr() ([]byte, error)
}

// A Handle is a node opened. Offsets and lengths do not overflow an int64.
type Handle interface {
	ReadAt(p []byte, off int64) (int, error)
	WriteAt(p []byte, off int64) (int, error)
	// ReadDir calls add with the entries behind off until add returns
	// false; that entry is read again.
	ReadDir(off uint64, add func(Dirent) bool) error
	Fsync(dataOnly bool) error
	// TryLock returns EAGAIN where another lock is in the way.
	TryLock(Lock) error
	GetLock(Lock) (Lock, error)
	Close()
}

// owner of files made by the plain dialect, whose clients name no user: the one
// that the server runs as keeps them.
const noOwner = ^uint32(0)

// errBadFid is what 9P servers say of a fid that is not in use.
const errBadFid = linux.EBADF
