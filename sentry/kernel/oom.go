package kernel

import (
	"fmt"
	"math"

	"glovebox/abi/linux"
)

// oomExempt is the oom_score_adj of a process that is never killed.
const oomExempt = -1000

// badness is how much would be gained by killing tg, in bytes: what it has in
// memory and its oom_score_adj in thousandths of total (oom_badness in
// mm/oom_kill.c). ok is false for one that must not be killed, or is dying.
func (tg *ThreadGroup) badness(total uint64) (points int64, ok bool) {
	adj := tg.oomScore.Load()
	if adj == oomExempt || tg.dying() {
		return math.MinInt64, false
	}
	m := tg.memory()
	if m == nil {
		return math.MinInt64, false
	}
	defer m.DecUsers()
	return int64(min(m.Usage().Resident, math.MaxInt64/2)) + int64(adj)*int64(total/1000), true
}

// dying reports whether tg was killed, or has ended.
func (tg *ThreadGroup) dying() bool {
	tg.mu.Lock()
	defer tg.mu.Unlock()
	return tg.exiting || len(tg.tasks) == 0
}

// memory returns the address space of one of the tasks, counted; nil if there is
// none.
func (tg *ThreadGroup) memory() Memory {
	for _, t := range tg.Tasks() {
		if m := t.SharedMem(); m != nil {
			return m
		}
	}
	return nil
}

// OOMScore is /proc/PID/oom_score: 0 for what is never killed, up to 1333 for what
// is killed first (proc_oom_score in fs/proc/base.c).
func (tg *ThreadGroup) OOMScore() int64 {
	total := tg.cg.TotalMemory.Load()
	points, ok := tg.badness(total)
	if !ok || total == 0 {
		return 0
	}
	return max((1000+int64(float64(points)*1000/float64(total)))*2/3, 0)
}

// An OOMVictim is a process that was killed.
type OOMVictim struct {
	Resident uint64          // bytes that it had in memory
	Log      string          // what Linux would say
	Done     <-chan struct{} // closed when it has ended
}

// OOMKill kills the process of cg whose memory is worth most, and those that share
// it, because there is more than limit. ok is false if there is nobody to kill.
func (cg *Cgroup) OOMKill(limit uint64) (v OOMVictim, ok bool) {
	var victim *ThreadGroup
	var worst int64 = math.MinInt64
	groups := cg.Groups()
	for _, tg := range groups {
		if points, ok := tg.badness(limit); ok && (victim == nil || points > worst) {
			victim, worst = tg, points
		}
	}
	if victim == nil {
		return v, false
	}
	m := victim.memory()
	if m == nil {
		return v, false
	}
	defer m.DecUsers()
	u := m.Usage()
	leader := victim.Leader()
	v.Resident, v.Done = u.Resident, victim.done
	v.Log = fmt.Sprintf("Memory cgroup out of memory: Killed process %d (%s) total-vm:%dkB, anon-rss:%dkB, file-rss:0kB, shmem-rss:0kB, UID:%d pgtables:0kB oom_score_adj:%d",
		victim.ID(), leader.Comm(), u.Virtual>>10, u.Resident>>10, leader.Creds().UID, victim.oomScore.Load())
	// It may be in a long call, its host process in one for the Sentry.
	m.Doom()
	defer m.AddressSpace().Kill()
	kill := Info{Signo: linux.SIGKILL, Code: linux.SI_KERNEL}
	for _, tg := range groups {
		if tg != victim {
			other := tg.memory()
			if other == nil {
				continue
			}
			other.DecUsers()
			if other != m || tg.oomScore.Load() == oomExempt {
				continue
			}
		}
		if tg.dying() {
			continue
		}
		cg.countOOM()
		_ = tg.SignalFromOutside(&kill) // it may have ended just now
	}
	return v, true
}
