package mm

import "glovebox/sentry/platform"

// A Mappable is a file that mmap(2) can map: an optional interface of what
// stands behind an open file. Its methods may block on the file's server.
type Mappable interface {
	// Backing returns a host file whose offsets are the file's, writable if
	// write is set. ok is false where there is none to be had; a private
	// mapping then copies what ReadAt returns, a shared one fails with ENODEV.
	// The caller owns one reference, which it drops by Release.
	Backing(write bool) (b Backing, ok bool, err error)
	// ReadAt reads the file's bytes; a short count is the end of the file.
	ReadAt(p []byte, off int64) (int, error)
}

// A Backing is a counted reference to a host file with mapped content. Two
// Backings of one inode have the same ID, which futexes are found by.
type Backing interface {
	platform.HostFile
	// Size is the file's length in bytes now. Pages beyond it raise SIGBUS.
	Size() (int64, error)
	// Inc adds a reference.
	Inc()
	// Release drops one.
	Release()
}

// A FileRef is the open file behind a mapping, which the mapping keeps open.
// vfs.File implements it.
type FileRef interface {
	Inc()
	Dec()
	// MapName is what /proc/PID/maps shows: path, device and inode.
	MapName() (path string, dev uint64, ino uint64)
	// Mappable returns what can be mapped, or nil.
	Mappable() Mappable
}
