package systrap

import (
	"encoding/binary"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/platform"
)

// A Space is one stub process.
type Space struct {
	p *Platform
	*stubProc
	dead             atomic.Bool // set under mu before the process is reaped
	done             func()      // guarded by mu; to be called when released and reaped
	released, reaped bool        // guarded by mu

	mu       sync.Mutex
	contexts []*Context     // guarded by mu; by slot, nil where free
	chunks   []page         // guarded by mu
	pending  []op           // guarded by mu; changes not yet handed to a thread
	seq      uint32         // guarded by mu; number of the last batch
	fds      [fdSlots]fdKey // guarded by mu; what the stub keeps
	scratch  fdKey          // guarded by mu; what was last sent and not kept
	rooms    []*room        // guarded by mu
	plain    bool           // guarded by mu; no text is rewritten
	textGen  atomic.Uint64  // changes with what is rewritten, under mu
}

// closeScratch closes the descriptor that is not kept.
var closeScratch = op{unix.SYS_CLOSE, scratchFD, 0, 0, 0, 0, 0, opFD0}

// An op is a host call for the stub to make: number, arguments, flags.
type op [8]uint64

// An fdKey names a descriptor that a stub holds.
type fdKey struct {
	id    uint64
	write bool
}

// scratchFD is the index of descriptors that are closed after use.
const scratchFD = fdSlots - 1

// NewAddressSpace implements platform.Platform.
func (p *Platform) NewAddressSpace() (platform.AddressSpace, error) {
	s, err := p.takeStub()
	if err != nil {
		return nil, linux.ENOMEM
	}
	as := &Space{p: p, stubProc: s, chunks: []page{s.first}}
	go func() {
		p.orderStub()
		as.watch()
	}()
	return as, nil
}

// SetName implements platform.AddressSpace: it is the first thread's, which is the
// only one when a program starts.
func (as *Space) SetName(name string) {
	var b [16]byte
	copy(b[:15], name)
	le := binary.NativeEndian
	as.mu.Lock()
	defer as.mu.Unlock()
	as.pending = append(as.pending, op{unix.SYS_PRCTL, unix.PR_SET_NAME, 0, le.Uint64(b[:]), le.Uint64(b[8:]), 0, 0, opText})
}

// HostPID is the id of the process of the host in which guest code runs.
func (as *Space) HostPID() int { return as.pid }

// Map implements platform.AddressSpace.
func (as *Space) Map(r guest.Range, f platform.HostFile, off uint64, prot platform.Prot, flags platform.MapFlags) error {
	write := prot&platform.Write != 0 && flags&platform.Private == 0
	if flags&platform.Keep != 0 {
		write = f.FD(true) >= 0
	}
	how := uint64(unix.MAP_FIXED | unix.MAP_SHARED)
	if flags&platform.Private != 0 {
		how = unix.MAP_FIXED | unix.MAP_PRIVATE | unix.MAP_NORESERVE
	}
	if flags&platform.Populate != 0 {
		how |= unix.MAP_POPULATE
	}
	as.mu.Lock()
	defer as.mu.Unlock()
	as.hideTextLocked(r)
	fd, err := as.sendLocked(fdKey{f.ID(), write}, f.FD(write), flags&platform.Keep != 0)
	if err != nil {
		return err
	}
	as.pending = append(as.pending, op{unix.SYS_MMAP, uint64(r.Start), r.Len(), uint64(prot), how, uint64(fd), off, opFD4})
	if fd == scratchFD {
		as.pending = append(as.pending, closeScratch)
	}
	if flags&platform.Private != 0 && prot&platform.Exec != 0 {
		as.showTextLocked(r, f.ID(), off, prot)
	}
	return nil
}

// sendLocked returns the index under which the stub will know the descriptor.
func (as *Space) sendLocked(k fdKey, hostFD int, keep bool) (int, error) {
	if n := len(as.pending); !keep && k != scratchKey && k == as.scratch && n > 0 && as.pending[n-1] == closeScratch {
		as.pending = as.pending[:n-1] // it is mapped again at once
		return scratchFD, nil
	}
	idx := scratchFD
	for i := range as.fds[:scratchFD] {
		if as.fds[i] == k {
			return i, nil
		}
		if keep && idx == scratchFD && as.fds[i] == (fdKey{}) {
			idx = i
		}
	}
	if err := sendFDs(as.sock, unix.MSG_DONTWAIT, hostFD); err != nil {
		if err != unix.EAGAIN || as.dead.Load() {
			return 0, linux.ENOMEM
		}
		// The socket is full of descriptors that wait to be received.
		as.mu.Unlock()
		as.Flush()
		as.mu.Lock()
		if err := sendFDs(as.sock, unix.MSG_DONTWAIT, hostFD); err != nil {
			if err == unix.EAGAIN && as.doneLocked() {
				// It says that it received them, and lies.
				as.killLocked()
			}
			return 0, linux.ENOMEM
		}
	}
	if idx != scratchFD {
		as.fds[idx] = k
	} else {
		as.scratch = k
	}
	// a1, the message header, is the slot's own: filled in on delivery.
	as.pending = append(as.pending, op{unix.SYS_RECVMSG, 0, 0, 0, 0, 0, 0, opRecv | uint64(idx)<<8})
	return idx, nil
}

