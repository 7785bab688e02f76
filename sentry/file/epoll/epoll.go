// Package epoll is epoll(7): sets of open files, and which of them are ready.
//
// An Instance keeps an item for each file of interest, with an entry on the
// file's wait queue. The entry's callback only puts the item on the ready list;
// whether the file is ready still is asked when events are collected
// (fs/eventpoll.c). Items hold no reference to their file: one whose file is
// closed everywhere is dropped when it is met, and all such are swept each time
// the set has doubled.
//
// Lock order: Instance.mu, then locks of files; Instance.readyMu is a leaf,
// taken under the wait queues of files. Nesting is free of cycles (checkNest),
// so that the wait queues of nested instances are ordered too.
package epoll

import (
	"sync"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/lock"
	"glovebox/sentry/vfs"
)

// A File is an open file that can be watched; *vfs.File implements it. Two
// Files are the same if they are equal.
type File interface {
	// Ready and Queue are those of vfs.FileOps.
	Ready() wait.Mask
	Queue() *wait.Queue
	// Alive reports whether some descriptor or call refers to the file still.
	// Ready is not called once it does not.
	Alive() bool
}

// maxNests is how deep instances may watch one another (EP_MAX_NESTS).
const maxNests = 4

const (
	// private are the flags in an event's mask that are no events.
	private = linux.EPOLLEXCLUSIVE | linux.EPOLLWAKEUP | linux.EPOLLONESHOT | linux.EPOLLET
	always  = linux.POLLERR | linux.POLLHUP
	// exclusiveOK is what EPOLLEXCLUSIVE may come with.
	exclusiveOK = linux.POLLIN | linux.POLLOUT | linux.POLLRDNORM | linux.POLLWRNORM | always |
		linux.EPOLLWAKEUP | linux.EPOLLET | linux.EPOLLEXCLUSIVE
	readable = wait.In | wait.RdNorm
)

// An Instance is what epoll_create(2) makes. It implements vfs.FileOps.
type Instance struct {
	vfs.NoFile
	queue wait.Queue
	// watchers counts the items of other instances that watch this one.
	watchers atomic.Int32

	mu    lock.Mutex[lock.Epoll]
	items map[key]*item // guarded by mu
	sweep int           // when to look for closed files next; guarded by mu

	readyMu sync.Mutex // a leaf
	ready   list       // guarded by readyMu
}

// Len is how many files are watched.
func (ep *Instance) Len() int {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	return len(ep.items)
}

// A key names an item: one file may be watched by several descriptors.
type key struct {
	file File
	fd   int32
}

// An item is one file of interest.
type item struct {
	key
	ep    *Instance // immutable
	inner *Instance // the file's, if it is an epoll; immutable
	entry wait.Entry
	// events is the mask and flags of the last epoll_ctl; only flags after a
	// one-shot fired. Written with ep.mu held.
	events atomic.Uint32
	data   [2]uint32 // guarded by ep.mu

	// Guarded by ep.readyMu.
	queued     bool
	prev, next *item
}

// New returns an empty instance.
func New() *Instance { return &Instance{items: map[key]*item{}, sweep: 16} }

// Add is EPOLL_CTL_ADD for descriptor fd, which refers to f with ops behind it.
func (ep *Instance) Add(fd int32, f File, ops vfs.FileOps, ev *linux.EpollEvent) error {
	q := f.Queue()
	if q == nil {
		return linux.EPERM
	}
	inner, _ := ops.(*Instance)
	if inner == ep {
		return linux.EINVAL
	}
	if ev.Events&linux.EPOLLEXCLUSIVE != 0 && (inner != nil || ev.Events&^exclusiveOK != 0) {
		return linux.EINVAL
	}
	it := &item{key: key{f, fd}, ep: ep, inner: inner, data: ev.Data}
	it.events.Store(ev.Events | always)
	it.entry = wait.Entry{Mask: wait.All, Notify: it.notify, Owner: it}
	if inner != nil {
		return ep.addNested(it, q)
	}
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if ep.watchers.Load() > 0 {
		ep.mu.Unlock()
		nesting.Lock()
		defer nesting.Unlock()
		ep.mu.Lock()
	}
	if err := ep.addLocked(it, q); err != nil {
		return err
	}
	if ep.watchers.Load() > 0 && !fewPaths(q) {
		ep.dropLocked(it)
		return linux.EINVAL
	}
	it.kick()
	return nil
}

