package host

import (
	"os"
	"strings"
)

// ClockIsTSC reports whether this host's clocks are told by the processor's
// time-stamp counter, which the kernel does only where it has the same pace on
// all processors and never stops.
func ClockIsTSC() bool {
	name, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/current_clocksource")
	return err == nil && strings.TrimSpace(string(name)) == "tsc"
}
