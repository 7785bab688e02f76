package kernel

import (
	"sync/atomic"
	"testing"
	"time"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
)

// clone starts p as clone(2) with flags would.
func (g *thread) clone(flags uint64, p program) int64 {
	id := g.w.program(p)
	return g.do(func(t *Task) (uint64, error) {
		was := t.regs.RBX
		t.regs.RBX = id
		tid, err := t.Clone(&CloneArgs{Flags: flags, ExitSignal: linux.SIGCHLD})
		t.regs.RBX = was
		return uint64(tid), err
	})
}

func (g *thread) wait(options uint32) (r Waited, errno int64) {
	errno = g.do(func(t *Task) (_ uint64, err error) {
		r, err = t.WaitChild(&WaitFor{Type: linux.P_ALL, Options: options | linux.WEXITED})
		return 0, err
	})
	return r, errno
}

func (g *thread) kill(pid int64, signo int) int64 {
	return g.do(func(t *Task) (uint64, error) {
		return 0, t.Kill(int32(pid), signo, KillInfo(signo, linux.SI_USER, t.tg.id, 0))
	})
}

func (g *thread) sigaction(signo int, a *linux.Sigaction) {
	g.do(func(t *Task) (uint64, error) {
		_, err := t.SigAction(signo, a)
		return 0, err
	})
}

func (g *thread) pause() int64 {
	return g.do(func(t *Task) (uint64, error) {
		for t.Block(Forever) == nil {
		}
		return 0, linux.ERESTARTNOHAND
	})
}

const (
	thread_ = linux.CLONE_VM | linux.CLONE_THREAD | linux.CLONE_SIGHAND
	eintr   = -int64(linux.EINTR)
)

func TestForkAndWait(t *testing.T) {
	w := newWorld(t)
	status := w.run(func(g *thread) {
		pid := g.clone(0, func(g *thread) { g.exit(7) })
		r, _ := g.wait(0)
		if int64(r.PID) != pid || r.Code != linux.CLD_EXITED || r.Status != 7 || r.Raw != 7<<8 {
			t.Errorf("waited %+v for %d", r, pid)
		}
		if _, e := g.wait(0); e != -int64(linux.ECHILD) {
			t.Errorf("no child: %d", e)
		}
		g.exit(3)
	})
	if status != 3<<8 {
		t.Errorf("status %#x", status)
	}
}

func TestHandlerInterruptsPause(t *testing.T) {
	w := newWorld(t)
	var got atomic.Int32
	w.run(func(g *thread) {
		g.sigaction(linux.SIGUSR1, w.action(0, func(_ *thread, signo int) { got.Store(int32(signo)) }))
		parent := g.do(func(t *Task) (uint64, error) { return uint64(t.tg.id), nil })
		g.clone(0, func(g *thread) {
			time.Sleep(10 * time.Millisecond)
			g.kill(parent, linux.SIGUSR1)
		})
		if e := g.pause(); e != eintr {
			t.Errorf("pause: %d", e)
		}
		if got.Load() != linux.SIGUSR1 {
			t.Errorf("handler saw %d", got.Load())
		}
	})
}

func TestRestart(t *testing.T) {
	for _, c := range []struct {
		name  string
		flags uint64
		errno linux.Errno
		want  int64
		tries int32
	}{
		{"SA_RESTART", linux.SA_RESTART, linux.ERESTARTSYS, 42, 2},
		{"no SA_RESTART", 0, linux.ERESTARTSYS, eintr, 1},
		{"NOINTR", 0, linux.ERESTARTNOINTR, 42, 2},
		{"NOHAND", linux.SA_RESTART, linux.ERESTARTNOHAND, eintr, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			var tries atomic.Int32
			w.run(func(g *thread) {
				g.sigaction(linux.SIGUSR1, w.action(c.flags, func(*thread, int) {}))
				got := g.do(func(t *Task) (uint64, error) {
					if tries.Add(1) == 1 {
						_ = t.Signal(KernelInfo(linux.SIGUSR1))
						return 0, c.errno
					}
					return 42, nil
				})
				if got != c.want || tries.Load() != c.tries {
					t.Errorf("%d after %d tries", got, tries.Load())
				}
			})
		})
	}
}

