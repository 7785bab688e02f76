package boot

import (
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"glovebox/sentry/kernel"
)

// relaySignals passes on what the host's terminal sends to those who have it:
// the Sentry leads its session and is its foreground job.
func (s *sandbox) relaySignals() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGWINCH, unix.SIGHUP)
	<-s.started
	for sig := range signals {
		n := int(sig.(syscall.Signal))
		if n == int(unix.SIGHUP) {
			// A hang-up is for the session's leader. One that has ended
			// misses nothing.
			_ = s.init.Signal(kernel.KernelInfo(n))
			continue
		}
		s.k.SignalForeground(&s.tty.Terminal, n)
	}
}
