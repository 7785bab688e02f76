package kernel

import (
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/sentry/arch"
	"glovebox/sentry/auth"
	"glovebox/sentry/guest"
	"glovebox/sentry/memfile"
	"glovebox/sentry/mm"
	"glovebox/sentry/platform"
)

// The fake platform runs guest programs that are Go functions. A program is
// chosen by RBX when its thread starts; a signal handler by the address that
// sigaction was given. Calls are functions that run on the task's goroutine.

const (
	fakeSite    = 0x1000    // where a program's calls are; handlers' lie above
	fakeHandler = 0x1000000 // the address of handler 0
	fakeStack   = 0x200000
	fakeData    = 0x300000 // a page of memory for tests
)

type (
	program func(g *thread)
	handler func(g *thread, signo int)
	call    func(t *Task) (uint64, error)
)

// A world is the programs and handlers of one test.
type world struct {
	host *mm.Host
	t    *testing.T
	k    *Kernel

	mu       sync.Mutex
	programs []program // guarded by mu
	handlers []handler // guarded by mu
}

func newWorld(t *testing.T) *world {
	w := &world{t: t, k: &Kernel{CPUs: 2}}
	w.host = &mm.Host{Platform: w, Memory: &memfile.Account{Reopen: reopen}}
	w.k.Syscall = w.syscall
	return w
}

func (w *world) program(p program) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.programs = append(w.programs, p)
	return uint64(len(w.programs) - 1)
}

// action returns a sigaction that runs h.
func (w *world) action(flags uint64, h handler) *linux.Sigaction {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.handlers = append(w.handlers, h)
	return &linux.Sigaction{
		Handler: fakeHandler + uint64(len(w.handlers)-1)*16,
		Flags:   flags | linux.SA_RESTORER,
	}
}