func TestKillThreadsOfGroup(t *testing.T) {
	w := newWorld(t)
	status := w.run(func(g *thread) {
		child := g.clone(0, func(g *thread) {
			g.clone(thread_, func(g *thread) { g.pause() })
			g.clone(thread_, func(*thread) { select {} }) // never calls
			g.pause()
		})
		time.Sleep(10 * time.Millisecond)
		g.kill(child, linux.SIGTERM)
		r, _ := g.wait(0)
		if r.Code != linux.CLD_KILLED || r.Status != linux.SIGTERM {
			t.Errorf("waited %+v", r)
		}
	})
	if status != 0 {
		t.Errorf("status %#x", status)
	}
}

func TestInitIgnoresDefaultKill(t *testing.T) {
	w := newWorld(t)
	if status := w.run(func(g *thread) {
		g.kill(1, linux.SIGTERM)
		g.exit(5)
	}); status != 5<<8 {
		t.Errorf("status %#x", status)
	}
}

func TestInitTakesTheRestWithIt(t *testing.T) {
	w := newWorld(t)
	w.run(func(g *thread) {
		g.clone(0, func(g *thread) {
			g.clone(0, func(g *thread) { g.pause() })
			g.pause()
		})
		g.exit(0)
	})
}

func TestOrphansGoToInit(t *testing.T) {
	w := newWorld(t)
	w.run(func(g *thread) {
		var orphan atomic.Int64
		g.clone(0, func(g *thread) {
			orphan.Store(g.clone(0, func(g *thread) { time.Sleep(10 * time.Millisecond); g.exit(9) }))
		})
		g.wait(0)
		r, _ := g.wait(0)
		if int64(r.PID) != orphan.Load() || r.Status != 9 {
			t.Errorf("waited %+v for %d", r, orphan.Load())
		}
	})
}

func TestStopAndContinue(t *testing.T) {
	w := newWorld(t)
	w.run(func(g *thread) {
		child := g.clone(0, func(g *thread) { g.pause() })
		g.kill(child, linux.SIGSTOP)
		if r, _ := g.wait(linux.WUNTRACED); r.Code != linux.CLD_STOPPED || r.Status != linux.SIGSTOP {
			t.Errorf("waited %+v", r)
		}
		g.kill(child, linux.SIGCONT)
		if r, _ := g.wait(linux.WCONTINUED); r.Code != linux.CLD_CONTINUED {
			t.Errorf("waited %+v", r)
		}
		g.kill(child, linux.SIGKILL)
		if r, _ := g.wait(0); r.Status != linux.SIGKILL {
			t.Errorf("waited %+v", r)
		}
	})
}

func TestVforkWaits(t *testing.T) {
	w := newWorld(t)
	var done atomic.Bool
	w.run(func(g *thread) {
		g.clone(linux.CLONE_VFORK|linux.CLONE_VM, func(g *thread) {
			time.Sleep(20 * time.Millisecond)
			done.Store(true)
		})
		if !done.Load() {
			t.Error("the parent did not wait")
		}
		g.wait(0)
	})
}

func (g *thread) futexWait(val uint32, deadline int64) int64 {
	return g.do(func(t *Task) (uint64, error) {
		return 0, t.FutexWait(FutexWaiting{Addr: fakeData, Val: val, Bitset: 1}, deadline)
	})
}

