package ipc

import (
	"fmt"
	"strings"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/memfile"
	"glovebox/sentry/mm"
)

// A Segment is a piece of shared memory. Mappings hold it as their file; it
// goes when it was removed and the last mapping is gone.
type Segment struct {
	perm
	ns   *Namespace
	mem  *memfile.File
	size uint64 // immutable, bytes as asked for

	// Guarded by Namespace.mu.
	attached     int
	atime, dtime int64
	cpid, lpid   int32
	locked       bool
}

// maxSegment is the largest segment in bytes.
const maxSegment = 1 << 46

// Shmget is shmget(2).
func (ns *Namespace) Shmget(w Who, key int32, size uint64, flags uint32) (int32, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return ns.shms.get(w, key, flags, int(ns.limits.ShmMNI), func(s *Segment) error {
		if s.size < size {
			return linux.EINVAL
		}
		return nil
	}, func() (*Segment, error) {
		if size == 0 || size > min(maxSegment, ns.limits.ShmMax) {
			return nil, linux.EINVAL
		}
		if ns.shmPagesLocked()+pages(size) > ns.limits.ShmAll {
			return nil, linux.ENOSPC
		}
		mem, err := w.Memory.NewShared("sysv")
		if err != nil {
			return nil, err
		}
		return &Segment{ns: ns, mem: mem, size: size, cpid: w.PID}, nil
	})
}

// Shmat returns the segment to map, which mode (S_I*) must allow. It counts as
// attached until Dec.
func (ns *Namespace) Shmat(w Who, id int32, mode uint32) (*Segment, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	s, err := ns.shms.find(id)
	if err != nil {
		return nil, err
	}
	if !s.allows(w, mode) {
		return nil, linux.EACCES
	}
	s.attached++
	s.atime, s.lpid = now(), w.PID
	return s, nil
}

// Size returns the segment's size in bytes.
func (s *Segment) Size() uint64 { return s.size }

// Detached notes who detached the segment id (shmdt(2)).
func (ns *Namespace) Detached(w Who, id int32) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	if s, err := ns.shms.find(id); err == nil {
		s.dtime, s.lpid = now(), w.PID
	}
}

// ShmStat is IPC_STAT, or SHM_STAT and SHM_STAT_ANY, which name an index and
// get the id.
func (ns *Namespace) ShmStat(w Who, id int32, cmd int) (linux.ShmidDS, int32, error) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	find := ns.shms.find
	if cmd != linux.IPC_STAT {
		find = ns.shms.at
	}
	s, err := find(id)
	if err != nil {
		return linux.ShmidDS{}, 0, err
	}
	if cmd != linux.SHM_STAT_ANY && !s.allows(w, 0o444) {
		return linux.ShmidDS{}, 0, linux.EACCES
	}
	d := linux.ShmidDS{
		Perm: s.show(), Size: s.size, Atime: s.atime, Dtime: s.dtime, Ctime: s.ctime,
		CPID: s.cpid, LPID: s.lpid, Nattch: uint64(s.attached),
	}
	if s.removed {
		d.Perm.Mode |= linux.SHM_DEST
	}
	if s.locked {
		d.Perm.Mode |= linux.SHM_LOCKED
	}
	return d, s.id, nil
}

// ShmSet is IPC_SET.
func (ns *Namespace) ShmSet(w Who, id int32, to *linux.IPCPerm) error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	s, err := ns.shms.find(id)
	if err != nil {
		return err
	}
	return s.set(w, to)
}

// ShmRemove is IPC_RMID: the segment has no key any more, and goes with its
// last mapping.
func (ns *Namespace) ShmRemove(w Who, id int32) error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	s, err := ns.shms.find(id)
	if err != nil {
		return err
	}
	if !s.owned(w) {
		return linux.EPERM
	}
	s.removed, s.key = true, linux.IPC_PRIVATE
	s.destroyLocked()
	return nil
}

// ShmLock is SHM_LOCK and SHM_UNLOCK, which are noted.
func (ns *Namespace) ShmLock(w Who, id int32, cmd int) error {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	s, err := ns.shms.find(id)
	if err != nil {
		return err
	}
	if !s.owned(w) {
		return linux.EPERM
	}
	s.locked = cmd == linux.SHM_LOCK
	return nil
}

// ShmInfo is SHM_INFO, and the highest index.
func (ns *Namespace) ShmInfo() (linux.ShmInfo, uintptr) {
	ns.mu.Lock()
	defer ns.mu.Unlock()
	return linux.ShmInfo{UsedIDs: int32(ns.shms.count), Total: ns.shmPagesLocked()}, ns.shms.highest()
}

func (ns *Namespace) shmPagesLocked() (n uint64) {
	for _, s := range ns.shms.slots {
		if s != nil {
			n += pages(s.size)
		}
	}
	return n
}

func pages(size uint64) uint64 { return (size + guest.PageSize - 1) / guest.PageSize }

// destroyLocked ends a removed segment that nobody maps.
func (s *Segment) destroyLocked() {
	if s.removed && s.attached == 0 {
		s.ns.shms.remove(s)
		s.mem.Dec()
	}
}

// Inc implements mm.FileRef: a mapping more.
func (s *Segment) Inc() {
	s.ns.mu.Lock()
	s.attached++
	s.ns.mu.Unlock()
}

// Dec implements mm.FileRef.
func (s *Segment) Dec() {
	s.ns.mu.Lock()
	s.attached--
	s.destroyLocked()
	s.ns.mu.Unlock()
}

// Dev is the device number of segments in /proc/PID/maps; their inode is the
// id.
const Dev = 1

// MapName implements mm.FileRef.
func (s *Segment) MapName() (path string, dev, ino uint64) {
	s.ns.mu.Lock()
	defer s.ns.mu.Unlock()
	return fmt.Sprintf("/SYSV%08x", uint32(s.key)), Dev, uint64(s.id)
}

// Mappable implements mm.FileRef.
func (s *Segment) Mappable() mm.Mappable { return s }

// Backing implements mm.Mappable.
func (s *Segment) Backing(bool) (mm.Backing, bool, error) {
	s.mem.Refs.Inc()
	return backing{s.mem, s.size}, true, nil
}

// ReadAt implements mm.Mappable: private mappings of a segment do not exist.
func (s *Segment) ReadAt([]byte, int64) (int, error) { return 0, linux.EIO }

type backing struct {
	*memfile.File
	size uint64
}

// Size implements mm.Backing: all of the last page is there.
func (b backing) Size() (int64, error) {
	return int64((b.size + guest.PageSize - 1) &^ (guest.PageSize - 1)), nil
}

// Version implements platform.Versioned: processes write to it unseen.
func (b backing) Version() (uint64, bool) { return 0, false }

func (b backing) Inc()     { b.Refs.Inc() }
func (b backing) Release() { b.Dec() }

// IsSegment reports whether a mapping of that path and device is a Segment.
func IsSegment(path string, dev uint64) bool { return dev == Dev && strings.HasPrefix(path, "/SYSV") }
