package systrap

import "encoding/binary"

// hand gives the thread its turn, with private operations and those that the
// address space has pending, and waits until it gives the turn back. false:
// the process is dead. c.mu is held.
func (c *Context) hand(cmd uint32, private []op) bool {
	for {
		ops, more := c.deliver(private)
		private = nil
		do := cmd
		if more {
			do = cmdPost
		}
		c.slot.u32(sCmd).Store(do)
		// Swap, not Store: what follows must not be read before, and under the
		// race detector a Store is no barrier.
		c.slot.u32(sTurn).Swap(turnStub)
		if c.slot.u32(sSleep).Load() != 0 {
			futexWake(c.slot.u32(sTurn))
		}
		if do == cmdExit {
			return true
		}
		if !c.await(do, ops) {
			return false
		}
		if !more {
			return true
		}
	}
}

// deliver writes operations into the slot, and returns how many, and whether
// some are left.
func (c *Context) deliver(private []op) (n int, more bool) {
	as := c.as
	as.mu.Lock()
	n = copyOps(c.slot, 0, private, 0)
	seq := uint32(0)
	if len(as.pending) > 0 {
		batch := min(len(as.pending), opMax-n)
		n = copyOps(c.slot, n, as.pending[:batch], c.base+sMsg)
		as.pending = as.pending[:copy(as.pending, as.pending[batch:])]
		as.seq++
		if as.seq == 0 { // 0 stands for no batch
			as.seq++
		}
		seq = as.seq
	}
	more = len(as.pending) > 0
	c.slot.u32(sMySeq).Store(seq)
	c.slot.u32(sNeedSeq).Store(as.seq)
	as.mu.Unlock()
	c.slot.u32(sNops).Store(uint32(n))
	return n, more
}

// copyOps writes ops at index n of the slot's list; msg is where the slot's
// message header is in the stub.
func copyOps(slot page, n int, ops []op, msg uint64) int {
	for _, o := range ops {
		switch {
		case o[7]&opRecv != 0:
			o[2] = msg
		case o[7]&opText != 0:
			o[2] = msg - sMsg + sOps + uint64(64*n+24)
		}
		dst := slot[sOps+64*n:][:64]
		for i, v := range o {
			binary.NativeEndian.PutUint64(dst[8*i:], v)
		}
		n++
	}
	return n
}

// await waits until it is the Sentry's turn. A thread that runs no guest code
// meanwhile has only the watchdog's time.
func (c *Context) await(cmd uint32, ops int) bool {
	if c.pace.spin(c, ops) {
		return !c.as.dead.Load()
	}
	if cmd == cmdPost || cmd == cmdSpill {
		c.as.mu.Lock()
		c.watch.start(c)
		c.as.mu.Unlock()
		defer c.watch.stop()
	}
	parked := c.slot.u32(sParked)
	parked.Swap(1)
	c.as.bell.wait(c)
	parked.Store(0)
	return !c.as.dead.Load()
}

// runPending runs what the address space has pending. c.mu is held.
func (c *Context) runPending() { c.hand(cmdPost, nil) }
