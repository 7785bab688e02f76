package control

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"glovebox/host"
)

// A Sandbox has containers. Every method, of theirs too, may be called by several
// goroutines at once; only the waits may block for long, and must end with their
// context. An error that is an *Error keeps its code on the way.
type Sandbox interface {
	// Container returns the one with an id, the first for "".
	Container(id string) (Container, error)
	// Create makes one more. The files are the sandbox's, whatever it answers.
	Create(a CreateArgs, files []*os.File) error
	// Stacks writes to out, which is then its, what the Sentry does.
	Stacks(out *os.File) error
}

// A Container answers what is asked about it.
type Container interface {
	// Check looks for the first process's program.
	Check() error
	// Start runs the container's first process. The files are the sandbox's,
	// whatever it answers.
	Start(a StartArgs, files []*os.File) error
	// Signal sends a signal.
	Signal(SignalArgs) error
	// Wait returns the status of a process (0: the first) once it ended,
	// or at once if it has. It does not reap.
	Wait(ctx context.Context, pid int32) (WaitStatus, error)
	// Exec runs another process. It is killed when ctx, its client's, ends.
	// The files are the sandbox's, whatever it answers.
	Exec(ctx context.Context, a ExecArgs, files []*os.File) (ExecResult, error)
	// Strace has out, which is then its, get a line for each of the calls, all
	// if none is named, until ctx ends.
	Strace(ctx context.Context, calls []string, out *os.File) error
	// Archive writes to out, which is then its, what was changed in the root. It
	// ends with ctx.
	Archive(ctx context.Context, out *os.File) (Omitted, error)
	// WaitOOM returns how many processes were killed for memory, once that is more
	// than seen or the first process has ended.
	WaitOOM(ctx context.Context, seen int64) (int64, error)
	// WaitExec returns the status of a process that Exec started.
	WaitExec(ctx context.Context, id uint64) (WaitStatus, error)
	// Processes lists the container's processes.
	Processes() ([]Process, error)
	// Pause keeps every process from running, Resume ends that.
	Pause() error
	Resume() error
	// Limit changes limits.
	Limit(Limits) error
	// Stats returns what the container uses.
	Stats() (Stats, error)
	// State returns how far the container is.
	State() (State, error)
	// Destroy ends the container, and with the first one the sandbox: then the
	// answer may be lost.
	Destroy() error
}

// Listen takes over the listening socket that the sandbox was started with.
func Listen(fd int) (*net.UnixListener, error) {
	f := os.NewFile(uintptr(fd), "control")
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, err
	}
	ul, ok := l.(*net.UnixListener)
	if !ok {
		l.Close()
		return nil, errors.New("control: not a unix socket")
	}
	return ul, nil
}

// grace is how long what is under way may take when Serve ends: the answer to who
// waits for the end is the most important of all.
const grace = time.Second

// Serve answers on l until it is closed, then ends what is under way and
// returns.
func Serve(l *net.UnixListener, s Sandbox) error {
	ctx, cancel := context.WithCancel(context.Background())
	var conns sync.WaitGroup
	calls := &tally{zero: make(chan struct{}, 1)}
	defer conns.Wait()
	defer cancel()
	// The guest may have used up the descriptors; it can be killed even then.
	spare := host.Spare()
	defer func() { spare.Close() }()
	for {
		u, err := l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			calls.wait(grace)
			return nil
		}
		if errors.Is(err, syscall.EMFILE) {
			spare.Close()
			u, err = l.AcceptUnix()
			spare = host.Spare()
		}
		if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
			time.Sleep(10 * time.Millisecond) // who asks waits for one
			continue
		}
		if err != nil {
			return err
		}
		conns.Go(func() { serveConn(ctx, u, s, calls) })
	}
}

// A tally counts calls under way.
type tally struct {
	n    atomic.Int64
	zero chan struct{} // has something when n may have become 0
}

func (t *tally) add(d int64) {
	if t.n.Add(d) == 0 {
		select {
		case t.zero <- struct{}{}:
		default:
		}
	}
}

// wait waits until there are none, or for d.
func (t *tally) wait(d time.Duration) {
	end := time.After(d)
	for t.n.Load() != 0 {
		select {
		case <-t.zero:
		case <-end:
			return
		}
	}
}

