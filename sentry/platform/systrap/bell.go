package systrap

import (
	"math/bits"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// A bell is an eventfd that a stub's threads write to when they have something
// for a task that is parked. One of the tasks that wait, the leader, does so in
// Go's poller, whose thread then goes on with that task: in a process of one
// thread nobody else is asked. The leader wakes the others. So the number of
// host threads does not grow with that of the guest's.
//
// It is never read: each write is an event. A stub that fills it up deafens
// its own process.
type bell struct {
	file *os.File
	conn syscall.RawConn // of file

	mu      sync.Mutex
	led     bool                  // guarded by mu; there is a leader
	waiters map[*Context]struct{} // guarded by mu; on their channels
}

// open makes the eventfd, and returns it for the stub to be sent.
func (b *bell) open() (int, error) {
	fd, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		return -1, err
	}
	b.file = os.NewFile(uintptr(fd), "doorbell")
	b.conn, err = b.file.SyscallConn()
	return fd, err
}

// wait parks until c's stub has given back the turn or is dead.
func (b *bell) wait(c *Context) {
	turn := c.slot.u32(sTurn)
	over := func() bool { return turn.Load() != turnStub || c.as.dead.Load() }
	for !over() {
		b.mu.Lock()
		if !b.led {
			b.led = true
			b.mu.Unlock()
			b.lead(c, over)
			b.mu.Lock()
			b.led = false
			b.mu.Unlock()
			continue
		}
		if b.waiters == nil {
			b.waiters = map[*Context]struct{}{}
		}
		b.waiters[c] = struct{}{}
		b.mu.Unlock()
		<-c.wake
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.waiters, c)
	if b.led {
		return
	}
	for w := range b.waiters {
		w.ring() // to lead
		return
	}
}

// lead waits in the poller until c's wait is over, and wakes those whose stubs
// rang.
func (b *bell) lead(c *Context, over func() bool) {
	// An error is a deadline, which says that the process is dead.
	_ = b.conn.Read(func(uintptr) bool {
		c.as.ringSet()
		return over()
	})
}

// ringSet wakes the tasks whose bits are set.
func (as *Space) ringSet() {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.chunks == nil {
		return
	}
	slot := as.chunks[0]
	for w := range bellBits / 64 {
		at := slot.u64(aBits + 8*w)
		if at.Load() == 0 {
			continue
		}
		for set := at.Swap(0); set != 0; set &= set - 1 {
			for i := w*64 + bits.TrailingZeros64(set); i < len(as.contexts); i += bellBits {
				if c := as.contexts[i]; c != nil {
					c.ring()
				}
			}
		}
	}
}

// ringAll wakes all, because the process is dead.
func (b *bell) ringAll(list []*Context) {
	// A deadline that has passed.
	_ = b.file.SetReadDeadline(time.Unix(1, 0))
	for _, c := range list {
		c.ring()
	}
}
