package systrap

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"glovebox/sentry/platform"
)

const (
	// roomSize is the size of the trampolines of a file in bytes.
	roomSize  = platform.TextRoom
	roomSlots = roomSize / trampolineSize
	// rewriteAt is the call of a site that has it rewritten: one that is
	// made once is not worth it.
	rewriteAt = 2
	// maxTexts is how many files' rewritten text is kept for later use.
	maxTexts = 128
	// textSize is the size of the file that holds rewritten text, sparse.
	textSize = 1 << 30
	pagesAt  = 1 << 20
)

// A text is what was rewritten in one version of a file, for every process
// that maps it: trampolines, and changed pages. A page is never changed once
// a process may have mapped it; another change makes a new version of it.
type text struct {
	id    uint64 // of the memory file, among what stubs keep
	src   int    // the file itself, read-only
	stamp stamp
	mem   int // the memory file: trampolines at 0, pages from pagesAt
	ro    int // the same, read-only

	users int // guarded by Platform.texts.mu

	mu sync.Mutex
	// delta is where the trampolines are, from where offset 0 of the file
	// is; 0 until there is room in some process.
	delta int64             // guarded by mu
	calls map[uint64]uint32 // guarded by mu; executions of calls that were not rewritten, by file offset
	sites map[uint64]int    // guarded by mu; trampoline by file offset of the syscall instruction
	slots [roomSlots]site   // guarded by mu; slot 0 is the literal
	moved map[uint64]int    // guarded by mu; trampoline by file offset behind a syscall that is gone
	pages map[uint64]uint64 // guarded by mu; newest version of a page, by its file offset
	next  uint64            // guarded by mu; where the next page goes
	free  int               // guarded by mu; no slot from 1 up to this is free
}

// A stamp tells versions of a file apart.
type stamp struct {
	size         int64
	mtime, ctime unix.Timespec
	version      uint64
}

// A textKey names a file: by its number if it is the Sentry's, else as the host does,
// so that it is one file for all who opened it.
type textKey struct{ id, dev, ino uint64 }

// stampOf returns the name and version of f, and its descriptor; ok is false if they
// cannot be known.
func stampOf(f platform.HostFile) (k textKey, s stamp, fd int, ok bool) {
	fd = f.FD(false)
	if v, isVersioned := f.(platform.Versioned); isVersioned {
		s.version, ok = v.Version()
		return textKey{id: f.ID()}, s, fd, ok && fd >= 0
	}
	var st unix.Stat_t
	if fd < 0 || unix.Fstat(fd, &st) != nil {
		return k, s, fd, false
	}
	return textKey{dev: st.Dev, ino: st.Ino}, stamp{size: st.Size, mtime: st.Mtim, ctime: st.Ctim}, fd, true
}

// texts are those of all files.
type texts struct {
	mu     sync.Mutex
	byFile map[textKey]*text // guarded by mu
}

var lastText atomic.Uint64

// acquireText returns the text of f with one more user, nil if it cannot be
// rewritten.
func (p *Platform) acquireText(f platform.HostFile) *text {
	key, now, fd, ok := stampOf(f)
	if !ok {
		return nil
	}
	ts := &p.texts
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t := ts.byFile[key]
	if t != nil && t.stamp == now {
		t.users++
		return t
	}
	if t != nil && t.users == 0 {
		t.close()
	}
	t, err := p.newText(fd, now)
	if err != nil {
		delete(ts.byFile, key)
		return nil
	}
	ts.byFile[key] = t
	t.users = 1
	ts.evictLocked()
	return t
}

// evictLocked closes texts that nobody uses, if there are too many.
func (ts *texts) evictLocked() {
	for id, t := range ts.byFile {
		if len(ts.byFile) <= maxTexts {
			return
		}
		if t.users == 0 {
			t.close()
			delete(ts.byFile, id)
		}
	}
}

func (p *Platform) releaseText(t *text) {
	ts := &p.texts
	ts.mu.Lock()
	defer ts.mu.Unlock()
	t.users--
	if t.users > 0 {
		return
	}
	for _, o := range ts.byFile {
		if o == t {
			return
		}
	}
	t.close() // the file has a newer version
}

