package boot

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"os"
	"sync"
	"time"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/net/stack"
)

// Docker's resolver listens in the namespace of the host, behind rules of that one's
// loopback, which frames do not pass.
var resolverAddr = stack.Addr{IP: netip.AddrFrom4([4]byte{127, 0, 0, 11}), Port: 53}

// Bounds of questions: how many may wait for an answer, how long, and the largest
// message, in bytes.
const (
	maxQuestions = 512
	questionTime = 30 * time.Second
	maxAnswer    = 64 << 10
)

// A resolver passes DNS messages between the sandbox's loopback and a socket of the host
// that is connected to a resolver: datagrams only, which it knows by their id (RFC 1035,
// 4.1.1).
type resolver struct {
	inside *stack.Endpoint
	host   *os.File
	wake   chan struct{}

	mu    sync.Mutex // a leaf
	last  uint16     // guarded by mu
	waits map[uint16]question
}

type question struct {
	from stack.Addr
	id   uint16
	at   time.Time
}

// startResolver makes one of fd, which becomes its own.
func startResolver(st *stack.Stack, fd int) error {
	r := &resolver{host: os.NewFile(uintptr(fd), "resolver"), wake: make(chan struct{}, 1), waits: map[uint16]question{}}
	var err error
	if r.inside, err = st.NewEndpoint(stack.UDP, linux.AF_INET, 0); err == nil {
		err = r.inside.Bind(resolverAddr)
	}
	if err != nil {
		r.host.Close()
		return err
	}
	r.inside.Watch(r)
	go r.ask()
	go r.answer()
	return nil
}

// Happened implements stack.Watcher.
func (r *resolver) Happened(wait.Mask) {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// ask passes questions on. What cannot be is lost, as datagrams are.
func (r *resolver) ask() {
	for range r.wake {
		for {
			m, err := r.inside.ReadMessage()
			if err != nil {
				break
			}
			if len(m.Data) < 2 {
				continue
			}
			if id, ok := r.note(question{m.From, binary.BigEndian.Uint16(m.Data), time.Now()}); ok {
				binary.BigEndian.PutUint16(m.Data, id)
				_, _ = r.host.Write(m.Data)
			}
		}
	}
}

// note gives a question an id of its own: false if too many wait.
func (r *resolver) note(q question) (uint16, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waits) >= maxQuestions {
		for id, old := range r.waits {
			if q.at.Sub(old.at) > questionTime {
				delete(r.waits, id)
			}
		}
		if len(r.waits) >= maxQuestions {
			return 0, false
		}
	}
	for r.last++; ; r.last++ {
		if _, used := r.waits[r.last]; !used {
			r.waits[r.last] = q
			return r.last, true
		}
	}
}

// answer passes answers back, until the sandbox ends.
func (r *resolver) answer() {
	b := make([]byte, maxAnswer)
	for {
		n, err := r.host.Read(b)
		if err != nil {
			// ECONNREFUSED: nobody listens now. One question is answered by silence.
			time.Sleep(10 * time.Millisecond)
			continue
		}
		if n < 2 {
			continue
		}
		r.mu.Lock()
		id := binary.BigEndian.Uint16(b)
		q, ok := r.waits[id]
		delete(r.waits, id)
		r.mu.Unlock()
		if ok {
			binary.BigEndian.PutUint16(b, q.id)
			_ = r.inside.WriteMessage(bytes.NewReader(b[:n]), &stack.Sending{To: &q.from})
		}
	}
}
