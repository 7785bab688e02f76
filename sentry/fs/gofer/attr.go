package gofer

import (
	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/p9"
	"glovebox/sentry/vfs"
)

func attrOf(a *p9.Attr) vfs.Attr {
	return vfs.Attr{
		Dev: a.Dev, Ino: a.QID.Path, Mode: a.Mode, Nlink: uint32(min(a.Nlink, 1<<32-1)), UID: a.UID, GID: a.GID,
		RDev: a.RDev, Size: int64(a.Size), Blocks: a.Blocks, BlkSize: uint32(min(a.BlkSize, 1<<30)),
		Atime: timespec(a.ATime), Mtime: timespec(a.MTime), Ctime: timespec(a.CTime),
		Btime: timespec(a.BTime), BtimeKnown: a.Valid&p9.AttrBTime != 0,
	}
}

// fromStat updates a by what fstat(2) says of the same file, but for its owner: the
// Sentry's user namespace knows hardly any ids, the gofer's does.
func fromStat(a *vfs.Attr, st *unix.Stat_t) {
	host := func(t unix.Timespec) linux.Timespec { return linux.Timespec{Sec: t.Sec, Nsec: t.Nsec} }
	a.Mode, a.Nlink = st.Mode, uint32(st.Nlink)
	a.Size, a.Blocks, a.BlkSize = st.Size, uint64(st.Blocks), uint32(st.Blksize)
	a.Atime, a.Mtime, a.Ctime = host(st.Atim), host(st.Mtim), host(st.Ctim)
}

func timespec(t p9.Time) linux.Timespec { return linux.Timespec{Sec: t.Sec, Nsec: t.NSec} }
func timeOf(t linux.Timespec) p9.Time   { return p9.Time{Sec: t.Sec, NSec: t.Nsec} }