func (p *Platform) newText(fd int, now stamp) (t *text, err error) {
	t = &text{
		id: 1<<63 | lastText.Add(1), src: -1, mem: -1, ro: -1, stamp: now,
		calls: map[uint64]uint32{}, sites: map[uint64]int{}, moved: map[uint64]int{}, pages: map[uint64]uint64{},
		next: pagesAt, free: 1,
	}
	defer func() {
		if err != nil {
			t.close()
		}
	}()
	if t.src, err = unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0); err != nil {
		return t, err
	}
	if t.mem, err = memfd("text", textSize); err != nil {
		return t, err
	}
	if t.ro, err = p.reopen(t.mem); err != nil {
		return t, err
	}
	literal := binary.LittleEndian.AppendUint64(nil, p.entries.enter)
	_, err = unix.Pwrite(t.mem, literal, 0)
	return t, err
}

func (t *text) close() {
	for _, fd := range []int{t.src, t.mem, t.ro} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
}

// settle makes delta where the trampolines are, and reports whether it is: all
// processes have them at the same distance.
func (t *text) settle(delta int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.delta == 0 {
		t.delta = delta
	}
	return t.delta == delta
}

// executed notes that the syscall instruction at file offset off was executed,
// as call number no, and rewrites it if that pays. It returns the page that is
// to be mapped now, and where its newest version is.
func (t *text) executed(off uint64, no uint32) (page, at uint64, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if i, ok := t.sites[off]; ok {
		// Another process rewrote it.
		page = t.slots[i].at() &^ (pageSize - 1)
		return page, t.pages[page], true
	}
	if t.calls[off]++; t.calls[off] != rewriteAt {
		return 0, 0, false
	}
	page = off &^ (pageSize - 1)
	at, ok = t.rewriteLocked(page, int(off-page), no)
	return page, at, ok
}

// rewriteLocked rewrites the call at index i of a page.
func (t *text) rewriteLocked(page uint64, i int, no uint32) (at uint64, ok bool) {
	var b [pageSize]byte
	if _, err := unix.Pread(t.src, b[:], int64(page)); err != nil {
		return 0, false
	}
	s, ok := findSite(b[:], i, no)
	if !ok || t.next+pageSize > textSize {
		return 0, false
	}
	s.call = page + uint64(i)
	slot, ok := t.slotLocked(&s)
	if !ok {
		return 0, false
	}
	tramp := t.delta + int64(slot)*trampolineSize
	if was, ok := t.pages[page]; ok {
		if _, err := unix.Pread(t.mem, b[:], int64(was)); err != nil {
			return 0, false
		}
	}
	copy(b[s.at()-page:], s.jump(tramp))
	if _, err := unix.Pwrite(t.mem, s.trampoline(tramp, t.delta), int64(slot)*trampolineSize); err != nil {
		return 0, false
	}
	at = t.next
	if _, err := unix.Pwrite(t.mem, b[:], int64(at)); err != nil {
		return 0, false
	}
	t.next += pageSize
	t.slots[slot] = s
	t.sites[s.call] = slot
	t.pages[page] = at
	if s.moved != nil {
		t.moved[s.call+syscallLen] = slot
	}
	delete(t.calls, s.call)
	return at, true
}

// slotLocked returns a free trampoline that s can use.
func (t *text) slotLocked(s *site) (int, bool) {
	for t.free < roomSlots && t.slots[t.free].call != 0 {
		t.free++
	}
	for i := t.free; i < roomSlots; i++ {
		if t.slots[i].call == 0 && s.fits(t.delta+int64(i)*trampolineSize) {
			return i, true
		}
	}
	return 0, false
}

// A pageRun is consecutive changed pages whose newest versions are, too.
type pageRun struct{ off, size, at uint64 }

// changed returns the changed pages in size bytes from file offset off.
func (t *text) changed(off, size uint64) []pageRun {
	t.mu.Lock()
	defer t.mu.Unlock()
	var runs []pageRun
	for page := off; page < off+size && len(t.pages) > 0; page += pageSize {
		at, ok := t.pages[page]
		if !ok {
			continue
		}
		if n := len(runs); n > 0 && runs[n-1].off+runs[n-1].size == page && runs[n-1].at+runs[n-1].size == at {
			runs[n-1].size += pageSize
			continue
		}
		runs = append(runs, pageRun{page, pageSize, at})
	}
	return runs
}

// original says where a thread at offset off of the trampolines would be in
// text that was not rewritten, as a file offset.
func (t *text) original(off uint64) (s site, at uint64, entering, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s = t.slots[off/trampolineSize]
	if s.call == 0 {
		return s, 0, false, false
	}
	at, entering = s.original(int(off % trampolineSize))
	return s, at, entering, true
}

// current returns the offset in the trampolines where a thread goes on that is
// at file offset off, if the text there has become part of a jump.
func (t *text) current(off uint64) (uint64, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	slot, ok := t.moved[off]
	return uint64(slot*trampolineSize + enterLen), ok
}
