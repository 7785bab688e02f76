// Package namespace is what namespaces of every kind have in common (namespaces(7)): a
// number, and that files stand for them.
package namespace

import "sync/atomic"

// An ID is a namespace's number, the inode number of the files that stand for it.
type ID uint64

// The numbers of the first ones of a kind (include/linux/proc_ns.h) end below dynamic.
const dynamic = 0xf0000100

var last atomic.Uint64

// NewID returns a number that no other namespace has.
func NewID() ID { return ID(dynamic + last.Add(1)) }

// An Object is a namespace that files can stand for. They hold it while they are open.
type Object interface {
	ID() ID
	// TryInc adds a reference, unless nobody is in it any more.
	TryInc() bool
	// Dec drops one.
	Dec()
}

// Kept is the references of a namespace that the garbage collector looks after.
type Kept struct{}

// TryInc implements Object.
func (Kept) TryInc() bool { return true }

// Dec implements Object.
func (Kept) Dec() {}

// An Only is a namespace that is the only one of its kind.
type Only struct {
	Kept
	Number ID
}

// ID implements Object.
func (o Only) ID() ID { return o.Number }
