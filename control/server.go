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

// A Sandbox answers requests. Every method may be called by several goroutines
// at once; only the waits may block for long, and must end with their context.
// An error that is an *Error keeps its code on the way.
type Sandbox interface {
	// Check looks for the first process's program.
	Check() error
	// Start runs the container's first process.
	Start() error
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
	// Stacks writes to out, which is then its, what the Sentry does.
	Stacks(out *os.File) error
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
	// Destroy ends the sandbox. The answer may be lost.
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
var takes = map[string]int{methodExec: 3, methodStrace: 1, methodStacks: 1}

func call(ctx context.Context, s Sandbox, r *request, files []*os.File) (any, error) {
	if want := takes[r.Method]; r.Version != Version || want == 0 || len(files) != want {
		closeAll(files)
		if r.Version == Version && want != len(files) {
			return nil, Errorf(Invalid, "%s: %d descriptors, want %d", r.Method, len(files), want)
		}
	}
	if r.Version != Version {
		return nil, Errorf(Invalid, "control protocol %d is not the sandbox's %d", r.Version, Version)
	}
	switch r.Method {
	case methodCheck:
		return nil, s.Check()
	case methodStart:
		return nil, s.Start()
	case methodSignal:
		var a SignalArgs
		if err := json.Unmarshal(r.Args, &a); err != nil {
			return nil, Errorf(Invalid, "%s: %v", r.Method, err)
		}
		return nil, s.Signal(a)
	case methodWait:
		var pid int32
		if err := json.Unmarshal(r.Args, &pid); err != nil {
			return nil, Errorf(Invalid, "%s: %v", r.Method, err)
		}
		return s.Wait(ctx, pid)
	case methodExec:
		var a ExecArgs
		if err := json.Unmarshal(r.Args, &a); err != nil {
			closeAll(files)
			return nil, Errorf(Invalid, "%s: %v", r.Method, err)
		}
		return s.Exec(ctx, a, files)
	case methodStrace:
		var calls []string
		if err := json.Unmarshal(r.Args, &calls); err != nil {
			closeAll(files)
			return nil, Errorf(Invalid, "%s: %v", r.Method, err)
		}
		return nil, s.Strace(ctx, calls, files[0])
	case methodStacks:
		return nil, s.Stacks(files[0])
	case methodWaitExec:
		var id uint64
		if err := json.Unmarshal(r.Args, &id); err != nil {
			return nil, Errorf(Invalid, "%s: %v", r.Method, err)
		}
		return s.WaitExec(ctx, id)
	case methodPause:
		return nil, s.Pause()
	case methodResume:
		return nil, s.Resume()
	case methodLimit:
		var l Limits
		if err := json.Unmarshal(r.Args, &l); err != nil {
			return nil, Errorf(Invalid, "%s: %v", r.Method, err)
		}
		return nil, s.Limit(l)
	case methodStats:
		return s.Stats()
	case methodProcesses:
		return s.Processes()
	case methodState:
		return s.State()
	case methodDestroy:
		return nil, s.Destroy()
	}
	return nil, Errorf(Invalid, "unknown method %q", r.Method)
}
