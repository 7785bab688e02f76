package socket

import "testing"

// FuzzFilter: no program takes more than there is, or panics.
func FuzzFilter(f *testing.F) {
	f.Add([]byte{6, 0, 0, 0, 255, 255, 0, 0}, []byte("packet"))
	f.Add([]byte{0xb1, 0, 0, 0, 14, 0, 0, 0, 0x50, 0, 0, 0, 22, 0, 0, 0, 0x16, 0, 0, 0, 0, 0, 0, 0}, []byte("packet"))
	f.Fuzz(func(t *testing.T, program, packet []byte) {
		p, err := NewFilter(program)
		if err != nil {
			return
		}
		if n := p.Take(packet); n < 0 || n > len(packet) {
			t.Errorf("%d of %d bytes", n, len(packet))
		}
	})
}
