package mm

import (
	"sync/atomic"

	"glovebox/sentry/guest"
	"glovebox/sentry/lock"
	"glovebox/sentry/memfile"
	"glovebox/sentry/platform"
)

// A Host is what address spaces are made of.
type Host struct {
	Platform platform.Platform
	// Memory is what they take.
	Memory *memfile.Account
}

// Limits are the resource limits of an address space in bytes (setrlimit(2)).
type Limits struct{ AS, Data, Stack uint64 }

// An MM is an address space (struct mm_struct).
type MM struct {
	host   *Host
	id     uint64
	users  atomic.Int32
	doomed atomic.Bool // by Doom
	as     platform.AddressSpace

	mu   lock.RWMutex[lock.MM]
	vmas []*vma // guarded by mu; sorted, disjoint
	// mems counts the vmas on each memory file.
	mems map[*memfile.File]int // guarded by mu
	// own is where new private memory lies; nil until there is some.
	own       *memfile.File // guarded by mu
	next      uint64        // guarded by mu; offsets of own beyond all addresses
	displaced int           // guarded by mu; private vmas whose offset is not their address, or were
	size      uint64        // guarded by mu; bytes mapped
	locked    uint64        // guarded by mu; bytes mlocked
	lockAll   bool          // guarded by mu; mlockall(MCL_FUTURE)
	// unpunched are files in which something was unmapped while they were shared.
	unpunched map[*memfile.File]bool // guarded by mu
	// aside holds what no fork is to share, up to asideNext.
	aside     *memfile.File // guarded by mu; nil for none
	asideNext uint64        // guarded by mu
	closing   []FileRef     // guarded by mu; to be dropped when it is unlocked
	rooms     []room        // guarded by mu; disjoint from vmas

	brkStart, brk guest.Addr // guarded by mu
	base          guest.Addr // guarded by mu; mappings go below
	layout        Layout     // guarded by mu
	limits        Limits     // guarded by mu

	again fault // guarded by mu; the last fault that had no reason
}

// A Layout is what execve(2) found out about a program, for /proc.
type Layout struct {
	StartCode, EndCode, StartData, EndData guest.Addr
	StartStack                             guest.Addr
	ArgStart, ArgEnd, EnvStart, EnvEnd     guest.Addr
	// Auxv is the auxiliary vector as the program got it.
	Auxv []byte
	// Exe is the program; the MM drops it.
	Exe FileRef
}

// New returns an empty address space with one user.
func New(h *Host) (*MM, error) {
	as, err := h.Platform.NewAddressSpace()
	if err != nil {
		return nil, err
	}
	const none = ^uint64(0)
	mm := &MM{
		host: h, id: memfile.NewID(), as: as,
		mems: map[*memfile.File]int{}, next: uint64(topOffset),
		limits: Limits{none, none, 8 << 20},
	}
	mm.users.Store(1)
	mm.base = h.Platform.Limits().End - random(mmapRandom)
	return mm, nil
}

// topOffset is beyond every address.
const topOffset = 1 << 47

// IncUsers adds a user.
func (mm *MM) IncUsers() { mm.users.Add(1) }

// releasing counts address spaces without users whose memory is not given back yet.
var releasing atomic.Int64

// Releasing returns how many address spaces that nobody uses any more still hold
// memory.
func Releasing() int64 { return releasing.Load() }

// DecUsers drops one; the last ends the address space (exit_mmap).
func (mm *MM) DecUsers() {
	if mm.users.Add(-1) > 0 {
		return
	}
	releasing.Add(1)
	mm.as.Release(func() {
		defer releasing.Add(-1)
		// No stub maps it any more.
		mm.mu.Lock()
		for _, v := range mm.vmas {
			mm.drop(v)
		}
		mm.vmas = nil
		if mm.layout.Exe != nil {
			mm.closing = append(mm.closing, mm.layout.Exe)
			mm.layout.Exe = nil
		}
		mm.setOwn(nil)
		mm.aside, mm.unpunched = nil, nil
		for f := range mm.mems {
			f.Dec()
		}
		mm.mems = nil
		mm.unlock()
	})
}

// AddressSpace returns what runs guest code in mm.
func (mm *MM) AddressSpace() platform.AddressSpace { return mm.as }

// SetLimits is told of setrlimit(2).
func (mm *MM) SetLimits(l Limits) {
	mm.mu.Lock()
	mm.limits = l
	mm.unlock()
}

// SetLayout notes what execve(2) found; the reference l.Exe becomes mm's.
func (mm *MM) SetLayout(l Layout) {
	mm.mu.Lock()
	if mm.layout.Exe != nil {
		mm.closing = append(mm.closing, mm.layout.Exe)
	}
	mm.layout = l
	mm.unlock()
}

// Layout returns what SetLayout was told. The caller drops Exe, if not nil.
func (mm *MM) Layout() Layout {
	mm.mu.RLock()
	defer mm.mu.RUnlock()
	l := mm.layout
	if l.Exe != nil {
		l.Exe.Inc()
	}
	return l
}

// ownFile returns the file for new private memory.
func (mm *MM) ownFile() (*memfile.File, error) {
	if mm.own != nil && mm.next > memfile.MaxSize-2*topOffset {
		mm.setOwn(nil) // its offsets are used up
	}
	if mm.own == nil {
		mm.next = topOffset
		f, err := mm.host.Memory.New("guest")
		if err != nil {
			return nil, err
		}
		mm.setOwn(f)
		f.Dec() // held by mems now
	}
	return mm.own, nil
}

// setOwn holds f as the file for new memory, so that it outlives its vmas.
func (mm *MM) setOwn(f *memfile.File) {
	mm.holdMem(f)
	mm.dropMem(mm.own)
	mm.own = f
}

// unlock ends a change: files that nothing maps any more are closed without
// the lock, for closing may ask a server.
func (mm *MM) unlock() {
	files := mm.closing
	mm.closing = nil
	mm.mu.Unlock()
	for _, f := range files {
		f.Dec()
	}
}

// show has the host map v as it is now.
func (mm *MM) show(v *vma) error { return mm.showFlags(v, 0) }

func (mm *MM) showFlags(v *vma, flags platform.MapFlags) error {
	switch {
	case v.prot == 0 || v.mem == nil && v.back == nil:
		return mm.as.Unmap(v.Range)
	case v.mem != nil:
		return mm.as.Map(v.Range, v.mem, v.off, v.hostProt(), flags|platform.Keep)
	case v.private():
		return mm.as.Map(v.Range, v.back, v.off, v.hostProt(), flags|platform.Private)
	}
	r := v.Range
	if end := v.backed(); end < r.End {
		// What is there when the file has grown is mapped by a fault.
		if err := mm.as.Unmap(guest.Range{Start: end, End: r.End}); err != nil || end == r.Start {
			return err
		}
		r.End = end
	}
	return mm.as.Map(r, v.back, v.off, v.hostProt(), flags)
}

// pages returns the whole pages that n bytes at a touch; ok is false unless a
// starts a page and they lie where a guest may map.
func (mm *MM) pages(a guest.Addr, n uint64) (guest.Range, bool) {
	size, ok := guest.Addr(n).RoundUp()
	end := a + size
	lim := mm.host.Platform.Limits()
	return guest.Range{Start: a, End: end}, ok && end >= a && end <= lim.End && a%guest.PageSize == 0
}