// run starts p as the init of a namespace and waits until all is over.
func (w *world) run(p program) int32 {
	w.t.Helper()
	m, err := mm.New(w.host)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, a := range []guest.Addr{fakeStack - 0x10000, fakeData} {
		if _, err := m.Mmap(mm.MapOpts{
			Addr: a, Length: 0x10000, Prot: platform.Read | platform.Write,
			Flags: linux.MAP_PRIVATE | linux.MAP_ANONYMOUS | linux.MAP_FIXED,
		}); err != nil {
			w.t.Fatal(err)
		}
	}
	tg, err := w.k.Start(&Init{
		Namespace: w.k.NewPIDNamespace(), Cgroup: w.k.NewCgroup(w.host), Memory: m,
		Regs:  arch.Regs{RIP: fakeSite, RSP: fakeStack, RBX: w.program(p)},
		Creds: &auth.Creds{Permitted: auth.AllCaps, Effective: auth.AllCaps, Bounding: auth.AllCaps},
		Comm:  "init", UTS: NewUTS("h", ""), Limits: DefaultLimits(),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	select {
	case <-tg.Done():
	case <-time.After(20 * time.Second):
		buf := make([]byte, 1<<20)
		w.t.Fatalf("the guest hangs\n%s", buf[:runtime.Stack(buf, true)])
	}
	w.k.Wait()
	return tg.ExitStatus()
}

// reopen is what the template process does outside tests.
func reopen(fd int) (int, error) {
	return unix.Open(fmt.Sprintf("/proc/self/fd/%d", fd), unix.O_RDONLY|unix.O_CLOEXEC, 0)
}

func (w *world) syscall(t *Task) {
	g, ok := t.ctx.(*thread)
	if !ok {
		g = t.ctx.(*lent).Context.(*thread)
	}
	v, err := g.call(t)
	if err == ErrNoReturn {
		return
	}
	if e, ok := err.(linux.Errno); ok {
		if e >= linux.ERESTARTSYS {
			t.AskRestart(e)
		}
		v = uint64(-int64(e))
	}
	t.regs.SetReturn(v)
}

func (w *world) NewAddressSpace() (platform.AddressSpace, error) { return space{w}, nil }
func (w *world) Limits() guest.Range {
	return guest.Range{Start: guest.PageSize, End: 1<<47 - guest.PageSize}
}

type space struct{ w *world }

func (space) Map(guest.Range, platform.HostFile, uint64, platform.Prot, platform.MapFlags) error {
	return nil
}
func (space) Unmap(guest.Range) error                  { return nil }
func (space) Protect(guest.Range, platform.Prot) error { return nil }
func (space) Forget(platform.HostFile)                 {}
func (space) Flush()                                   {}
func (space) SetName(string)                           {}
func (space) Kill()                                    {}
func (space) Release(done func())                      { done() }
func (s space) NewContext() (platform.Context, error) {
	return &thread{w: s.w, kick: make(chan struct{}, 1), stop: make(chan struct{})}, nil
}

// A thread is one guest thread: a stack of programs, the lowest interrupted by
// the handlers above it, or by the child that a vfork lends it to.
type thread struct {
	w      *world
	kick   chan struct{}
	stop   chan struct{}
	frames []*frame
	call   call // what the current system call does
}

type frame struct {
	g      *thread
	id     uint64 // the program's
	site   uint64
	calls  chan call
	result chan uint64
	inCall bool
	last   call
}

func (g *thread) push(id uint64, body func()) {
	f := &frame{g: g, id: id, site: fakeSite + uint64(len(g.frames))*16, calls: make(chan call), result: make(chan uint64)}
	g.frames = append(g.frames, f)
	go body()
}

// top is the frame that runs.
func (g *thread) top() *frame { return g.frames[len(g.frames)-1] }

// do makes a system call from the program or handler that runs, and returns
// what it left in RAX.
func (g *thread) do(c call) int64 {
	f := g.top()
	select {
	case f.calls <- c:
	case <-g.stop:
		runtime.Goexit()
	}
	select {
	case v := <-f.result:
		return int64(v)
	case <-g.stop:
		runtime.Goexit()
	}
	return 0
}

func (g *thread) exit(code int32) {
	g.do(func(t *Task) (uint64, error) { return 0, t.ExitGroup(code) })
}

// find drops the frames of a child that has left.
func (g *thread) find(id uint64) {
	for i := len(g.frames) - 2; i >= 0 && g.top().id != id; i-- {
		if g.frames[i].id == id {
			g.frames = g.frames[:i+1]
		}
	}
}

func (g *thread) Switch(r *arch.Regs) platform.Event {
	if g.find(r.RBX); len(g.frames) == 0 || g.top().id != r.RBX {
		g.w.mu.Lock()
		p := g.w.programs[r.RBX]
		g.w.mu.Unlock()
		g.push(r.RBX, func() { p(g); g.exit(0) })
		r.RIP = g.top().site
	}
	if h := r.RIP; h >= fakeHandler {
		g.w.mu.Lock()
		fn, signo := g.w.handlers[(h-fakeHandler)/16], int(r.RDI)
		g.w.mu.Unlock()
		g.push(r.RBX, func() {
			fn(g, signo)
			g.do(func(t *Task) (uint64, error) {
				g.frames = g.frames[:len(g.frames)-1]
				t.regs.RSP += 8 // the handler's ret
				return 0, t.SigReturn()
			})
		})
		r.RIP = g.top().site
		// Fall through: it runs.
	}
	f := g.top()
	if f.inCall {
		if r.RIP == f.site { // restarted
			return g.enter(r, f.last)
		}
		f.inCall = false
		f.result <- r.RAX
	}
	select {
	case c := <-f.calls:
		r.RAX = 1000 // any number
		r.RIP = f.site
		f.inCall, f.last = true, c
		return g.enter(r, c)
	case <-g.kick:
		return platform.Event{Kind: platform.Interrupted}
	}
}

func (g *thread) enter(r *arch.Regs, c call) platform.Event {
	g.call = c
	r.OrigRAX, r.RAX = r.RAX, ^uint64(linux.ENOSYS)+1
	r.RIP += 2
	return platform.Event{Kind: platform.Syscall}
}

func (g *thread) Interrupt() {
	select {
	case g.kick <- struct{}{}:
	default:
	}
}
func (g *thread) FP() arch.FPState           { return nil }
func (g *thread) SetFP(arch.FPState) error   { return nil }
func (g *thread) Idle()                      {}
func (g *thread) SetCached(*platform.Cached) {}
func (g *thread) Release()                   { close(g.stop) }
