package memfile

import "sync"

// live is every file there is.
var live struct {
	sync.Mutex
	files map[*File]struct{} // guarded by Mutex
}

func (f *File) enlist() {
	live.Lock()
	defer live.Unlock()
	if live.files == nil {
		live.files = map[*File]struct{}{}
	}
	live.files[f] = struct{}{}
}

// strike is enlist's end, before the descriptor is closed.
func (f *File) strike() {
	live.Lock()
	defer live.Unlock()
	delete(live.files, f)
}

// Total returns how many bytes all memory files occupy, at the cost of a host
// call for each.
func Total() (bytes uint64) {
	live.Lock()
	defer live.Unlock()
	for f := range live.files {
		bytes += f.Resident()
	}
	return bytes
}
