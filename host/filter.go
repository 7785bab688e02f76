package host

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// A rule allows one system call: always, or if one of alts matches.
type rule struct {
	no   uint32
	alts []match
}

// A match holds when all its conditions hold.
type match []cond

// A cond compares one argument: arg&mask == value, or, of an argument that the kernel
// takes as int, with any of anyOf.
type cond struct {
	arg         int
	mask, value uint64
	anyOf       []uint32
}

// allow makes a rule without conditions.
func allow(no uint32) rule { return rule{no: no} }

// when allows the call if every condition holds; several calls are
// alternatives.
func (r rule) when(conds ...cond) rule {
	r.alts = append(r.alts[:len(r.alts):len(r.alts)], match(conds))
	return r
}

// in allows the call if the argument is one of the values.
func (r rule) in(arg int, values ...uint64) rule {
	for _, v := range values {
		r = r.when(equal(arg, v))
	}
	return r
}

// equal compares all 64 bits.
func equal(arg int, v uint64) cond { return cond{arg: arg, mask: ^uint64(0), value: v} }

// equal32 compares the low 32 bits, for arguments that the kernel takes as int.
func equal32(arg int, v uint32) cond { return masked32(arg, 0xffffffff, v) }

// masked32 is equal32 for some of the bits.
func masked32(arg int, mask, v uint32) cond {
	return cond{arg: arg, mask: uint64(mask), value: uint64(v)}
}

// oneOf32 is equal32 with several values.
func oneOf32(arg int, values ...uint32) cond { return cond{arg: arg, anyOf: values} }

// without demands that none of the bits is set.
func without(arg int, bits uint64) cond { return cond{arg: arg, mask: bits} }

// Offsets in struct seccomp_data, seccomp(2).
const (
	offNo   = 0
	offArch = 4
	offArgs = 16
)

// x32Bit marks calls of the x32 ABI, which share x86-64's AUDIT_ARCH.
const x32Bit = 0x40000000

// maxProgram is BPF_MAXINSNS.
const maxProgram = 4096

// maxJump is how far a conditional jump reaches.
const maxJump = 255

var errLongRule = errors.New("rule is too long for a BPF jump")

// assemble makes the filter that allows rules and takes the action otherwise.
// The walk is linear: since Linux 5.11 the kernel remembers the calls that are
// allowed whatever their arguments and does not run the filter for them.
func assemble(rules []rule, action uint32) ([]unix.SockFilter, error) {
	p := []unix.SockFilter{
		load(offArch),
		jump(unix.BPF_JEQ, unix.AUDIT_ARCH_X86_64, 1, 0),
		ret(unix.SECCOMP_RET_KILL_PROCESS),
		load(offNo),
		jump(unix.BPF_JGE, x32Bit, 0, 1),
		ret(unix.SECCOMP_RET_KILL_PROCESS),
	}
	seen := map[uint32]bool{}
	for _, r := range rules {
		if seen[r.no] {
			return nil, fmt.Errorf("two rules for call %d", r.no)
		}
		seen[r.no] = true
		body, err := r.body(action)
		if err != nil {
			return nil, fmt.Errorf("call %d: %w", r.no, err)
		}
		if len(body) <= maxJump {
			p = append(p, jump(unix.BPF_JEQ, r.no, 0, uint8(len(body))))
		} else {
			p = append(p, jump(unix.BPF_JEQ, r.no, 1, 0), skip(len(body)))
		}
		p = append(p, body...)
	}
	p = append(p, ret(action))
	if len(p) > maxProgram {
		return nil, errors.New("filter is longer than BPF_MAXINSNS")
	}
	return p, nil
}

// body is what runs once the number matched; it always returns.
func (r rule) body(action uint32) ([]unix.SockFilter, error) {
	if len(r.alts) == 0 {
		return []unix.SockFilter{ret(unix.SECCOMP_RET_ALLOW)}, nil
	}
	var p []unix.SockFilter
	for _, m := range r.alts {
		code, err := m.code()
		if err != nil {
			return nil, err
		}
		p = append(p, code...)
	}
	return append(p, ret(action)), nil
}

// code returns ALLOW if m holds and falls through to its end otherwise.
func (m match) code() ([]unix.SockFilter, error) {
	var words []word
	total := 1 // the return at the end
	for _, c := range m {
		for _, w := range c.words() {
			words = append(words, w)
			total += 2 + len(w.values) // a load, an and, and a jump for each value
		}
	}
	if total > maxJump {
		return nil, errLongRule
	}
	var p []unix.SockFilter
	for _, w := range words {
		p = append(p, load(w.off), unix.SockFilter{
			Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: w.mask,
		})
		for i, v := range w.values {
			left, miss := len(w.values)-1-i, 0
			if left == 0 {
				miss = total - len(p) - 1
			}
			p = append(p, jump(unix.BPF_JEQ, v, uint8(left), uint8(miss)))
		}
	}
	return append(p, ret(unix.SECCOMP_RET_ALLOW)), nil
}

// A word is a comparison of 32 bits, all that classic BPF has, with one of values.
type word struct {
	off, mask uint32
	values    []uint32
}

func (c cond) words() []word {
	off := uint32(offArgs + 8*c.arg)
	if c.anyOf != nil {
		return []word{{off, ^uint32(0), c.anyOf}}
	}
	var w []word
	if m := uint32(c.mask); m != 0 {
		w = append(w, word{off, m, []uint32{uint32(c.value)}})
	}
	if m := uint32(c.mask >> 32); m != 0 {
		w = append(w, word{off + 4, m, []uint32{uint32(c.value >> 32)}})
	}
	return w
}

func load(off uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: off}
}

func jump(op uint16, k uint32, jt, jf uint8) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | op | unix.BPF_K, Jt: jt, Jf: jf, K: k}
}

// skip jumps over n instructions, however many.
func skip(n int) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(n)}
}

func ret(action uint32) unix.SockFilter {
	return unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}
}
