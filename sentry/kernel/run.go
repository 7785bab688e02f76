package kernel

import (
	"runtime"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/platform"
)

// minSigStkSz is MINSIGSTKSZ.
const minSigStkSz = linux.MINSIGSTKSZ

const restartSyscall = sysno.RestartSyscall

// trapPF is the vector of a page fault.
const trapPF = 14

// sampleEvery is how many calls one timed call stands for.
const sampleEvery = 64

// run is t's goroutine: guest code until something happens, then what it asks
// for, then signals.
func (t *Task) run() {
	defer t.k.running.Done()
	t.cpu.start(Now())
	t.publish()
	t.mourn(t.ctx)
	if t.setTID != 0 {
		tid := uint32(t.TID())
		// A bad address is the guest's loss (schedule_tail).
		_, _ = t.mem.CopyOut(t.setTID, linux.Bytes(&tid))
	}
	for {
		for t.work.Load() != 0 {
			if !t.lookUp() {
				t.exit()
				return
			}
		}
		ev := t.ctx.Switch(&t.regs)
		switch ev.Kind {
		case platform.Syscall:
			if t.nsyscall++; t.nsyscall%sampleEvery == 0 {
				t.timedSyscall()
			} else {
				t.k.Syscall(t)
			}
		case platform.Fault:
			t.handleFault(ev)
		case platform.Dead:
			t.lost()
		}
	}
}

// lost ends a process whose host process has ended.
func (t *Task) lost() {
	t.k.Warnf("process %d: its address space is gone", t.tg.id)
	t.tg.mu.Lock()
	defer t.tg.mu.Unlock()
	t.tg.killLocked(linux.SIGKILL)
}

// mourn has t end with the host process of c, even while it waits for something: the
// host's OOM killer asks nobody.
func (t *Task) mourn(c platform.Context) {
	if m, ok := c.(platform.Mourner); ok {
		m.OnDeath(t.lost)
	}
}

// timedSyscall serves a call and charges its time, for all that were not
// timed, to the system.
func (t *Task) timedSyscall() {
	from := t.cpu.total(Now())
	t.k.Syscall(t)
	t.cpu.charge((t.cpu.total(Now()) - from) * sampleEvery)
}

// handleFault makes the page present or raises the fault's signal.
func (t *Task) handleFault(ev platform.Event) {
	signo, code := int(ev.Signal), int(ev.Code)
	if ev.TrapNo == trapPF {
		var ok bool
		if signo, code, ok = t.mem.HandleFault(ev.Addr, ev.Err, ev); ok {
			return
		}
	}
	t.fault = ev
	t.forceSignal(FaultInfo(signo, int32(code), uint64(ev.Addr)))
}

func yield() { runtime.Gosched() }
