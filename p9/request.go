package p9

import "sync"

// A request is one message being answered.
type request struct {
	buf  []byte  // what in reads
	in   decoder // the request's fields
	out  encoder // the reply
	typ  uint8
	tag  uint16
	fd   int    // to send along; -1 if none
	done func() // called when it is sent; may be nil
}

var requests = sync.Pool{New: func() any { return new(request) }}

// newRequest returns one with room for a body of n bytes.
func newRequest(h header) *request {
	r := requests.Get().(*request)
	r.typ, r.tag, r.fd, r.done = h.typ, h.tag, -1, nil
	r.buf = grow(r.buf, h.body)
	r.in = decoder{b: r.buf}
	return r
}

func (r *request) free() {
	if cap(r.buf) <= poolLimit && cap(r.out.b) <= poolLimit {
		r.done = nil
		requests.Put(r)
	}
}

// pending is the requests that were not answered, by tag, with the Tflushes that
// wait for each.
type pending struct {
	mu   sync.Mutex
	tags map[uint16][]*request // guarded by mu
}

// add enters a request; false if its tag is in use.
func (p *pending) add(tag uint16) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if _, ok := p.tags[tag]; ok {
		return false
	}
	p.tags[tag] = nil
	return true
}

// wait makes the Tflush r wait for old, if that is not answered.
func (p *pending) wait(old uint16, r *request) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	w, ok := p.tags[old]
	if ok {
		p.tags[old] = append(w, r)
	}
	return ok
}

// remove forgets a request and returns the Tflushes that waited for it.
func (p *pending) remove(tag uint16) []*request {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := p.tags[tag]
	delete(p.tags, tag)
	return w
}
