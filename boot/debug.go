package boot

import (
	"context"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"glovebox/control"
	"glovebox/sentry/kernel"
	"glovebox/sentry/sys"
)

// callNumbers returns the numbers of system calls by their names; nil of none.
func callNumbers(names []string) (map[uint64]bool, error) {
	if len(names) == 0 {
		return nil, nil
	}
	all := map[string]uint64{}
	for no, c := range sys.Rows() {
		if c.Name != "" {
			all[c.Name] = uint64(no)
		}
	}
	only := map[uint64]bool{}
	for _, name := range names {
		no, ok := all[strings.TrimSpace(name)]
		if !ok {
			return nil, fmt.Errorf("there is no system call %q; see `runsc help syscalls`", name)
		}
		only[no] = true
	}
	return only, nil
}

// newTracer returns who is told of system calls from the start; nil: nobody.
func newTracer(cfg *Config) (*kernel.Tracer, error) {
	if !cfg.Strace || cfg.DebugLogFD < 0 {
		return nil, nil
	}
	only, err := callNumbers(cfg.StraceCalls)
	return &kernel.Tracer{W: fdWriter(cfg.DebugLogFD), Only: only}, err
}

// Strace implements control.Container: out gets the calls until ctx ends.
func (c *container) Strace(ctx context.Context, calls []string, out *os.File) error {
	defer out.Close()
	only, err := callNumbers(calls)
	if err != nil {
		return control.Errorf(control.Invalid, "%v", err)
	}
	fd := int(out.Fd())
	if err := unix.SetNonblock(fd, true); err != nil {
		return err
	}
	init, err := c.first()
	if err != nil {
		return err
	}
	w := &lossyWriter{fd: fd}
	tr := &kernel.Tracer{W: w, Only: only}
	if !c.group.SetTracer(nil, tr) {
		return control.Errorf(control.Invalid, "the system calls of container %s are traced already", c.cfg.ID)
	}
	defer func() {
		c.group.SetTracer(tr, nil)
		w.close()
	}()
	select {
	case <-ctx.Done():
	case <-init.Done():
	}
	return nil
}

// A lossyWriter writes to a pipe that nobody may be reading: what finds no room is
// lost, not waited for.
type lossyWriter struct {
	mu     sync.RWMutex // held while the descriptor is used
	fd     int
	closed bool // guarded by mu
	lost   atomic.Int64
}

// Write implements io.Writer.
func (w *lossyWriter) Write(b []byte) (int, error) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	if w.closed {
		return 0, io.ErrClosedPipe
	}
	if n := w.lost.Load(); n > 0 && w.lost.CompareAndSwap(n, 0) {
		if _, err := unix.Write(w.fd, fmt.Appendf(nil, "... %d lines are lost\n", n)); err != nil {
			w.lost.Add(n)
		}
	}
	n, err := unix.Write(w.fd, b)
	if err != nil {
		w.lost.Add(1)
	}
	return n, err
}

// close returns when nobody uses the descriptor any more.
func (w *lossyWriter) close() {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
}

// stacksSize bounds what Stacks writes.
const stacksSize = 32 << 20

// Stacks implements control.Sandbox: what the Sentry's goroutines do.
func (*sandbox) Stacks(out *os.File) error {
	defer out.Close()
	for n := 256 << 10; ; n *= 2 {
		b := make([]byte, n)
		if m := runtime.Stack(b, true); m < n || n >= stacksSize {
			_, err := out.Write(b[:m])
			return err
		}
	}
}
