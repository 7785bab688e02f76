package memfile

import (
	"sync"
	"sync/atomic"
)

// An Account is the memory of one container: its files, and what the Sentry's heap
// keeps for it instead.
type Account struct {
	// Reopen makes read-only descriptors of files. Immutable.
	Reopen Reopener
	// Pages is what files of a tmpfs have, Heap what is in pipes, sockets and queues,
	// in bytes.
	Pages, Heap atomic.Int64

	mu    sync.Mutex
	files map[*File]struct{} // guarded by mu
}

// live is every file there is, of all accounts.
var live struct {
	sync.Mutex
	files map[*File]struct{} // guarded by Mutex
}

func (a *Account) enlist(f *File) {
	live.Lock()
	if live.files == nil {
		live.files = map[*File]struct{}{}
	}
	live.files[f] = struct{}{}
	live.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.files == nil {
		a.files = map[*File]struct{}{}
	}
	a.files[f] = struct{}{}
}

// strike is enlist's end, before the descriptor is closed.
func (a *Account) strike(f *File) {
	live.Lock()
	delete(live.files, f)
	live.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.files, f)
}

// A Use is what a file's memory is for.
type Use uint8

// Uses.
const (
	Anonymous Use = iota // an address space's own
	Shared               // of several: MAP_SHARED|MAP_ANONYMOUS, System V
	Stored               // files of a tmpfs
	Kernel               // what is in pipes, sockets and queues
	numUses
)

// uses are by the names that files are made with; others are Anonymous.
var uses = map[string]Use{"shared": Shared, "sysv": Shared, "tmpfs": Stored}

// Bytes are bytes by use.
type Bytes [numUses]uint64

// Total is the sum.
func (b Bytes) Total() (sum uint64) {
	for _, n := range b {
		sum += n
	}
	return sum
}

// Used returns how many bytes there are, at the cost of a host call for each file.
func (a *Account) Used() (b Bytes) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for f := range a.files {
		b[f.use] += f.Resident()
	}
	b[Stored] += uint64(max(a.Pages.Load(), 0))
	b[Kernel] += uint64(max(a.Heap.Load(), 0))
	return b
}

// Files returns how many bytes the files occupy.
func (a *Account) Files() (bytes uint64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for f := range a.files {
		bytes += f.Resident()
	}
	return bytes
}

// Total returns how many bytes there are in all.
func (a *Account) Total() uint64 {
	return a.Files() + uint64(max(a.Pages.Load(), 0)) + uint64(max(a.Heap.Load(), 0))
}
