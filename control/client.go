package control

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// ErrGone says that the sandbox hung up: it has ended.
var ErrGone = errors.New("the sandbox has gone")

// A Client asks one sandbox. Its methods may be called at once.
type Client struct {
	// Container is whom its questions are about; "" is the sandbox's first. Set
	// before the first of them.
	Container string

	c *conn

	mu      sync.Mutex
	next    uint64                   // guarded by mu
	pending map[uint64]chan response // guarded by mu; nil once the sandbox is gone

	reader sync.WaitGroup
}

// Dial connects to the sandbox's socket.
func Dial(path string) (*Client, error) {
	u, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return nil, err
	}
	return NewClient(u), nil
}

// NewClient speaks over a connected socket, which becomes its own.
func NewClient(u *net.UnixConn) *Client {
	c := &Client{c: &conn{unix: u}, pending: map[uint64]chan response{}}
	c.reader.Go(c.read)
	return c
}

// Close hangs up. Calls under way return ErrGone.
func (c *Client) Close() error {
	err := c.c.unix.Close()
	c.reader.Wait()
	return err
}

// Create makes the container that c is about: config is for CreateArgs.
func (c *Client) Create(config json.RawMessage, fds ...int) error {
	return c.call(methodCreate, CreateArgs{Config: config}, nil, fds...)
}

// Check answers once the sandbox is ready, with what Start would fail of now: that
// there is no such program, or it cannot be executed.
func (c *Client) Check() error { return c.call(methodCheck, nil, nil) }

// Start runs the container's first process. fds are what a.Network names.
func (c *Client) Start(a StartArgs, fds ...int) error { return c.call(methodStart, a, nil, fds...) }

// Exec runs a process beside the first one, with fds as its descriptors 0, 1
// and 2, and what a.Passed says. It is killed when the client hangs up.
func (c *Client) Exec(a ExecArgs, fds ...int) (ExecResult, error) {
	var r ExecResult
	err := c.call(methodExec, a, &r, fds...)
	return r, err
}

// WaitExec waits until a process that this client's Exec started has ended.
func (c *Client) WaitExec(id uint64) (WaitStatus, error) {
	var s WaitStatus
	err := c.call(methodWaitExec, id, &s)
	return s, err
}

// Strace has fd, a pipe, get a line for each system call, of those named or of all,
// until the client hangs up or the container ends.
func (c *Client) Strace(calls []string, fd int) error { return c.call(methodStrace, calls, nil, fd) }

// Stacks has fd get what the Sentry's goroutines do.
func (c *Client) Stacks(fd int) error { return c.call(methodStacks, nil, nil, fd) }

// Archive has fd, a pipe, get what was changed in the container's root, a tar archive,
// where that is in memory.
func (c *Client) Archive(fd int) (Omitted, error) {
	var o Omitted
	err := c.call(methodArchive, nil, &o, fd)
	return o, err
}

// WaitOOM returns how many processes were killed for memory, once that is more than
// seen or the first process has ended.
func (c *Client) WaitOOM(seen int64) (int64, error) {
	var n int64
	err := c.call(methodWaitOOM, seen, &n)
	return n, err
}

// Signal sends a signal.
func (c *Client) Signal(a SignalArgs) error { return c.call(methodSignal, a, nil) }

// Wait waits until a process (0: the first) has ended.
func (c *Client) Wait(pid int32) (WaitStatus, error) {
	var s WaitStatus
	err := c.call(methodWait, pid, &s)
	return s, err
}

// Processes lists the container's processes.
func (c *Client) Processes() ([]Process, error) {
	var p []Process
	err := c.call(methodProcesses, nil, &p)
	return p, err
}

// Pause keeps every process from running, Resume ends that.
func (c *Client) Pause() error { return c.call(methodPause, nil, nil) }

// Resume ends Pause.
func (c *Client) Resume() error { return c.call(methodResume, nil, nil) }

// Limit changes limits.
func (c *Client) Limit(l Limits) error { return c.call(methodLimit, l, nil) }

// Stats returns what the container uses.
func (c *Client) Stats() (Stats, error) {
	var s Stats
	err := c.call(methodStats, nil, &s)
	return s, err
}

// State returns how far the container is.
func (c *Client) State() (State, error) {
	var s State
	err := c.call(methodState, nil, &s)
	return s, err
}

// Destroy ends the container, and with the first one the sandbox. One that is gone
// already is fine. It hangs up if that takes longer than limit: ErrGone.
func (c *Client) Destroy(limit time.Duration) error {
	late := time.AfterFunc(limit, func() { c.c.unix.Close() })
	err := c.call(methodDestroy, nil, nil)
	if !late.Stop() {
		return ErrGone
	}
	var e *Error
	if errors.Is(err, ErrGone) || errors.As(err, &e) && e.Code == NotFound {
		return nil
	}
	return err
}

func (c *Client) call(method string, args, result any, fds ...int) error {
	r := request{Version: Version, Method: method, Container: c.Container, FDs: len(fds)}
	if args != nil {
		b, err := json.Marshal(args)
		if err != nil {
			return err
		}
		r.Args = b
	}
	ch := make(chan response, 1)
	c.mu.Lock()
	if c.pending == nil {
		c.mu.Unlock()
		return ErrGone
	}
	c.next++
	r.ID = c.next
	c.pending[r.ID] = ch
	c.mu.Unlock()
	if err := c.c.send(r, fds...); err != nil {
		c.mu.Lock()
		delete(c.pending, r.ID)
		c.mu.Unlock()
		return fmt.Errorf("%w: %w", ErrGone, err)
	}
	resp, ok := <-ch
	switch {
	case !ok:
		return ErrGone
	case resp.Error != nil:
		return resp.Error
	case result != nil:
		return json.Unmarshal(resp.Result, result)
	}
	return nil
}

// read hands out answers until the connection ends.
func (c *Client) read() {
	for {
		var r response
		if err := c.c.receive(&r); err != nil {
			break
		}
		c.mu.Lock()
		ch := c.pending[r.ID]
		delete(c.pending, r.ID)
		c.mu.Unlock()
		if ch != nil {
			ch <- r
		}
	}
	c.c.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, ch := range c.pending {
		close(ch)
	}
	c.pending = nil
}
