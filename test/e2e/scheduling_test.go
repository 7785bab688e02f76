package e2e

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// how is a process's niceness, priority and policy, then a child's.
const how = "awk '{print $19, $40, $41}' /proc/$$/stat; awk '{print $19, $40, $41}' /proc/self/stat; true"

// TestScheduling: how a process is scheduled is kept, shown and inherited; exec's may
// say otherwise.
func TestScheduling(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(nil, "sh", "-c", how)
	for _, c := range []struct {
		s    specs.Scheduler
		want string
	}{
		{specs.Scheduler{Policy: specs.SchedOther, Nice: 5}, "5 0 0\n5 0 0\n"},
		{specs.Scheduler{Policy: specs.SchedBatch, Nice: -7}, "-7 0 3\n-7 0 3\n"},
		{specs.Scheduler{Policy: specs.SchedIdle}, "0 0 5\n0 0 5\n"},
		{specs.Scheduler{Policy: specs.SchedFIFO, Priority: 99}, "0 99 1\n0 99 1\n"},
		{specs.Scheduler{Policy: specs.SchedRR, Priority: 1, Flags: []specs.LinuxSchedulerFlag{specs.SchedFlagResetOnFork}}, "0 1 2\n0 0 0\n"},
	} {
		h.edit(dir, func(s *specs.Spec) { s.Process.Scheduler = &c.s })
		if out, errs, status := h.runsc("run", "--bundle", dir, h.id()); out != c.want || status != 0 {
			t.Errorf("%+v: status %d, %q, %q; want %q", c.s, status, out, errs, c.want)
		}
	}
	if log, err := os.ReadFile(filepath.Join(h.tmp, "log")); err == nil && strings.Contains(string(log), "scheduler") {
		t.Errorf("the log says %q", log)
	}

	id := h.sleeper(func(s *specs.Spec) {
		s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedBatch, Nice: 3}
		s.Process.ExecCPUAffinity = &specs.CPUAffinity{Initial: "1", Final: "0"}
		s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux32}
	})
	const more = how + "; grep Cpus_allowed_list /proc/self/status | cut -f 2; taskset -p $$ | cut -d : -f 2; uname -m; cat /proc/self/personality"
	if out := h.must("exec", id, "sh", "-c", more); out != "3 0 3\n3 0 3\n0\n 1\ni686\n00000008\n" {
		t.Errorf("exec: %q", out)
	}
	process := func(p specs.Process) string {
		t.Helper()
		p.Cwd, p.Env = "/", []string{"PATH=/bin"}
		name := filepath.Join(h.tmp, "output-process")
		b, err := json.Marshal(p)
		if err == nil {
			err = os.WriteFile(name, b, 0o644)
		}
		if err != nil {
			t.Fatal(err)
		}
		return name
	}
	all := strings.TrimSuffix(h.must("exec", id, "sh", "-c", "grep Cpus_allowed_list /proc/1/status | cut -f 2; taskset -p 1 | cut -d : -f 2"), "\n")
	name := process(specs.Process{
		Args: []string{"sh", "-c", more}, Scheduler: &specs.Scheduler{Policy: specs.SchedOther}, ExecCPUAffinity: &specs.CPUAffinity{Final: "0-1000"},
	})
	if out := h.must("exec", "--process", name, id); out != "0 0 0\n0 0 0\n"+all+"\ni686\n00000008\n" {
		t.Errorf("exec --process: %q", out)
	}
	for says, p := range map[string]specs.Process{
		"process.scheduler.policy: must be set":                                {Scheduler: &specs.Scheduler{}},
		"process.execCPUAffinity.final: none of the container's":               {ExecCPUAffinity: &specs.CPUAffinity{Final: "1000"}},
		`process.execCPUAffinity.initial: "x" is no list`:                      {ExecCPUAffinity: &specs.CPUAffinity{Initial: "x"}},
		"process.scheduler.priority: 0 is not within 1 and 99":                 {Scheduler: &specs.Scheduler{Policy: specs.SchedFIFO}},
		"process.scheduler: runtime, deadline and period are SCHED_DEADLINE's": {Scheduler: &specs.Scheduler{Policy: specs.SchedOther, Period: 1}},
		`process.scheduler.flags[0]: "SCHED_FLAG_X" is unknown`:                {Scheduler: &specs.Scheduler{Policy: specs.SchedOther, Flags: []specs.LinuxSchedulerFlag{"SCHED_FLAG_X"}}},
		`process.scheduler.policy: "SCHED_NORMAL" is unknown`:                  {Scheduler: &specs.Scheduler{Policy: "SCHED_NORMAL"}},
		"process.scheduler.nice: 20 is not within -20 and 19":                  {Scheduler: &specs.Scheduler{Policy: specs.SchedOther, Nice: 20}},
		"process.scheduler.priority: SCHED_OTHER has none":                     {Scheduler: &specs.Scheduler{Policy: specs.SchedOther, Priority: 2}},
	} {
		p.Args = []string{"true"}
		h.fails(says, "exec", "--process", process(p), id)
	}
	h.must("delete", "--force", id)

	for says, change := range map[string]func(*specs.Spec){
		"config.json: process.scheduler.nice: -21 is not within -20 and 19":         func(s *specs.Spec) { s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedOther, Nice: -21} },
		`config.json: process.execCPUAffinity.final: "2-1" is no list`:              func(s *specs.Spec) { s.Process.ExecCPUAffinity = &specs.CPUAffinity{Final: "2-1"} },
		`config.json: linux.personality.domain: "BSD" is neither LINUX nor LINUX32`: func(s *specs.Spec) { s.Linux.Personality = &specs.LinuxPersonality{Domain: "BSD"} },
		`config.json: linux.personality.flags[0]: "F" is unknown`: func(s *specs.Spec) {
			s.Linux.Personality = &specs.LinuxPersonality{Domain: specs.PerLinux, Flags: []specs.LinuxPersonalityFlag{"F"}}
		},
	} {
		h.fails(says, "run", "--bundle", h.bundle(change, "true"), h.id())
	}
	h.must("run", "--bundle", h.bundle(func(s *specs.Spec) {
		s.Process.Scheduler = &specs.Scheduler{Policy: specs.SchedDeadline, Runtime: 1, Deadline: 2, Period: 3}
		s.Process.IOPriority = &specs.LinuxIOPriority{Class: specs.IOPRIO_CLASS_IDLE}
	}, "true"), h.id())
	for _, says := range []string{"process.scheduler: ignored: there is no SCHED_DEADLINE", "process.ioPriority: ignored"} {
		if log := h.log(); strings.Count(log, says) != 1 {
			t.Errorf("no %s: %s", says, log)
		}
	}
	h.nothingLeft()
}
