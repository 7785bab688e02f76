package kernel

import (
	"fmt"
	"sync"
	"time"
)

// klogLines is how many lines the log keeps.
const klogLines = 200

// A klog is what happened since the boot, as dmesg(1) shows it.
type klog struct {
	mu    sync.Mutex
	lines []string // guarded by mu
}

// Printk adds a line to the log that syslog(2) reads. Levels are those of syslog(3).
func (k *Kernel) Printk(level int, line string) {
	up := k.Uptime()
	k.log.mu.Lock()
	defer k.log.mu.Unlock()
	if len(k.log.lines) == klogLines {
		k.log.lines = append(k.log.lines[:0], k.log.lines[1:]...)
	}
	k.log.lines = append(k.log.lines, fmt.Sprintf("<%d>[%5d.%06d] %s\n", level, up/time.Second, up%time.Second/time.Microsecond, line))
}

// Klog returns the lines of the log, oldest first.
func (k *Kernel) Klog() []string {
	k.log.mu.Lock()
	defer k.log.mu.Unlock()
	return append([]string(nil), k.log.lines...)
}
