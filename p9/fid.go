package p9

import (
	"sync"

	"glovebox/abi/linux"
	"glovebox/lib/ref"
)

// A fid is what a client's number stands for. The table holds one reference,
// each request that uses it another: a clunk waits for nobody.
type fid struct {
	refs ref.Count

	mu sync.Mutex
	// node changes only by Tlcreate, which leaves its directory in base.
	// Guarded by mu.
	node, base Node
	// open is set once by Tlopen or Tlcreate. Guarded by mu.
	open Handle
	// value is set once by Txattrwalk or Txattrcreate, which turn the fid
	// into an extended attribute. Guarded by mu.
	value *xattrValue

	// Of the plain dialect, for Tremove and Trename: whose entry the fid was
	// when it was walked to. Immutable; dir is nil for a root.
	dir  Node
	name string
}

// An xattrValue is an extended attribute being read, or written until the
// clunk sets it.
type xattrValue struct {
	name    string
	flags   uint32
	data    []byte
	filled  int
	writing bool
}

func (f *fid) put() {
	if !f.refs.Dec() {
		return
	}
	if f.open != nil {
		f.open.Close()
	}
	f.node.Close()
	if f.base != nil {
		f.base.Close()
	}
	if f.dir != nil {
		f.dir.Close()
	}
}

// current returns the node; the caller holds a reference to f.
func (f *fid) current() Node {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.node
}

// handle returns what the fid was opened as.
func (f *fid) handle() (Handle, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		return nil, linux.EBADF
	}
	return f.open, nil
}

// forgotten stands for every fid that a client forgot.
var forgotten = new(fid)

// A fidTable is a connection's fids.
type fidTable struct {
	limit int

	mu   sync.Mutex
	fids map[uint32]*fid // guarded by mu
}

// get returns the fid with a reference for the caller.
func (t *fidTable) get(n uint32) (*fid, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.fids[n]
	switch f {
	case nil:
		return nil, errBadFid
	case forgotten:
		return nil, linux.ESTALE
	}
	f.refs.Inc()
	return f, nil
}

// add enters f, whose reference the table takes over, even if it fails.
func (t *fidTable) add(n uint32, f *fid) error {
	err := t.check(n)
	if err == nil {
		t.mu.Lock()
		// Once more: another request may have taken the number.
		if t.fids[n] != nil {
			err = linux.EINVAL
		} else {
			t.fids[n] = f
		}
		t.mu.Unlock()
	}
	if err != nil {
		f.put()
	}
	return err
}

// check reports whether n can be made a fid, before something is done for it.
func (t *fidTable) check(n uint32) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case n == noFid || t.fids[n] != nil:
		return linux.EINVAL
	case len(t.fids) >= t.limit:
		return linux.ENFILE
	}
	return nil
}

// remove takes the fid out of the table; its reference is the caller's.
func (t *fidTable) remove(n uint32) (*fid, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	f := t.fids[n]
	if f == nil {
		return nil, errBadFid
	}
	delete(t.fids, n)
	if f == forgotten {
		return nil, linux.ESTALE
	}
	return f, nil
}

// forget is remove, but the number stays in use.
func (t *fidTable) forget(n uint32) (*fid, error) {
	f, err := t.remove(n)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err != errBadFid {
		t.fids[n] = forgotten
	}
	return f, err
}

// clear drops all fids.
func (t *fidTable) clear() {
	t.mu.Lock()
	all := t.fids
	t.fids = map[uint32]*fid{}
	t.mu.Unlock()
	for _, f := range all {
		if f == forgotten {
			continue
		}
		f.put()
	}
}
