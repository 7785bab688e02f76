package gofer

import (
	"container/list"
	"sync"
	"sync/atomic"

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

	guess *guess

	mu     sync.Mutex
	used   bool          // guarded by mu; somebody has opened it
	gifted bool          // guarded by mu; ro came before it was
	dead   bool          // guarded by mu; it has no name any more, or none yet
	ro, rw int           // guarded by mu; -1 for none
	users  int           // guarded by mu; open files and mappings
	idle   *list.Element // guarded by descriptors.mu; where nobody uses it
}

func newHostFile(f *p9.File, g *guess) *hostFile {
	return &hostFile{id: memfile.NewID(), fid: f, guess: g, ro: -1, rw: -1}
}

// A guess is whether a file that is looked up will be opened: then its descriptor may
// come with the answer.
type guess struct {
	// wanted counts files that were opened right after they were looked up,
	// in vain those that came open and were not used yet.
	wanted, inVain atomic.Int32
}

const (
	enoughWanted = 3
	manyInVain   = 8
)

func (g *guess) eager() bool { return g.wanted.Load() >= enoughWanted }

// missed says that a file was opened whose descriptor had to be asked for.
func (g *guess) missed() {
	if g.wanted.Load() < enoughWanted {
		g.wanted.Add(1)
	}
}

// made says that a descriptor has come without being asked for.
func (g *guess) made() {
	if g.inVain.Add(1) > manyInVain {
		g.wanted.Store(0)
		g.inVain.Store(0)
	}
}

// right says that one such is used.
func (g *guess) right() { g.inVain.Add(-1) }

// gift is a descriptor to read the file by that the gofer donated.
func (h *hostFile) gift(fd int) {
	if checkDonated(fd, linux.O_RDONLY) != nil || !held.reserve() {
		unix.Close(fd)
		return
	}
	h.mu.Lock()
	if h.ro >= 0 {
		h.mu.Unlock()
		unix.Close(fd)
		held.closed()
		return
	}
	h.ro = fd
	if !h.used {
		h.gifted = true
		h.guess.made()
	}
	if h.users == 0 {
		held.unused(h)
	}
	h.mu.Unlock()
	held.closeIdle(maxIdle)
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
// EOPNOTSUPP: the gofer donates none. ENFILE: too many are in use.
func (h *hostFile) acquire(write bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	// From here on it is on no list, from which another would close it.
	if h.users++; h.users == 1 {
		held.busy(h)
	}
	switch {
	case h.used:
	case h.gifted:
		h.guess.right()
	case !write:
		h.guess.missed()
	}
	h.used = true
	err := h.openLocked(write)
	if err != nil {
		if h.users--; h.users == 0 && (h.ro >= 0 || h.rw >= 0) {
			held.unused(h)
		}
	}
	return err
}

func (h *hostFile) openLocked(write bool) error {
	have, flags := &h.ro, uint32(linux.O_RDONLY)
	if write {
		have, flags = &h.rw, linux.O_RDWR
	}
	if *have >= 0 {
		return nil
	}
	if !held.reserve() {
		return linux.ENFILE
	}
	fd, err := h.fid.Donate(flags)
	if err != nil {
		held.closed()
		return err
	}
	if err = checkDonated(fd, flags); err == nil && host.Scarce(fd) {
		err = linux.ENFILE
	}
	if err != nil {
		unix.Close(fd)
		held.closed()
		return err
	}
	*have = fd
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

// release drops a user.
func (h *hostFile) release() {
	h.mu.Lock()
	if h.users--; h.users == 0 {
		held.unused(h)
		if h.dead {
			h.buryLocked()
		}
	}
	h.mu.Unlock()
	held.closeIdle(maxIdle)
}

// die says that the file has lost its last name: what it takes of the disk is to be
// free as soon as nobody uses it.
func (h *hostFile) die() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.dead = true
	if h.users == 0 {
		h.buryLocked()
	}
}

// buryLocked lets go of a dead file, and has the gofer do so.
func (h *hostFile) buryLocked() {
	held.busy(h)
	h.closeLocked()
	h.fid.Forget()
}

// hold counts a user, unless the file is dead and has none.
func (h *hostFile) hold() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.dead && h.users == 0 {
		return false
	}
	if h.users++; h.users == 1 {
		held.busy(h)
	}
	return true
}

// revive says that the file has a name; it reports whether that is its first.
func (h *hostFile) revive() (first bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	first, h.dead = h.dead, false
	return first
}

// isDead reports whether the file has lost its last name.
func (h *hostFile) isDead() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.dead
}

// close closes the descriptors if nobody uses them.
func (h *hostFile) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.users == 0 {
		h.closeLocked()
	}
}

func (h *hostFile) closeLocked() {
	for _, fd := range []*int{&h.ro, &h.rw} {
		if *fd >= 0 {
			unix.Close(*fd)
			*fd = -1
			held.closed()
		}
	}
}

// A file that nobody uses keeps its descriptors while there are no more than
// maxIdle of those. No more than maxOpen descriptors are held in all: the rest
// is for the memory of processes and the Sentry's own.
var (
	maxOpen = openLimit()
	maxIdle = min(maxOpen/2, 16384)
)

// openLimit is half of what the process may have. It is known before the Sentry
// is sealed, which then may not ask.
func openLimit() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 500
	}
	return int(min(r.Cur, 1<<20) / 2)
}

// held is the process's, as its limit of descriptors is.
var held descriptors

// descriptors counts what the gofers donated, and lists the files that nobody
// uses, oldest first.
type descriptors struct {
	mu   sync.Mutex
	idle list.List // of *hostFile; guarded by mu
	open int       // guarded by mu
}

// reserve counts one more descriptor, making room for it where there is none;
// false if that cannot be.
func (d *descriptors) reserve() bool {
	for range 2 {
		d.mu.Lock()
		ok := d.open < maxOpen
		if ok {
			d.open++
		}
		d.mu.Unlock()
		if ok {
			return true
		}
		d.closeIdle(maxIdle / 2)
	}
	return false
}

func (d *descriptors) closed() {
	d.mu.Lock()
	d.open--
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

// unused puts h on the list. h.mu is held.
func (d *descriptors) unused(h *hostFile) {
	d.mu.Lock()
	if h.idle == nil {
		h.idle = d.idle.PushBack(h)
	}
	d.mu.Unlock()
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
		h.close()
	}
}
