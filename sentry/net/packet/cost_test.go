package packet

import (
	"testing"

	"glovebox/sentry/net/stack"
)

// TestCost has packets count with their whole frame, of which a filter leaves a byte.
func TestCost(t *testing.T) {
	const limit, frame = 1 << 18, 1 << 16
	s := &Socket{limit: limit}
	held := 0
	for range 1000 {
		if s.keepLocked(&received{Packet: stack.Packet{Frame: make([]byte, frame)}, data: make([]byte, frame)}, 1) {
			held += frame
		}
	}
	if held == 0 || held > limit+frame {
		t.Errorf("%d bytes are kept, of a limit of %d", held, limit)
	}
}
