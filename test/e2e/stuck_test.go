package e2e

import (
	"net"
	"os"
	"path/filepath"
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
	sockets, err := os.MkdirTemp("", "e2e-") // a short path, as sun_path is short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(sockets)
	name := filepath.Join(sockets, "console")
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: name, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
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
