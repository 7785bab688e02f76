package e2e

import (
	"os/exec"
	"path/filepath"
	"testing"
)

// TestMessageQueues: /dev/mqueue shows the queues, and processes that exec adds share
// them and the rest of System V's with the first.
func TestMessageQueues(t *testing.T) {
	h := newHost(t)
	dir := h.bundle(nil, "sleep", "100000")
	gcc := exec.Command("gcc", "-O1", "-static", "-w", "-o", filepath.Join(dir, "rootfs", "queue"), "testdata/queue.c")
	if out, err := gcc.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	id := h.id()
	h.background("run", "--detach", "--bundle", dir, id)
	h.must("exec", id, "/queue", "send", "hello")
	const look = "cd /dev/mqueue; ls -l | awk '{print $1, $5, $NF}'; cat box; grep mqueue /proc/mounts; /queue look"
	want := "total  0\n" + "-rw-r----- 80 box\n" + "QSIZE:5          NOTIFY:0     SIGNO:0     NOTIFY_PID:0     \n" +
		"mqueue /dev/mqueue mqueue rw,nosuid,nodev,noexec,relatime 0 0\nthe segment is there\n"
	if out := h.must("exec", id, "sh", "-c", look); out != want {
		t.Errorf("%q, want %q", out, want)
	}
	if out := h.must("exec", id, "/queue", "receive"); out != "hello\n" {
		t.Errorf("received %q", out)
	}
	if out, errs, status := h.runsc("exec", id, "sh", "-c", "touch /dev/mqueue/other && rm /dev/mqueue/box && ls /dev/mqueue; mkdir /dev/mqueue/d"); out != "other\n" || status != 1 {
		t.Errorf("status %d, %q, %q", status, out, errs)
	}
	h.must("delete", "--force", id)
	h.nothingLeft()
}
