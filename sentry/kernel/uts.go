package kernel

import (
	"sync"

	"glovebox/sentry/namespace"
)

// What uname(2) and /proc/version say of the kernel: a Linux whose calls guests
// may expect.
const (
	Release = "6.6.0"
	Version = "#1 SMP Glovebox"
)

// A UTS is the names of uname(2) that a container can change.
type UTS struct {
	namespace.Kept
	id namespace.ID

	mu           sync.Mutex // a leaf
	host, domain string
}

// NewUTS returns names to start with.
func NewUTS(host, domain string) *UTS { return &UTS{id: namespace.NewID(), host: host, domain: domain} }

// Names returns the host and domain names.
func (u *UTS) Names() (host, domain string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.host, u.domain
}

// SetHost is sethostname(2).
func (u *UTS) SetHost(s string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.host = s
}

// SetDomain is setdomainname(2).
func (u *UTS) SetDomain(s string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.domain = s
}

// UTS returns the names that t sees.
func (t *Task) UTS() *UTS { return t.uts.Load() }
