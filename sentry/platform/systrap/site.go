package systrap

import (
	"bytes"
	"encoding/binary"
)

const (
	pageSize = 4096
	// syscallLen is the length of the syscall instruction, jumpLen that of a
	// jump with a 32-bit displacement.
	syscallLen = 2
	jumpLen    = 5
	movLen     = 5
	// trampolineSize is the size of a trampoline in bytes; enterLen of its
	// part that goes to the stub, less the mov.
	trampolineSize = 32
	enterLen       = 7 + 6
	movedMost      = trampolineSize - enterLen - jumpLen
)

// A site is a system call in a file's text that can be rewritten. There are
// two kinds (DESIGN.md, 2.2):
//
//	mov $n,%eax; syscall     the mov becomes a jump; the syscall stays
//	syscall; cmp ...,%rax    the syscall and the start of the next instruction
//	                         become a jump, that instruction moves
type site struct {
	call  uint64 // file offset of the syscall instruction
	no    uint32 // of the first kind: its call number
	moved []byte // of the second kind: the instruction that moves
}

// at returns the file offset of the jump.
func (s *site) at() uint64 {
	if s.moved == nil {
		return s.call - movLen
	}
	return s.call
}

// findSite looks at the syscall instruction at index i of a page, which was
// just executed with call number no. Both kinds need what they change to lie
// in the page.
func findSite(page []byte, i int, no uint32) (s site, ok bool) {
	if i < 0 || i+syscallLen > len(page) || page[i] != 0x0f || page[i+1] != 0x05 {
		return s, false
	}
	if isMov(page, i-movLen, no) {
		return site{no: no}, true
	}
	if n := movable(page[i+syscallLen:]); n > 0 {
		return site{moved: bytes.Clone(page[i+syscallLen:][:n])}, true
	}
	return s, false
}

// isMov reports whether a mov $no,%eax starts at index i. The bytes are not
// proof: they could be the end of a longer instruction. All of those that a
// call with number no could follow are recognised by what stands before, and
// whatever looks like one is left alone:
//
//   - a prefix (REX: the mov is to another register);
//   - 0xb8 as ModRM byte, with a 32-bit displacement: rax+no would be a valid
//     address only of instructions that do not access it (lea, prefetch);
//   - 0xb8 as SIB byte;
//   - 0xb8 as 8-bit displacement before a 32-bit immediate operand.
func isMov(page []byte, i int, no uint32) bool {
	if i < 2 || page[i] != 0xb8 || binary.LittleEndian.Uint32(page[i+1:]) != no {
		return false
	}
	before, before2 := page[i-1], page[i-2]
	switch {
	case before&0xc0 == 0x40: // REX, or ModRM with an 8-bit displacement
		return false
	case before == 0x66 || before == 0xf2 || before == 0xf3:
		return false
	case before == 0x8d || before2 == 0x0f && (before == 0x18 || before == 0x0d || before == 0x1f):
		return false
	case before&0xc7 == 0x04 || before&0xc7 == 0x84: // ModRM with SIB
		return false
	case before2&0xc7 == 0x44: // ModRM with SIB and an 8-bit displacement
		return false
	}
	return true
}

// movable returns the length of the instruction at the start of code if it
// means the same elsewhere and is long enough to be jumped over, else 0: it
// works on registers and constants only.
func movable(code []byte) int {
	n := 0
	wide := false
	if len(code) > 0 && code[0]&0xf0 == 0x40 {
		wide = code[0]&8 != 0
		n++
	}
	if len(code) < n+2 {
		return 0
	}
	registers := code[n+1] >= 0xc0
	switch op := code[n]; {
	case op == 0x3d || op == 0xa9: // cmp, test $imm32,%eax
		n += 5
	case op&0xf8 == 0xb8 && !wide: // mov $imm32,%reg
		n += 5
	case op == 0x81 && registers: // add, or, ..., cmp $imm32,%reg
		n += 6
	case op == 0x83 && registers:
		n += 3
	case registers && op&0xc5 == 0x01:
		n += 2 // add, or, and, sub, xor, cmp %reg,%reg
	case registers && (op == 0x85 || op == 0x89 || op == 0x8b || op == 0x63):
		n += 2 // test, mov, movslq
	default:
		return 0
	}
	if n < jumpLen-syscallLen || n > movedMost || n > len(code) {
		return 0
	}
	return n
}

// undefined are bytes that are no instruction in 64-bit mode. Who arrives
// behind a syscall that became a jump, as one does who made the call before,
// executes the jump's third byte: it is one of these, so that is noticed.
var undefined = [256]bool{
	0x06: true, 0x07: true, 0x0e: true, 0x16: true, 0x17: true, 0x1e: true, 0x1f: true, 0x27: true,
	0x2f: true, 0x37: true, 0x3f: true, 0x60: true, 0x61: true, 0x82: true, 0x9a: true, 0xce: true,
	0xd4: true, 0xd6: true, 0xea: true,
}

// fits reports whether the trampoline may lie at file offset tramp (which is
// outside the file, where its address is).
func (s *site) fits(tramp int64) bool {
	d := tramp - int64(s.at()) - jumpLen
	if d != int64(int32(d)) {
		return false
	}
	return s.moved == nil || undefined[byte(d>>8)]
}

// jump returns the jump to the trampoline at tramp.
func (s *site) jump(tramp int64) []byte {
	return binary.LittleEndian.AppendUint32([]byte{0xe9}, uint32(tramp-int64(s.at())-jumpLen))
}

// trampoline returns the code for the file offset tramp; literal is where the
// address of the stub's enter is.
func (s *site) trampoline(tramp, literal int64) []byte {
	le := binary.LittleEndian
	var b []byte
	here := func() int64 { return tramp + int64(len(b)) }
	back := int64(s.call) + syscallLen
	if s.moved == nil {
		b = le.AppendUint32(append(b, 0xb8), s.no)
		b = le.AppendUint32(append(b, 0x48, 0x8d, 0x0d), uint32(back-here()-7)) // lea back(%rip),%rcx
		return le.AppendUint32(append(b, 0xff, 0x25), uint32(literal-here()-6)) // jmp *literal(%rip)
	}
	b = append(b, 0x48, 0x8d, 0x0d, 6, 0, 0, 0) // lea behind the jump
	b = le.AppendUint32(append(b, 0xff, 0x25), uint32(literal-here()-6))
	b = append(b, s.moved...)
	return le.AppendUint32(append(b, 0xe9), uint32(back+int64(len(s.moved))-here()-jumpLen))
}

// original returns where a thread that is off bytes into the trampoline would
// be in text that was not rewritten, as a file offset. entering: the call is
// yet to be made.
func (s *site) original(off int) (at uint64, entering bool) {
	if s.moved == nil || off < enterLen {
		return s.at(), true
	}
	return s.call + syscallLen + uint64(min(off-enterLen, len(s.moved))), false
}
