package boot

import (
	"bytes"
	"slices"
	"strconv"
	"strings"
	"time"

	"glovebox/control"
	"glovebox/sentry/fs/cgroup"
	"glovebox/sentry/fs/proc"
	"glovebox/sentry/kernel"
)

// hosted is an address space that a process of the host stands for.
type hosted interface{ HostPID() int }

// Processes implements control.Container.
func (c *container) Processes() ([]control.Process, error) {
	list := []control.Process{}
	for _, tg := range c.group.Groups() {
		if leader := tg.Leader(); leader != nil && !tg.Reaped() {
			list = append(list, process(tg, leader))
		}
	}
	slices.SortFunc(list, func(a, b control.Process) int { return int(a.PID) - int(b.PID) })
	return list, nil
}

// maxCommandLine is how much of one ps shows, in bytes.
const maxCommandLine = 4096

func process(tg *kernel.ThreadGroup, leader *kernel.Task) control.Process {
	pgid, sid := tg.IDs()
	user, sys := tg.CPUTime()
	now, real := kernel.Times()
	p := control.Process{
		PID: tg.ID(), PPID: tg.ParentID(), PGID: pgid, SID: sid,
		UID: leader.Creds().UID, Threads: len(tg.Tasks()), State: string(leader.State()),
		StartedNS: real - (now - leader.StartTime()), CPUNS: user + sys, TTY: ttyName(leader),
	}
	if m := leader.SharedMem(); m != nil {
		var args bytes.Buffer
		proc.CommandLine(m, &args)
		args.Truncate(min(args.Len(), maxCommandLine))
		if h, ok := m.AddressSpace().(hosted); ok {
			p.HostPID = h.HostPID()
		}
		m.DecUsers()
		if args.Len() > 0 {
			p.Args = strings.Split(strings.TrimRight(args.String(), "\x00"), "\x00")
		}
	}
	if len(p.Args) == 0 {
		p.Args = []string{"[" + leader.Comm() + "]"}
	}
	return p
}

// freezeLimit is how long a task may be busy in the Sentry before Pause says so.
const freezeLimit = 10 * time.Second

// Pause implements control.Container.
func (c *container) Pause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.init == nil || c.init.Zombie():
		return control.Errorf(control.NotStarted, "container %s is not running", c.cfg.ID)
	case c.paused:
		return control.Errorf(control.Invalid, "container %s is paused already", c.cfg.ID)
	}
	if err := c.group.Freeze(freezeLimit); err != nil {
		c.group.Thaw()
		return control.Errorf(control.Failed, "a process was busy for more than %v", freezeLimit)
	}
	c.paused = true
	return nil
}

// Resume implements control.Container.
func (c *container) Resume() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.paused {
		return control.Errorf(control.Invalid, "container %s is not paused", c.cfg.ID)
	}
	c.group.Thaw()
	c.paused = false
	return nil
}

// Limit implements control.Container.
func (c *container) Limit(l control.Limits) error {
	if l.MaxTasks != nil {
		c.group.SetMaxTasks(*l.MaxTasks)
	}
	if l.Memory != nil {
		c.limitMemory(*l.Memory)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	t := *c.cpuTime.Load()
	if l.CPUQuota != nil {
		t.Quota = *l.CPUQuota
	}
	if l.CPUPeriod != nil {
		t.Period = *l.CPUPeriod
	}
	if l.CPUShares != nil {
		t.Shares = *l.CPUShares
	}
	c.cpuTime.Store(&t)
	return nil
}

// limits is what the container's control group shows.
func (c *container) limits() cgroup.Limits {
	t := c.cpuTime.Load()
	return cgroup.Limits{
		Memory: c.memoryLimit.Load(), UsedMemory: c.memory.Used(), Tasks: c.group.MaxTasks(),
		Quota: t.Quota, Period: t.Period, Shares: t.Shares,
	}
}

// Stats implements control.Container.
func (c *container) Stats() (control.Stats, error) {
	st := control.Stats{OOMKills: c.group.OOMKills(), Memory: c.usage(), Sentry: c.sandbox.usage()}
	st.Resident = c.memory.Total()
	st.UserNS, st.SystemNS = c.group.CPUTime()
	for _, tg := range c.group.Groups() {
		if n := len(tg.Tasks()); n > 0 {
			st.Tasks += n
			st.Processes++
		}
	}
	return st, nil
}

// ttyName is as ps(1) shows it; "" is none.
func ttyName(t *kernel.Task) string {
	tm := t.Terminal()
	if tm == nil {
		return ""
	}
	const slaves = 136 // major
	if major := tm.Dev >> 8 & 0xfff; major >= slaves && major < slaves+8 {
		return "pts/" + strconv.Itoa(int((major-slaves)<<8|tm.Dev&0xff))
	}
	return "console"
}
