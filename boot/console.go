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
func (c *container) relaySignals() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGWINCH, unix.SIGHUP)
	<-c.started
	for sig := range signals {
		c.terminalSignal(int(sig.(syscall.Signal)))
	}
}

// readSignals is relaySignals for a container whose terminal's session the gofer
// leads: it says what it gets.
func (c *container) readSignals(fd int) {
	f := os.NewFile(uintptr(fd), "signals")
	defer f.Close()
	select {
	case <-c.started:
	case <-c.gone:
		return
	}
	b := make([]byte, 1)
	for {
		if _, err := f.Read(b); err != nil {
			return
		}
		c.terminalSignal(int(b[0]))
	}
}

// terminalSignal has those who have the terminal get one of its signals.
func (c *container) terminalSignal(n int) {
	switch unix.Signal(n) {
	case unix.SIGHUP:
		// A hang-up is for the session's leader. One that has ended misses nothing.
		_ = c.init.Signal(kernel.KernelInfo(n))
	case unix.SIGINT, unix.SIGQUIT, unix.SIGTSTP, unix.SIGWINCH:
		c.k.SignalForeground(&c.tty.Terminal, n)
	}
}
