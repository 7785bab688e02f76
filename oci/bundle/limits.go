package bundle

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/boot"
)

// Limits are what the Sentry enforces or shows of linux.resources; nil is not said.
type Limits struct {
	MaxTasks *int64  // 0: any
	Memory   *uint64 // bytes; 0: any
	CPUs     *int
	// Of processor time; 0: any.
	CPUQuota             *int64
	CPUPeriod, CPUShares *uint64
}

// ResourceLimits reads them. Errors name the field.
func ResourceLimits(r *specs.LinuxResources) (l Limits, err error) {
	if r.Pids != nil && r.Pids.Limit != nil {
		n := max(*r.Pids.Limit, 0)
		l.MaxTasks = &n
	}
	if r.Memory != nil && r.Memory.Limit != nil {
		n := uint64(max(*r.Memory.Limit, 0))
		l.Memory = &n
	}
	if c := r.CPU; c != nil {
		l.CPUQuota, l.CPUPeriod, l.CPUShares = c.Quota, c.Period, c.Shares
	}
	if r.CPU != nil && r.CPU.Cpus != "" {
		list, ok := cpuList(r.CPU.Cpus)
		if !ok {
			return l, fieldErrorf("linux.resources.cpu.cpus", "%q is no list such as 0-2,7", r.CPU.Cpus)
		}
		n := len(list)
		l.CPUs = &n
	}
	return l, nil
}

// limits are the bundle's.
func (b *Bundle) limits(c *boot.Config) error {
	if b.Spec.Linux == nil || b.Spec.Linux.Resources == nil {
		return nil
	}
	l, err := ResourceLimits(b.Spec.Linux.Resources)
	if l.MaxTasks != nil {
		c.MaxTasks = *l.MaxTasks
	}
	if l.Memory != nil {
		c.Memory = *l.Memory
	}
	if l.CPUs != nil {
		c.CPUs = *l.CPUs
	}
	if l.CPUQuota != nil {
		c.CPUTime.Quota = *l.CPUQuota
	}
	if l.CPUPeriod != nil {
		c.CPUTime.Period = *l.CPUPeriod
	}
	if l.CPUShares != nil {
		c.CPUTime.Shares = *l.CPUShares
	}
	return err
}

// maxCPU is more than any kernel numbers.
const maxCPU = 1 << 16

// cpuList returns the processors of a list, sorted (cpuset(7), "List format").
func cpuList(list string) (cpus []int, ok bool) {
	seen := map[int]bool{}
	for part := range strings.SplitSeq(strings.TrimSpace(list), ",") {
		first, last, isRange := strings.Cut(part, "-")
		a, err := strconv.Atoi(first)
		if err != nil || a < 0 || a > maxCPU {
			return nil, false
		}
		z := a
		if isRange {
			if z, err = strconv.Atoi(last); err != nil || z < a || z > maxCPU {
				return nil, false
			}
		}
		for ; a <= z; a++ {
			seen[a] = true
		}
	}
	return slices.Sorted(maps.Keys(seen)), true
}
