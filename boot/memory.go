package boot

// freeMemory is what guests could still use, in bytes (sysinfo(2),
// /proc/meminfo): the machine's memory without that of the processes. What
// forked processes share counts for each of them.
func (s *sandbox) freeMemory() uint64 {
	return s.k.TotalMemory.Load() - min(s.usedMemory(), s.k.TotalMemory.Load())
}

// usedMemory is the processes' memory in bytes.
func (s *sandbox) usedMemory() (used uint64) {
	for _, tg := range s.pid.Groups() {
		leader := tg.Leader()
		if leader == nil {
			continue
		}
		if m := leader.SharedMem(); m != nil {
			used += m.Usage().Resident
			m.DecUsers()
		}
	}
	return used
}
