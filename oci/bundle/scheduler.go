package bundle

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/abi/linux"
	"glovebox/boot"
	"glovebox/sentry/kernel"
)

// policies are those of sched(7); -1 is one that the Sentry has not.
var policies = map[specs.LinuxSchedulerPolicy]int{
	specs.SchedOther: linux.SCHED_NORMAL, specs.SchedBatch: linux.SCHED_BATCH, specs.SchedIdle: linux.SCHED_IDLE,
	specs.SchedFIFO: linux.SCHED_FIFO, specs.SchedRR: linux.SCHED_RR, specs.SchedISO: -1, specs.SchedDeadline: -1,
}

// schedulerFlags are those of sched_setattr(2), and whether the Sentry has them.
var schedulerFlags = map[specs.LinuxSchedulerFlag]bool{
	specs.SchedFlagResetOnFork: true, specs.SchedFlagReclaim: false, specs.SchedFlagDLOverrun: false,
	specs.SchedFlagKeepPolicy: false, specs.SchedFlagKeepParams: false,
	specs.SchedFlagUtilClampMin: false, specs.SchedFlagUtilClampMax: false,
}

const maxPriority = 99 // of SCHED_FIFO and SCHED_RR

func checkScheduling(s *specs.Spec) error {
	if a := s.Process.ExecCPUAffinity; a != nil {
		for field, list := range map[string]string{"initial": a.Initial, "final": a.Final} {
			if _, ok := cpuList(list); list != "" && !ok {
				return fieldErrorf("process.execCPUAffinity."+field, "%q is no list such as 0-2,7", list)
			}
		}
	}
	c := s.Process.Scheduler
	if c == nil {
		return nil
	}
	const field = "process.scheduler"
	_, ok := policies[c.Policy]
	realtime := c.Policy == specs.SchedFIFO || c.Policy == specs.SchedRR
	switch {
	case c.Policy == "":
		return fieldErrorf(field+".policy", "must be set")
	case !ok:
		return fieldErrorf(field+".policy", "%q is unknown", c.Policy)
	case c.Nice < -20 || c.Nice > 19:
		return fieldErrorf(field+".nice", "%d is not within -20 and 19", c.Nice)
	case realtime && (c.Priority < 1 || c.Priority > maxPriority):
		return fieldErrorf(field+".priority", "%d is not within 1 and %d", c.Priority, maxPriority)
	case !realtime && c.Priority != 0:
		return fieldErrorf(field+".priority", "%s has none", c.Policy)
	case c.Policy != specs.SchedDeadline && (c.Runtime != 0 || c.Deadline != 0 || c.Period != 0):
		return fieldErrorf(field, "runtime, deadline and period are SCHED_DEADLINE's")
	}
	for i, f := range c.Flags {
		if _, ok := schedulerFlags[f]; !ok {
			return fieldErrorf(index(field+".flags", i), "%q is unknown", f)
		}
	}
	return nil
}

// scheduler is how a process says it is scheduled; nil as usual.
func (b *Bundle) scheduler() *boot.Scheduler {
	c := b.Spec.Process.Scheduler
	if c == nil {
		return nil
	}
	const field = "process.scheduler"
	out := &boot.Scheduler{Policy: policies[c.Policy], Priority: int(c.Priority)}
	if out.Policy < 0 {
		b.warnf(field, "ignored: there is no %s", c.Policy)
		return nil
	}
	if c.Policy == specs.SchedOther || c.Policy == specs.SchedBatch {
		out.Nice = int(c.Nice) // the others have none
	}
	for i, f := range c.Flags {
		if !schedulerFlags[f] {
			b.warnf(index(field+".flags", i), "ignored: not implemented")
		}
		out.ResetOnFork = out.ResetOnFork || f == specs.SchedFlagResetOnFork
	}
	return out
}

// personality is the container's.
func (b *Bundle) personality() error {
	if b.Spec.Linux == nil || b.Spec.Linux.Personality == nil {
		return nil
	}
	const field = "linux.personality"
	p := b.Spec.Linux.Personality
	if len(p.Flags) > 0 {
		return fieldErrorf(field+".flags[0]", "%q is unknown", p.Flags[0])
	}
	switch p.Domain {
	case specs.PerLinux:
	case specs.PerLinux32:
		b.Boot.Process.Personality = kernel.PerLinux32
	default:
		return fieldErrorf(field+".domain", "%q is neither LINUX nor LINUX32", p.Domain)
	}
	return nil
}
