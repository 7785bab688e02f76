package epoll

import (
	"math"
	"sync"

	"glovebox/abi/linux"
	"glovebox/lib/wait"
)

// nesting is held while one instance is added to another, or a file to one that
// others watch, across the whole Sentry, so that two of them cannot close a cycle
// or make too many paths (epnested_mutex). It comes before every Instance.mu.
var nesting sync.Mutex

// pathLimits are how many chains of so many instances above the first may lead
// from one file to those who wait: an event runs all of them at once. A file may
// be in any number of instances that nobody else watches (path_limits).
var pathLimits = [maxNests + 1]int{math.MaxInt, 500, 100, 50, 10}

// addNested adds it, whose file is an instance.
func (ep *Instance) addNested(it *item, q *wait.Queue) error {
	nesting.Lock()
	defer nesting.Unlock()
	if err := checkNest(ep, it.inner); err != nil {
		return err
	}
	ep.mu.Lock()
	defer ep.mu.Unlock()
	if err := ep.addLocked(it, q); err != nil {
		return err
	}
	ep.mu.Unlock()
	// From now on whoever adds files below waits for nesting.
	files := map[*wait.Queue]bool{}
	it.inner.leaves(files)
	ep.mu.Lock()
	if ep.items[it.key] != it {
		return nil // deleted meanwhile
	}
	for f := range files {
		if !fewPaths(f) {
			if ep.items[it.key] == it {
				ep.dropLocked(it)
			}
			return linux.EINVAL
		}
	}
	it.kick()
	return nil
}

// leaves collects the queues of the files that ep and the instances that it
// watches wait for.
func (ep *Instance) leaves(files map[*wait.Queue]bool) {
	ep.mu.Lock()
	var inner []*Instance
	for _, it := range ep.items {
		if it.inner == nil {
			files[it.file.Queue()] = true
		} else if it.file.Alive() {
			inner = append(inner, it.inner)
		}
	}
	ep.mu.Unlock()
	for _, e := range inner {
		e.leaves(files)
	}
}

// fewPaths reports whether the chains that begin at q keep to pathLimits.
func fewPaths(q *wait.Queue) bool {
	var n [len(pathLimits)]int
	return countPaths(q, 0, &n)
}

func countPaths(q *wait.Queue, nests int, n *[len(pathLimits)]int) (few bool) {
	if nests == len(n) {
		return false
	}
	few = true
	q.Each(func(owner any) bool {
		it, ok := owner.(*item)
		switch {
		case !ok:
		case it.ep.watchers.Load() > 0:
			few = countPaths(&it.ep.queue, nests+1, n)
		default:
			n[nests]++
			few = n[nests] <= pathLimits[nests]
		}
		return few
	})
	return few
}

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