func TestFutex(t *testing.T) {
	w := newWorld(t)
	w.run(func(g *thread) {
		if e := g.futexWait(1, Forever); e != -int64(linux.EAGAIN) {
			t.Errorf("another value: %d", e)
		}
		if e := g.futexWait(0, Deadline(1e6)); e != -int64(linux.ETIMEDOUT) {
			t.Errorf("time-out: %d", e)
		}
		const waiters = 8
		var woken atomic.Int32
		for range waiters {
			g.clone(thread_, func(g *thread) {
				if g.futexWait(0, Forever) == 0 {
					woken.Add(1)
				}
				g.do(func(t *Task) (uint64, error) { return 0, t.Exit(0) })
			})
		}
		moved := 0
		for moved < waiters {
			moved += int(g.do(func(t *Task) (uint64, error) {
				n, err := t.FutexRequeue(fakeData, fakeData+8, 0, waiters, nil, PrivateFutex)
				return uint64(n), err
			}))
			time.Sleep(time.Millisecond)
		}
		n := g.do(func(t *Task) (uint64, error) {
			n, err := t.FutexWake(fakeData+8, waiters, 1, PrivateFutex)
			return uint64(n), err
		})
		if n != waiters {
			t.Errorf("woke %d", n)
		}
		for woken.Load() != waiters {
			time.Sleep(time.Millisecond)
		}
	})
}

func TestClearTIDWakes(t *testing.T) {
	w := newWorld(t)
	w.run(func(g *thread) {
		g.do(func(t *Task) (uint64, error) {
			one := uint32(1)
			_, err := t.mem.CopyOut(fakeData, linux.Bytes(&one))
			return 0, err
		})
		g.clone(thread_, func(g *thread) {
			g.do(func(t *Task) (uint64, error) { t.SetClearTID(guest.Addr(fakeData)); return 0, nil })
			time.Sleep(5 * time.Millisecond)
			g.do(func(t *Task) (uint64, error) { return 0, t.Exit(0) })
		})
		g.do(func(t *Task) (uint64, error) {
			return 0, t.FutexWait(FutexWaiting{Addr: fakeData, Val: 1, Bitset: 1, Scope: SharedFutex}, Deadline(5e9))
		})
		if v := g.do(func(t *Task) (uint64, error) { v, err := t.mem.Load32(fakeData); return uint64(v), err }); v != 0 {
			t.Errorf("the word is %d", v)
		}
	})
}

func TestTimers(t *testing.T) {
	w := newWorld(t)
	w.run(func(g *thread) {
		// Taken, not handled: a handler that interrupts the program between
		// two calls is more than the fake can do.
		g.do(func(t *Task) (uint64, error) {
			t.SetBlocked(bit(linux.SIGALRM))
			t.tg.SetItimer(linux.ITIMER_REAL, 2e6, 2e6)
			return 0, nil
		})
		for i := range 3 {
			e := g.do(func(t *Task) (uint64, error) {
				_, err := t.SigWait(bit(linux.SIGALRM), Deadline(5e9))
				return 0, err
			})
			if e != 0 {
				t.Errorf("tick %d: %d", i, e)
			}
		}
		g.do(func(t *Task) (uint64, error) { t.tg.SetItimer(linux.ITIMER_REAL, 0, 0); return 0, nil })
		g.do(func(t *Task) (uint64, error) {
			p, err := t.NewPosixTimer(Monotonic, t, &linux.Sigevent{Signo: linux.SIGRTMIN + 1, Value: 99}, nil)
			if err == nil {
				p.Set(p.Now()+1e6, 0)
			}
			return 0, err
		})
		var got *Info
		g.do(func(t *Task) (_ uint64, err error) {
			t.SetBlocked(bit(linux.SIGRTMIN + 1))
			got, err = t.SigWait(bit(linux.SIGRTMIN+1), Deadline(5e9))
			return 0, err
		})
		if got == nil || got.Code != linux.SI_TIMER || le.Uint64(got.Fields[infoValue:]) != 99 {
			t.Errorf("timer's signal %+v", got)
		}
	})
}

func TestBarrier(t *testing.T) {
	w := newWorld(t)
	w.run(func(g *thread) {
		g.clone(thread_, func(*thread) { select {} })
		g.clone(thread_, func(g *thread) { g.pause() })
		for range 10 {
			if e := g.do(func(t *Task) (uint64, error) { return 0, t.Barrier() }); e != 0 {
				t.Errorf("barrier: %d", e)
			}
		}
	})
}
