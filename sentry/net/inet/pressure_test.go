package inet

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"time"

	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/net/socket"
)

// TestPressure: what many connections hold stays below the limit, each goes on, and
// afterwards buffers are as they were.
func TestPressure(t *testing.T) {
	ns := new(Namespace)
	ns.SetMemory(0) // the least
	l := listen(t, ns)
	const n = 200
	var from, to [n]*Socket
	for i := range n {
		from[i], to[i] = dial(t, ns, l)
		defer from[i].Release()
		defer to[i].Release()
	}
	size := from[0].ep.Load().SendBuffer()
	data := make([]byte, 64<<10)
	sent := 0
	for idle := 0; idle < 5; idle++ {
		for i := range n {
			for {
				b := guest.Local(data)
				k, _ := from[i].Send(ctx(), &b, &socket.Outgoing{})
				sent += int(k)
				if k == 0 {
					break
				}
				idle = 0
			}
		}
		time.Sleep(50 * time.Millisecond)
	}
	runtime.GC()
	live := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(live)
	// What the limit does not count: the least of everybody, and overheads.
	if most := uint64(2*leastMemory + n*4*leastBuf); live[0].Value.Uint64() > most {
		t.Errorf("%d bytes are in use, %d were sent", live[0].Value.Uint64(), sent)
	}
	if sent < n*leastBuf {
		t.Errorf("%d bytes were sent", sent)
	}
	got := 0
	for end := time.Now().Add(30 * time.Second); got < sent && time.Now().Before(end); {
		before := got
		for i := range n {
			for {
				b := guest.Local(data)
				k, err := to[i].Recv(ctx(), &b, &socket.Incoming{})
				got += int(k)
				if err != nil || k == 0 {
					break
				}
			}
		}
		if got == before {
			time.Sleep(time.Millisecond)
		}
	}
	if got != sent {
		t.Errorf("of %d bytes %d came", sent, got)
	}
	for end := time.Now().Add(10 * time.Second); from[0].ep.Load().SendBuffer() != size; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("a buffer of %d bytes has %d now", size, from[0].ep.Load().SendBuffer())
		}
	}
	await(t, from[0], wait.Out)
}