// addLocked makes it one of ep's items, and listen on q, its file's queue.
func (ep *Instance) addLocked(it *item, q *wait.Queue) error {
	if ep.items[it.key] != nil {
		return linux.EEXIST
	}
	if len(ep.items) >= ep.sweep {
		ep.sweepLocked()
	}
	ep.items[it.key] = it
	if it.inner != nil {
		it.inner.watchers.Add(1)
	}
	q.Register(&it.entry)
	return nil
}

// Modify is EPOLL_CTL_MOD.
func (ep *Instance) Modify(fd int32, f File, ev *linux.EpollEvent) error {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	it := ep.items[key{f, fd}]
	if it == nil {
		return linux.ENOENT
	}
	if (ev.Events|it.events.Load())&linux.EPOLLEXCLUSIVE != 0 {
		return linux.EINVAL
	}
	it.data = ev.Data
	it.events.Store(ev.Events | always)
	it.kick()
	return nil
}

// Delete is EPOLL_CTL_DEL.
func (ep *Instance) Delete(fd int32, f File) error {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	it := ep.items[key{f, fd}]
	if it == nil {
		return linux.ENOENT
	}
	ep.dropLocked(it)
	return nil
}

// Collect stores what is ready in out and returns how many events that is.
// Level-triggered files go to the end of the list, so that all get their turn.
func (ep *Instance) Collect(out []linux.EpollEvent) int {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	n := 0
	for left := ep.readyLen(); left > 0 && n < len(out); left-- {
		it := ep.pop()
		if it == nil {
			break
		}
		if !it.file.Alive() {
			ep.dropLocked(it)
			continue
		}
		events := it.events.Load()
		m := uint32(it.file.Ready()) & events &^ private
		if m == 0 {
			continue
		}
		out[n] = linux.EpollEvent{Events: m, Data: it.data}
		n++
		switch {
		case events&linux.EPOLLONESHOT != 0:
			it.events.Store(events & private)
		case events&linux.EPOLLET == 0:
			ep.push(it)
		}
	}
	return n
}

// Restore makes what Collect returned last ready again, because the guest did
// not get it.
func (ep *Instance) Restore(lost []linux.EpollEvent) {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	for _, it := range ep.items {
		for i := range lost {
			if it.data != lost[i].Data {
				continue
			}
			if it.events.Load()&^private == 0 {
				it.events.Or(lost[i].Events | always)
			}
			ep.push(it)
		}
	}
}

// Ready implements vfs.FileOps: an instance with ready files is readable.
func (ep *Instance) Ready() wait.Mask {
	ep.readyMu.Lock()
	var some []*item
	for it := ep.ready.head; it != nil; it = it.next {
		some = append(some, it)
	}
	ep.readyMu.Unlock()
	for _, it := range some {
		if it.file.Alive() && uint32(it.file.Ready())&it.events.Load()&^private != 0 {
			return readable
		}
	}
	return 0
}

// Queue implements vfs.FileOps.
func (ep *Instance) Queue() *wait.Queue { return &ep.queue }

// Release implements vfs.FileOps.
func (ep *Instance) Release() {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	for _, it := range ep.items {
		ep.dropLocked(it)
	}
}

// A Watch is one file of interest, for /proc/PID/fdinfo.
type Watch struct {
	FD     int32
	Events uint32
	Data   [2]uint32
}

// Watches returns what ep watches.
func (ep *Instance) Watches() []Watch {
	ep.mu.Lock()
	defer ep.mu.Unlock()
	var ws []Watch
	for _, it := range ep.items {
		if it.file.Alive() {
			ws = append(ws, Watch{it.fd, it.events.Load(), it.data})
		}
	}
	return ws
}

// notify is the callback of it's entry; it runs under the file's wait queue.
func (it *item) notify(m wait.Mask) {
	if uint32(m)&it.events.Load()&^private == 0 {
		return
	}
	it.ep.push(it)
	it.ep.queue.Notify(readable)
}

// kick looks at the file at once; ep.mu is held.
func (it *item) kick() {
	if uint32(it.file.Ready())&it.events.Load()&^private != 0 {
		it.ep.push(it)
		it.ep.queue.Notify(readable)
	}
}

// dropLocked forgets it.
func (ep *Instance) dropLocked(it *item) {
	it.file.Queue().Unregister(&it.entry)
	if it.inner != nil {
		it.inner.watchers.Add(-1)
	}
	delete(ep.items, it.key)
	ep.readyMu.Lock()
	if it.queued {
		ep.ready.remove(it)
	}
	ep.readyMu.Unlock()
}

// sweepLocked forgets the files that were closed.
func (ep *Instance) sweepLocked() {
	for _, it := range ep.items {
		if !it.file.Alive() {
			ep.dropLocked(it)
		}
	}
	ep.sweep = 2*len(ep.items) + 16
}
