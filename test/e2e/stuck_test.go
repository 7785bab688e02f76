package e2e

import (
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestUnreadTerminal: who writes to a terminal that nobody reads can be killed, and its
// container paused.
func TestUnreadTerminal(t *testing.T) {
	h := newHost(t)
	id := h.sleeper(nil)
	name, l := consoleSocket(t)
	h.background("exec", "--detach", "--tty", "--console-socket", name, id, "dd", "if=/dev/zero", "bs=64k")
	master := receiveFD(t, l)
	defer unix.Close(master)
	time.Sleep(300 * time.Millisecond) // it has filled it
	h.must("pause", id)
	h.must("resume", id)
	h.must("exec", id, "killall", "-9", "dd")
	eventually(t, "dd has ended", func() bool { return strings.Count(h.must("ps", id), "\n") == 2 })
	h.must("delete", "--force", id)
	h.nothingLeft()
}
