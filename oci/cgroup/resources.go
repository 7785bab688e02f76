package cgroup

import (
	"errors"

	"github.com/opencontainers/cgroups"
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// resources turns a bundle's limits into the host's.
func resources(r *specs.LinuxResources) (*cgroups.Resources, error) {
	// No rules for devices: none of the host's is ever opened for a guest.
	out := new(cgroups.Resources)
	if r == nil {
		return out, nil
	}
	if err := memory(out, r.Memory); err != nil {
		return nil, err
	}
	cpu(out, r.CPU)
	if p := r.Pids; p != nil && p.Limit != nil {
		n := higher(*p.Limit, moreTasks)
		if n <= 0 {
			n = -1
		}
		out.PidsLimit = &n
	}
	blockIO(out, r.BlockIO)
	for _, h := range r.HugepageLimits {
		out.HugetlbLimit = append(out.HugetlbLimit, &cgroups.HugepageLimit{Pagesize: h.Pagesize, Limit: h.Limit})
	}
	if n := r.Network; n != nil {
		if n.ClassID != nil {
			out.NetClsClassid = *n.ClassID
		}
		for _, p := range n.Priorities {
			out.NetPrioIfpriomap = append(out.NetPrioIfpriomap, &cgroups.IfPrioMap{Interface: p.Name, Priority: int64(p.Priority)})
		}
	}
	if len(r.Rdma) > 0 {
		out.Rdma = map[string]cgroups.LinuxRdma{}
		for name, l := range r.Rdma {
			out.Rdma[name] = cgroups.LinuxRdma{HcaHandles: l.HcaHandles, HcaObjects: l.HcaObjects}
		}
	}
	out.Unified = r.Unified
	return out, nil
}

func memory(out *cgroups.Resources, m *specs.LinuxMemory) error {
	if m == nil {
		return nil
	}
	if m.Limit != nil {
		out.Memory = higher(*m.Limit, MoreMemory)
	}
	if m.Swap != nil {
		if m.Limit != nil && *m.Limit > 0 && *m.Swap > 0 && *m.Swap < *m.Limit {
			return errors.New("linux.resources.memory.swap: less than limit, which it includes")
		}
		out.MemorySwap = higher(*m.Swap, MoreMemory)
	}
	if m.Reservation != nil {
		out.MemoryReservation = *m.Reservation
	}
	if m.Swappiness != nil {
		out.MemorySwappiness = m.Swappiness
	}
	if m.DisableOOMKiller != nil {
		out.OomKillDisable = *m.DisableOOMKiller
	}
	return nil
}

func cpu(out *cgroups.Resources, c *specs.LinuxCPU) {
	if c == nil {
		return
	}
	if c.Shares != nil {
		out.CpuShares = *c.Shares
		out.CpuWeight = cgroups.ConvertCPUSharesToCgroupV2Value(*c.Shares)
	}
	if c.Quota != nil {
		out.CpuQuota = *c.Quota
	}
	if c.Period != nil {
		out.CpuPeriod = *c.Period
	}
	if c.RealtimeRuntime != nil {
		out.CpuRtRuntime = *c.RealtimeRuntime
	}
	if c.RealtimePeriod != nil {
		out.CpuRtPeriod = *c.RealtimePeriod
	}
	out.CpuBurst, out.CPUIdle = c.Burst, c.Idle
	out.CpusetCpus, out.CpusetMems = c.Cpus, c.Mems
}

func blockIO(out *cgroups.Resources, b *specs.LinuxBlockIO) {
	if b == nil {
		return
	}
	if b.Weight != nil {
		out.BlkioWeight = *b.Weight
	}
	if b.LeafWeight != nil {
		out.BlkioLeafWeight = *b.LeafWeight
	}
	for _, w := range b.WeightDevice {
		var weight, leaf uint16
		if w.Weight != nil {
			weight = *w.Weight
		}
		if w.LeafWeight != nil {
			leaf = *w.LeafWeight
		}
		out.BlkioWeightDevice = append(out.BlkioWeightDevice, cgroups.NewWeightDevice(w.Major, w.Minor, weight, leaf))
	}
	throttle := func(to *[]*cgroups.ThrottleDevice, from []specs.LinuxThrottleDevice) {
		for _, d := range from {
			*to = append(*to, cgroups.NewThrottleDevice(d.Major, d.Minor, d.Rate))
		}
	}
	throttle(&out.BlkioThrottleReadBpsDevice, b.ThrottleReadBpsDevice)
	throttle(&out.BlkioThrottleWriteBpsDevice, b.ThrottleWriteBpsDevice)
	throttle(&out.BlkioThrottleReadIOPSDevice, b.ThrottleReadIOPSDevice)
	throttle(&out.BlkioThrottleWriteIOPSDevice, b.ThrottleWriteIOPSDevice)
}
