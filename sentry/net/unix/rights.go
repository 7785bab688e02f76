package unix

import (
	"sync"

	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

// flights is the open files that are on the way in messages. Descriptors of
// sockets can be sent over each other in cycles that nobody can reach any more:
// collect finds those and takes them apart (net/unix/garbage.c).
type flights struct {
	flightMu sync.Mutex // a leaf
	// users is how many files each user has on the way. Guarded by flightMu.
	users map[uint32]int
	// sockets is the sockets of this family on the way, and cargo in whose
	// queue each is, how many times. Guarded by flightMu.
	sockets map[*Socket]flight
	cargo   map[*Socket]map[*Socket]int
	closes  int // since the last collection; guarded by flightMu

	dropMu   sync.Mutex // a leaf
	toDrop   []*vfs.File
	dropping bool
}

// A flight is a socket that is on the way n times.
type flight struct {
	file *vfs.File
	n    int
}

// launch counts files, which are being put into to's queue by user, who may
// have max on the way: ETOOMANYREFS (too_many_unix_fds). to.mu is held.
func (fl *flights) launch(to *Socket, files []*vfs.File, user uint32, max uint64) error {
	fl.flightMu.Lock()
	defer fl.flightMu.Unlock()
	if uint64(fl.users[user]) > max {
		return linux.ETOOMANYREFS
	}
	if fl.users == nil {
		fl.users, fl.sockets = map[uint32]int{}, map[*Socket]flight{}
		fl.cargo = map[*Socket]map[*Socket]int{}
	}
	fl.users[user] += len(files)
	for _, f := range files {
		s, ok := f.Ops().(*Socket)
		if !ok {
			continue
		}
		fl.sockets[s] = flight{f, fl.sockets[s].n + 1}
		if fl.cargo[to] == nil {
			fl.cargo[to] = map[*Socket]int{}
		}
		fl.cargo[to][s]++
	}
	return nil
}

// land ends what launch began.
func (fl *flights) land(to *Socket, files []*vfs.File, user uint32) {
	fl.flightMu.Lock()
	defer fl.flightMu.Unlock()
	if fl.users[user] -= len(files); fl.users[user] == 0 {
		delete(fl.users, user)
	}
	for _, f := range files {
		s, ok := f.Ops().(*Socket)
		if !ok {
			continue
		}
		if v := fl.sockets[s]; v.n > 1 {
			fl.sockets[s] = flight{v.file, v.n - 1}
		} else {
			delete(fl.sockets, s)
		}
		if fl.cargo[to][s]--; fl.cargo[to][s] == 0 {
			if delete(fl.cargo[to], s); len(fl.cargo[to]) == 0 {
				delete(fl.cargo, to)
			}
		}
	}
}

// await notes that e waits at the listener l to be accepted, or, if l is nil,
// no more.
func (fl *flights) await(e, l *Socket) {
	fl.flightMu.Lock()
	defer fl.flightMu.Unlock()
	e.listener = l
}

// drop drops the references to files. Closing a socket drops what it has
// received, which may be a socket, and so on: that is not done by recursion,
// because guests can make such chains very long.
func (fl *flights) drop(files []*vfs.File) {
	fl.dropMu.Lock()
	fl.toDrop = append(fl.toDrop, files...)
	if fl.dropping {
		fl.dropMu.Unlock()
		return
	}
	fl.dropping = true
	for len(fl.toDrop) > 0 {
		files := fl.toDrop
		fl.toDrop = nil
		fl.dropMu.Unlock()
		for _, f := range files {
			f.Dec()
		}
		fl.dropMu.Lock()
	}
	fl.dropping = false
	fl.dropMu.Unlock()
}

// closed is called when a socket was closed. It collects as often as keeps the
// cost of that in proportion.
func (fl *flights) closed() {
	fl.flightMu.Lock()
	fl.closes++
	due := len(fl.sockets) > 0 && fl.closes*16 >= len(fl.sockets)
	var garbage []*Socket
	if due {
		fl.closes = 0
		garbage = fl.collectLocked()
	}
	fl.flightMu.Unlock()
	for _, s := range garbage {
		s.mu.Lock()
		files := s.emptyOutLocked()
		s.mu.Unlock()
		fl.drop(files)
	}
}

// collectLocked returns the sockets whose cargo keeps only itself alive. A
// socket that is open somewhere, or just in use by a call, has more references
// than flights. Nothing can reach what is returned, so nothing changes it.
func (fl *flights) collectLocked() []*Socket {
	suspect := map[*Socket]bool{}
	for s, v := range fl.sockets {
		if v.file.Refs() == int64(v.n) {
			suspect[s] = true
		}
	}
	if len(suspect) == 0 {
		return nil
	}
	// The cargo of connections that wait is reached through their listener.
	reach := map[*Socket][]*Socket{}
	var live []*Socket
	for holder := range fl.cargo {
		root := holder
		if holder.listener != nil {
			root = holder.listener
		}
		if suspect[root] {
			reach[root] = append(reach[root], holder)
		} else {
			live = append(live, holder)
		}
	}
	for len(live) > 0 {
		holder := live[len(live)-1]
		live = live[:len(live)-1]
		for s := range fl.cargo[holder] {
			if suspect[s] {
				delete(suspect, s)
				live = append(live, reach[s]...)
			}
		}
	}
	var garbage []*Socket
	for s := range suspect {
		garbage = append(garbage, reach[s]...)
	}
	return garbage
}
