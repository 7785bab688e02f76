package systrap

import (
	"bytes"
	"testing"
)

func TestFindSite(t *testing.T) {
	for _, c := range []struct {
		name  string
		code  []byte // the syscall instruction is the first 0f 05
		no    uint32
		mov   bool
		moved int // length, 0 for none
	}{
		{"glibc getpid", []byte{0xf3, 0x0f, 0x1e, 0xfa, 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3}, 39, true, 0},
		{"another number", []byte{0x90, 0x90, 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3}, 40, false, 0},
		{"mov to r8d", []byte{0x90, 0x41, 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3}, 39, false, 0},
		{"lea 39(%rax),%edi", []byte{0x90, 0x8d, 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3}, 39, false, 0},
		{"movl $39,-0x48(%rbp)", []byte{0xc7, 0x45, 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3}, 39, false, 0},
		{"movl $39,-0x48(%rsp)", []byte{0xc7, 0x44, 0x24, 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3}, 39, false, 0},
		{"load by SIB", []byte{0x8b, 0x84, 0xb8, 39, 0, 0, 0, 0x0f, 0x05, 0xc3}, 39, false, 0},
		{"read", []byte{0x31, 0xc0, 0x0f, 0x05, 0x48, 0x3d, 0x00, 0xf0, 0xff, 0xff, 0x77}, 0, false, 6},
		{"Go's Syscall6", []byte{0x0f, 0x05, 0x48, 0x3d, 0x01, 0xf0, 0xff, 0xff}, 0, false, 6},
		{"mov %rax,%rdi", []byte{0x0f, 0x05, 0x48, 0x89, 0xc7, 0xe8}, 0, false, 3},
		{"cmp $-1,%eax", []byte{0x0f, 0x05, 0x83, 0xf8, 0xff, 0x74}, 0, false, 3},
		{"mov $1,%ecx", []byte{0x0f, 0x05, 0xb9, 1, 0, 0, 0, 0x90}, 0, false, 5},
		{"test %eax,%eax is too short", []byte{0x0f, 0x05, 0x85, 0xc0, 0x74, 0x10, 0x90}, 0, false, 0},
		{"a load moves nowhere", []byte{0x0f, 0x05, 0x48, 0x8b, 0x05, 1, 2, 3, 4}, 0, false, 0},
		{"ret", []byte{0x0f, 0x05, 0xc3, 0x90, 0x90, 0x90, 0x90}, 0, false, 0},
		{"cut off", []byte{0x0f, 0x05, 0x48, 0x3d, 0x00}, 0, false, 0},
	} {
		s, ok := findSite(c.code, bytes.Index(c.code, []byte{0x0f, 0x05}), c.no)
		if ok != (c.mov || c.moved > 0) || len(s.moved) != c.moved {
			t.Errorf("%s: found %v, moves % x", c.name, ok, s.moved)
		}
	}
	for _, i := range []int{-1, 0, 1, 99} {
		if _, ok := findSite([]byte{0x0f, 0x04}, i, 0); ok {
			t.Errorf("index %d of a page without a call is a site", i)
		}
	}
}

// TestFits: a trampoline of the second kind is only where the jump's third
// byte is no instruction.
func TestFits(t *testing.T) {
	s := site{call: 0x1234, moved: []byte{0x48, 0x89, 0xc7}}
	n := 0
	for slot := int64(1); slot < roomSlots; slot++ {
		tramp := -0x10000 + slot*trampolineSize
		if !s.fits(tramp) {
			continue
		}
		n++
		if j := s.jump(tramp); j[0] != 0xe9 || !undefined[j[2]] {
			t.Fatalf("slot %d: % x", slot, j)
		}
		if b := s.trampoline(tramp, -0x10000); len(b) > trampolineSize {
			t.Fatalf("%d bytes", len(b))
		}
	}
	if n < 50 {
		t.Errorf("%d slots fit", n)
	}
	if s.fits(1<<31 + 0x2000) {
		t.Error("a trampoline out of reach fits")
	}
}
