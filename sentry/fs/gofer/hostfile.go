package gofer

import (
	"container/list"
	"sync"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/host"
	"glovebox/p9"
	"glovebox/sentry/memfile"
)

// A hostFile is the descriptors of one file that the gofer donated. They stay
// open while anybody uses them, and some time longer.
type hostFile struct {
	id  uint64
	fid *p9.File

	mu     sync.Mutex
	ro, rw int           // guarded by mu; -1 for none
	users  int           // guarded by mu; open files and mappings
	idle   *list.Element // guarded by descriptors.mu; where nobody uses it
}

func newHostFile(f *p9.File) *hostFile {
	return &hostFile{id: memfile.NewID(), fid: f, ro: -1, rw: -1}
}

// ID implements platform.HostFile.
func (h *hostFile) ID() uint64 { return h.id }

// FD implements platform.HostFile. A descriptor that can write is never given
// out for reading.
func (h *hostFile) FD(write bool) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if write {
		return h.rw
	}
	return h.ro
}

// any returns a descriptor to read or write by, for the Sentry itself.
func (h *hostFile) any(write bool) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if write || h.ro < 0 {
		return h.rw
	}
	return h.ro
}

// Size implements mm.Backing.
func (h *hostFile) Size() (int64, error) {
	if st, ok := h.stat(); ok {
		return st.Size, nil
	}
	return 0, linux.EIO
}

func (h *hostFile) stat() (st unix.Stat_t, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	fd := h.ro
	if fd < 0 {
		fd = h.rw
	}
	if fd < 0 {
		return st, false
	}
	return st, unix.Fstat(fd, &st) == nil
}

// acquire makes sure that there is a descriptor, and counts a user.
// EOPNOTSUPP: the gofer donates none.
func (h *hostFile) acquire(d *descriptors, write bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	have, flags := &h.ro, uint32(linux.O_RDONLY)
	if write {
		have, flags = &h.rw, linux.O_RDWR
	}
	if *have < 0 {
		fd, err := h.fid.Donate(flags)
		if err != nil {
			return err
		}
		if err := checkDonated(fd, flags); err != nil {
			unix.Close(fd)
			return err
		}
		*have = fd
		d.opened()
	}
	if h.users++; h.users == 1 {
		d.busy(h)
	}
	return nil
}

// checkDonated makes sure that a descriptor is what was asked for: the gofer
// is not trusted.
func checkDonated(fd int, flags uint32) error {
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return linux.EIO
	}
	if made, err := host.MadeUp(fd); err != nil || made {
		return linux.EIO
	}
	// Others make a file be written elsewhere, or not at all.
	const matter = unix.O_ACCMODE | unix.O_PATH | unix.O_APPEND | unix.O_DIRECT | unix.O_ASYNC
	got, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
	if err != nil || uint32(got)&matter != flags {
		return linux.EIO
	}
	return nil
}

// releaseTo drops a user.
func (h *hostFile) releaseTo(d *descriptors) {
	h.mu.Lock()
	h.users--
	idle := h.users == 0
	h.mu.Unlock()
	if idle {
		d.unused(h)
	}
}

// close closes the descriptors if nobody uses them, and returns how many.
func (h *hostFile) close() (n int) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.users > 0 {
		return 0
	}
	for _, fd := range []*int{&h.ro, &h.rw} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
			n++
		}
	}
	return n
}

// maxIdle is how many files that nobody uses keep their descriptors.
const maxIdle = 1000

// descriptors is the files whose descriptors nobody uses, oldest first.
type descriptors struct {
	mu   sync.Mutex
	idle list.List // of *hostFile; guarded by mu
	open int       // guarded by mu
}

func (d *descriptors) opened() {
	d.mu.Lock()
	d.open++
	d.mu.Unlock()
}

// busy takes h off the list. h.mu is held.
func (d *descriptors) busy(h *hostFile) {
	d.mu.Lock()
	if h.idle != nil {
		d.idle.Remove(h.idle)
		h.idle = nil
	}
	d.mu.Unlock()
}

func (d *descriptors) unused(h *hostFile) {
	d.mu.Lock()
	if h.idle == nil {
		h.idle = d.idle.PushBack(h)
	}
	d.mu.Unlock()
	d.closeIdle(maxIdle)
}

// remove takes h off the list for good.
func (d *descriptors) remove(h *hostFile) { d.busy(h) }

// closeIdle closes files that nobody uses until at most keep are left.
func (d *descriptors) closeIdle(keep int) {
	for {
		d.mu.Lock()
		if d.idle.Len() <= keep {
			d.mu.Unlock()
			return
		}
		h := d.idle.Remove(d.idle.Front()).(*hostFile)
		h.idle = nil
		d.mu.Unlock()
		n := h.close()
		d.mu.Lock()
		d.open -= n
		d.mu.Unlock()
	}
}