// Forget implements platform.AddressSpace.
func (as *Space) Forget(f platform.HostFile) {
	as.mu.Lock()
	defer as.mu.Unlock()
	for i := range as.fds {
		if as.fds[i].id == f.ID() && f.ID() != 0 {
			as.fds[i] = fdKey{}
			as.pending = append(as.pending, op{unix.SYS_CLOSE, uint64(i), 0, 0, 0, 0, 0, opFD0})
		}
	}
}

// Unmap implements platform.AddressSpace.
func (as *Space) Unmap(r guest.Range) error {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.hideTextLocked(r)
	as.pending = append(as.pending, op{unix.SYS_MUNMAP, uint64(r.Start), r.Len()})
	return nil
}

// Protect implements platform.AddressSpace.
func (as *Space) Protect(r guest.Range, prot platform.Prot) error {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.protectTextLocked(r, prot)
	as.pending = append(as.pending, op{unix.SYS_MPROTECT, uint64(r.Start), r.Len(), uint64(prot)})
	return nil
}

// Flush implements platform.AddressSpace. A thread that waits in the Sentry
// runs what is pending; if all run guest code, one is kicked until it has.
func (as *Space) Flush() {
	for try := 0; !as.dead.Load(); try++ {
		as.mu.Lock()
		done := as.doneLocked()
		list := as.liveLocked()
		as.mu.Unlock()
		if done || len(list) == 0 {
			return
		}
		if !runOne(list) {
			list[0].kick()
		}
		nap(try)
	}
}

// doneLocked reports whether the stub says that it has run all that it was given.
func (as *Space) doneLocked() bool {
	return len(as.pending) == 0 && int32(as.chunks[0].u32(aDoneSeq).Load()-as.seq) >= 0
}

// runOne has the first thread that is in the Sentry run what is pending.
func runOne(list []*Context) bool {
	for _, c := range list {
		if !c.mu.TryLock() {
			continue
		}
		here := !c.gone
		if here {
			c.runPending()
		}
		c.mu.Unlock()
		if here {
			return true
		}
	}
	return false
}

func (as *Space) liveLocked() []*Context {
	list := make([]*Context, 0, len(as.contexts))
	for _, c := range as.contexts {
		if c != nil {
			list = append(list, c)
		}
	}
	return list
}

// NewContext implements platform.AddressSpace. The first thread exists; any
// other is made by a thread of the process that is in the Sentry.
func (as *Space) NewContext() (platform.Context, error) {
	as.mu.Lock()
	i, err := as.freeSlotLocked()
	if err != nil {
		as.mu.Unlock()
		return nil, err
	}
	c := &Context{as: as, p: as.p, index: i, wake: make(chan struct{}, 1)}
	c.mu.Lock() // until the thread exists
	defer c.mu.Unlock()
	c.slot = as.chunks[i/chunkSlots][i%chunkSlots*slotSize:][:slotSize]
	c.base = uint64(ctlBase + i*slotSize)
	first := len(as.contexts) == 0
	for len(as.contexts) <= i {
		as.contexts = append(as.contexts, nil)
	}
	as.contexts[i] = c
	if !first {
		as.p.initSlot(c.slot, i)
		as.pending = append(as.pending, op{unix.SYS_CLONE, threadFlags, c.base + slotSize, c.base + sTID, 0, 0, 0, opClone})
	}
	as.mu.Unlock()
	if first {
		c.state, c.setFP = inSlot, true
		return c, nil
	}
	as.Flush()
	if c.slot.u32(sTID).Load() == 0 {
		// The host refused the thread (EAGAIN), or the process is dead.
		as.mu.Lock()
		as.contexts[i] = nil
		as.mu.Unlock()
		return nil, linux.EAGAIN
	}
	return c, nil
}

// freeSlotLocked returns a slot that no thread uses.
func (as *Space) freeSlotLocked() (int, error) {
	if len(as.contexts) == 0 {
		return 0, nil
	}
	for i := 1; i < slotCount; i++ {
		if i/chunkSlots >= len(as.chunks) {
			m, err := mapSlots(as.ctl, len(as.chunks))
			if err != nil {
				return 0, linux.EAGAIN
			}
			as.chunks = append(as.chunks, m)
		}
		if i < len(as.contexts) && as.contexts[i] != nil {
			continue
		}
		s := as.chunks[i/chunkSlots][i%chunkSlots*slotSize:]
		if s.u32(sTurn).Load() == turnSentry {
			return i, nil
		}
	}
	return 0, linux.EAGAIN
}

// Kill implements platform.AddressSpace: for what the process did, or because it is
// no longer needed.
func (as *Space) Kill() {
	as.mu.Lock()
	as.killLocked()
	list := as.liveLocked()
	as.mu.Unlock()
	as.bell.ringAll(list)
}

func (as *Space) killLocked() {
	if !as.dead.Swap(true) {
		unix.PidfdSendSignal(as.pidfd, unix.SIGKILL, nil, 0)
	}
}

// Release implements platform.AddressSpace.
func (as *Space) Release(done func()) {
	as.Kill()
	as.mu.Lock()
	as.released = true
	as.done = done
	as.mu.Unlock()
	as.giveBack()
}

// giveBack is reclaim for a task, which does not wait for it.
func (as *Space) giveBack() {
	if done := as.reclaim(); done != nil {
		go done()
	}
}