// serveConn answers one client until it hangs up.
func serveConn(ctx context.Context, u *net.UnixConn, s Sandbox, all *tally) {
	ctx, cancel := context.WithCancel(ctx)
	c := &conn{unix: u}
	// Closing the socket ends a read that is under way.
	stop := context.AfterFunc(ctx, func() { u.Close() })
	var calls sync.WaitGroup
	defer func() {
		cancel()
		stop()
		calls.Wait()
		c.close()
	}()
	for {
		var r request
		if err := c.receive(&r); err != nil {
			return
		}
		files, err := c.claim(r.FDs)
		if err != nil {
			return
		}
		all.add(1)
		calls.Go(func() {
			defer all.add(-1)
			if err := c.send(answer(ctx, s, &r, files)); err != nil {
				// It was too long, or the client hung up and wants none.
				_ = c.send(response{ID: r.ID, Error: &Error{Msg: err.Error()}})
			}
		})
	}
}

func answer(ctx context.Context, s Sandbox, r *request, files []*os.File) response {
	result, err := call(ctx, s, r, files)
	resp := response{ID: r.ID}
	if err == nil {
		resp.Result, err = json.Marshal(result)
	}
	if err != nil {
		var e *Error
		if !errors.As(err, &e) {
			e = &Error{Msg: err.Error()}
		}
		resp.Error = e
	}
	return resp
}

// takes is how many descriptors come with a request.
var takes = map[string]int{
	methodExec: some, methodStart: some, methodStrace: 1, methodStacks: 1, methodArchive: 1, methodCreate: some,
}

// some descriptors are for the method itself to look at.
const some = -1

func call(ctx context.Context, s Sandbox, r *request, files []*os.File) (any, error) {
	want := takes[r.Method]
	err := error(nil)
	switch {
	case r.Version != Version:
		err = Errorf(Invalid, "control protocol %d is not the sandbox's %d", r.Version, Version)
	case want != some && len(files) != want:
		err = Errorf(Invalid, "%s: %d descriptors, want %d", r.Method, len(files), want)
	}
	if err != nil {
		closeAll(files)
		return nil, err
	}
	switch r.Method {
	case methodCreate:
		a, err := args[CreateArgs](r, files)
		if err != nil {
			return nil, err
		}
		return nil, s.Create(a, files)
	case methodStacks:
		return nil, s.Stacks(files[0])
	}
	c, err := s.Container(r.Container)
	if err != nil {
		closeAll(files)
		return nil, err
	}
	return callContainer(ctx, c, r, files)
}

// args decodes the arguments of a request. The files are closed if that fails.
func args[T any](r *request, files []*os.File) (a T, err error) {
	if err := json.Unmarshal(r.Args, &a); err != nil {
		closeAll(files)
		return a, Errorf(Invalid, "%s: %v", r.Method, err)
	}
	return a, nil
}

func callContainer(ctx context.Context, c Container, r *request, files []*os.File) (any, error) {
	switch r.Method {
	case methodCheck:
		return nil, c.Check()
	case methodStart:
		a, err := args[StartArgs](r, files)
		if err != nil {
			return nil, err
		}
		return nil, c.Start(a, files)
	case methodSignal:
		a, err := args[SignalArgs](r, nil)
		if err != nil {
			return nil, err
		}
		return nil, c.Signal(a)
	case methodWait:
		pid, err := args[int32](r, nil)
		if err != nil {
			return nil, err
		}
		return c.Wait(ctx, pid)
	case methodExec:
		a, err := args[ExecArgs](r, files)
		if err != nil {
			return nil, err
		}
		if want := 3 + len(a.Passed); len(files) != want {
			closeAll(files)
			return nil, Errorf(Invalid, "%s: %d descriptors, want %d", r.Method, len(files), want)
		}
		return c.Exec(ctx, a, files)
	case methodStrace:
		calls, err := args[[]string](r, files)
		if err != nil {
			return nil, err
		}
		return nil, c.Strace(ctx, calls, files[0])
	case methodArchive:
		return c.Archive(ctx, files[0])
	case methodWaitOOM:
		seen, err := args[int64](r, nil)
		if err != nil {
			return nil, err
		}
		return c.WaitOOM(ctx, seen)
	case methodWaitExec:
		id, err := args[uint64](r, nil)
		if err != nil {
			return nil, err
		}
		return c.WaitExec(ctx, id)
	case methodPause:
		return nil, c.Pause()
	case methodResume:
		return nil, c.Resume()
	case methodLimit:
		l, err := args[Limits](r, nil)
		if err != nil {
			return nil, err
		}
		return nil, c.Limit(l)
	case methodStats:
		return c.Stats()
	case methodProcesses:
		return c.Processes()
	case methodState:
		return c.State()
	case methodDestroy:
		return nil, c.Destroy()
	}
	return nil, Errorf(Invalid, "unknown method %q", r.Method)
}
