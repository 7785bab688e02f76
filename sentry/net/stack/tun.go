package stack

import (
	"slices"
	"sync"

	"glovebox/abi/linux"
)

// A Program is a program's end of an interface of kind Tun: it reads what the interface
// sends, and what it writes the interface receives.
type Program struct {
	d      *device
	notify func() // is called with locks of the engine held

	mu     sync.Mutex // a leaf
	frames [][]byte
	dead   bool
}

// tunQueue is how many frames wait for a program (TUN_READQ_SIZE).
const tunQueue = 500

// AddProgram makes an interface whose other end is a program, and returns that and its
// number. Notify is called when there is something to read, or the interface is gone.
func (st *Stack) AddProgram(s Spec, notify func()) (*Program, int32, error) {
	rtnl.Lock()
	defer rtnl.Unlock()
	p := &Program{notify: notify}
	p.d = newDevice(Tun, s)
	p.d.send = p.put
	p.d.onEnd = p.end
	id, err := st.attach(p.d, s)
	return p, id, err
}

func (p *Program) put(f []byte) {
	p.mu.Lock()
	full := len(p.frames) >= tunQueue || p.dead
	if !full {
		p.frames = append(p.frames, f)
	}
	p.mu.Unlock()
	if !full {
		p.notify()
	}
}

func (p *Program) end() {
	p.mu.Lock()
	p.dead, p.frames = true, nil
	p.mu.Unlock()
	p.notify()
}

// Next returns the first frame that waits: EAGAIN if there is none, EBADFD once the
// interface is gone.
func (p *Program) Next() ([]byte, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.dead:
		return nil, linux.EBADFD
	case len(p.frames) == 0:
		return nil, linux.EAGAIN
	}
	f := p.frames[0]
	p.frames[0] = nil
	p.frames = p.frames[1:]
	return f, nil
}

// Waiting reports whether Next would return a frame, or that there is no interface.
func (p *Program) Waiting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dead || len(p.frames) > 0
}

// Send has the interface receive a frame: EIO if it is down.
func (p *Program) Send(f []byte) error {
	p.mu.Lock()
	dead := p.dead
	p.mu.Unlock()
	switch {
	case dead:
		return linux.EBADFD
	case !p.d.isUp():
		return linux.EIO
	}
	p.d.receive(slices.Clone(f))
	return nil
}

// Index returns the interface's stack and number: nil once it is gone.
func (p *Program) Index() (*Stack, int32) {
	rtnl.Lock()
	defer rtnl.Unlock()
	return p.d.stack, p.d.id
}

// Close ends the interface.
func (p *Program) Close() {
	rtnl.Lock()
	defer rtnl.Unlock()
	p.d.remove()
}
