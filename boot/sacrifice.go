package boot

import (
	"time"

	"glovebox/sentry/arch"
	"glovebox/sentry/guest"
	"glovebox/sentry/memfile"
	"glovebox/sentry/platform"
)

// Bounds of tellHost: the largest limit for which it is done, the memory that is asked
// for at a time, and how long that may take.
const (
	tellLimit = 1 << 30
	tellChunk = 64 << 20
	tellTime  = 10 * time.Second
	// tellFrom is where it is mapped; there is no guest to mind.
	tellFrom guest.Addr = 1 << 32
)

// tellHost has the host know that a process was killed for memory. Callers such as
// containerd's shim for runc look at the events of the host's control group, and there
// are none: the guest's limit is met long before the host's. So a process that runs
// nothing takes memory until the host's killer, to whom all that guest code runs in is
// dearest, kills it.
//
// It is done once the first container's processes are gone, and where the group's limit
// is the only one (HostHeadroom), so that nobody else is killed.
func (c *container) tellHost() {
	limit := c.memoryLimit.Load()
	if c.cfg.HostHeadroom == 0 || limit == 0 || limit > tellLimit || c.group.OOMKills() == 0 || !c.sandbox.alone() {
		return
	}
	account := &memfile.Account{Reopen: c.sandbox.reopen}
	f, err := account.New("sacrifice")
	if err != nil {
		return
	}
	defer f.Dec()
	as, err := c.sandbox.platform.NewAddressSpace()
	if err != nil {
		return
	}
	dead := make(chan struct{})
	defer func() {
		as.Kill()
		as.Release(func() { close(dead) })
		select {
		case <-dead:
		case <-time.After(tellTime):
		}
	}()
	// A little more than there can be, of one small file: what is private is memory
	// that goes with the process.
	for n := uint64(0); n < limit+c.cfg.HostHeadroom+tellChunk; n += tellChunk {
		at := tellFrom + guest.Addr(n)
		if as.Map(guest.Range{Start: at, End: at + tellChunk}, f, 0, platform.Read|platform.Write, platform.Private|platform.Populate) != nil {
			return
		}
	}
	thread, err := as.NewContext()
	if err != nil {
		return
	}
	defer thread.Release()
	defer time.AfterFunc(tellTime, as.Kill).Stop()
	// There is no program at 0 either, should it come to that.
	thread.Switch(new(arch.Regs))
}
