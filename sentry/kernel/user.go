package kernel

import (
	"sync"
	"sync/atomic"
)

// A User is what is counted of a real user id (struct ucounts).
type User struct {
	tasks   atomic.Int64 // against RLIMIT_NPROC
	signals atomic.Int64 // against RLIMIT_SIGPENDING
	pipes   atomic.Int64 // pages of pipes
	queues  atomic.Int64 // against RLIMIT_MSGQUEUE
}

// MQBytes counts what the user's POSIX message queues may hold.
func (u *User) MQBytes() *atomic.Int64 { return &u.queues }

// PipePages counts the pages that the user's pipes may fill.
func (u *User) PipePages() *atomic.Int64 { return &u.pipes }

// User returns the real user of t.
func (t *Task) User() *User { return t.k.users.get(t.Creds().UID) }

// users is every User by uid. They are few and never freed.
type users struct {
	mu sync.Mutex // a leaf
	m  map[uint32]*User
}

func (u *users) get(uid uint32) *User {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.m == nil {
		u.m = map[uint32]*User{}
	}
	r := u.m[uid]
	if r == nil {
		r = new(User)
		u.m[uid] = r
	}
	return r
}
