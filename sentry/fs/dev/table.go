package dev

import (
	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

// memMajor is the major number of memory devices (Documentation/admin-guide/
// devices.txt).
const memMajor = 1

// nodes are the devices of this package and those of terminals, which the OCI
// runtime specification demands.
var nodes = []struct {
	name         string
	major, minor uint32
	open         func() vfs.FileOps // nil: package devpts opens it
}{
	{"null", memMajor, 3, func() vfs.FileOps { return null{} }},
	{"zero", memMajor, 5, func() vfs.FileOps { return zero{} }},
	{"full", memMajor, 7, func() vfs.FileOps { return full{} }},
	{"random", memMajor, 8, func() vfs.FileOps { return random{} }},
	{"urandom", memMajor, 9, func() vfs.FileOps { return random{} }},
	{"tty", 5, 0, nil},
}

// Register adds the devices of this package to a VFS's table.
func Register(table map[vfs.Device]vfs.OpenDevice) {
	for _, n := range nodes {
		if n.open == nil {
			continue
		}
		d := vfs.Device{Kind: linux.S_IFCHR, Major: n.major, Minor: n.minor}
		table[d] = func(*vfs.Ctx, vfs.Path, uint32) (vfs.FileOps, error) { return n.open(), nil }
	}
}

// links are the symbolic links of /dev (OCI runtime specification).
var links = [][2]string{
	{"fd", "/proc/self/fd"},
	{"stdin", "/proc/self/fd/0"},
	{"stdout", "/proc/self/fd/1"},
	{"stderr", "/proc/self/fd/2"},
	{"ptmx", "pts/ptmx"},
}

// Populate makes in dir, the root of /dev, what every container finds there. A
// name that is taken stays as it is.
func Populate(c *vfs.Ctx, dir vfs.Dir) error {
	for _, n := range nodes {
		if _, err := dir.Create(c, n.name, linux.S_IFCHR|0o666, vfs.MakeDev(n.major, n.minor)); failed(err) {
			return err
		}
	}
	for _, l := range links {
		if _, err := dir.Symlink(c, l[0], l[1]); failed(err) {
			return err
		}
	}
	for _, name := range []string{"pts", "shm", "mqueue"} {
		if _, err := dir.Create(c, name, linux.S_IFDIR|0o755, 0); failed(err) {
			return err
		}
	}
	return nil
}

func failed(err error) bool { return err != nil && err != linux.EEXIST }
