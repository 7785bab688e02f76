package epoll

import (
	"sync"

	"glovebox/abi/linux"
)

// nesting is held while one instance is added to another, across the whole
// Sentry, so that two of them cannot close a cycle (epnested_mutex). It comes
// before every Instance.mu.
var nesting sync.Mutex

// checkNest refuses an outer instance that inner reaches already, and chains
// that are too long (ep_loop_check).
func checkNest(outer, inner *Instance) error {
	budget := 1000 // instances to look at
	down, ok := depth(inner, outer, &budget)
	if !ok || down+1 > maxNests {
		return linux.ELOOP
	}
	return nil
}

// depth is how many levels of instances ep is; ok is false if it reaches avoid.
func depth(ep, avoid *Instance, budget *int) (n int, ok bool) {
	if *budget--; ep == avoid || *budget < 0 {
		return 0, false
	}
	ep.mu.Lock()
	var inner []*Instance
	for _, it := range ep.items {
		if it.inner != nil && it.file.Alive() {
			inner = append(inner, it.inner)
		}
	}
	ep.mu.Unlock()
	for _, e := range inner {
		d, ok := depth(e, avoid, budget)
		if !ok || d+1 > maxNests {
			return 0, false
		}
		n = max(n, d+1)
	}
	return n, true
}
