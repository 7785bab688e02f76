package seccomp

import (
	"math"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/abi/linux"
	"glovebox/lib/bpf"
)

// Instructions of classic BPF (linux/filter.h).
const (
	loadWord    = 0x20 // of struct seccomp_data
	and         = 0x54
	jump        = 0x05
	jumpEqual   = 0x15
	jumpGreater = 0x25
	jumpAtLeast = 0x35
	giveBack    = 0x06
)

// Offsets in struct seccomp_data. Arguments have 64 bits, the lower half first.
const (
	offNumber = 0
	offArch   = 4
	offArgs   = 16
	maxArgs   = 6
)

// numbers are those of calls from one on, up to the next ones, which code is for.
type numbers struct {
	from uint32
	code []bpf.Insn
}

func ret(v uint32) bpf.Insn { return bpf.Insn{Code: giveBack, K: v} }

// assemble makes the program.
func assemble(all []numbers) []bpf.Insn {
	return append([]bpf.Insn{
		{Code: loadWord, K: offArch},
		{Code: jumpEqual, K: linux.AUDIT_ARCH_X86_64, JT: 1},
		ret(linux.SECCOMP_RET_KILL_THREAD),
		{Code: loadWord, K: offNumber},
	}, search(all)...)
}

// search finds the code of the number that was loaded.
func search(all []numbers) []bpf.Insn {
	if len(all) == 1 {
		return all[0].code
	}
	half := len(all) / 2
	lower, upper := search(all[:half]), search(all[half:])
	bound := all[half].from
	var prog []bpf.Insn
	if len(lower) <= math.MaxUint8 {
		prog = append(prog, bpf.Insn{Code: jumpAtLeast, K: bound, JT: uint8(len(lower))})
	} else {
		prog = append(prog, bpf.Insn{Code: jumpAtLeast, K: bound, JF: 1}, bpf.Insn{Code: jump, K: uint32(len(lower))})
	}
	return append(append(prog, lower...), upper...)
}

// code returns the rule's result if all conditions hold, and goes on behind
// itself if not.
func (r *rule) code() []bpf.Insn {
	code := []bpf.Insn{ret(r.result)}
	for i := len(r.conds) - 1; i >= 0; i-- {
		// At most 37 instructions: jumps have 8 bits.
		code = append(r.conds[i].code(uint8(len(code))), code...)
	}
	return code
}

// A cond is a condition on an argument.
type cond struct {
	arg   uint
	op    operator
	value uint64
	two   uint64
}

type operator int

const (
	equal operator = iota
	notEqual
	less
	lessEqual
	greater
	greaterEqual
	maskedEqual
)

var operators = map[specs.LinuxSeccompOperator]operator{
	specs.OpEqualTo: equal, specs.OpNotEqual: notEqual, specs.OpLessThan: less, specs.OpLessEqual: lessEqual,
	specs.OpGreaterThan: greater, specs.OpGreaterEqual: greaterEqual, specs.OpMaskedEqual: maskedEqual,
}

// code goes on behind itself if the condition holds, else skip instructions
// further.
func (c *cond) code(skip uint8) []bpf.Insn {
	at := uint32(offArgs + 8*c.arg)
	low, high := uint32(c.value), uint32(c.value>>32)
	loadLow, loadHigh := bpf.Insn{Code: loadWord, K: at}, bpf.Insn{Code: loadWord, K: at + 4}
	switch c.op {
	case equal:
		return []bpf.Insn{
			loadHigh, {Code: jumpEqual, K: high, JF: 2 + skip},
			loadLow, {Code: jumpEqual, K: low, JF: skip},
		}
	case notEqual:
		return []bpf.Insn{
			loadHigh, {Code: jumpEqual, K: high, JF: 2},
			loadLow, {Code: jumpEqual, K: low, JT: skip},
		}
	case greater, greaterEqual:
		last := bpf.Insn{Code: jumpGreater, K: low, JF: skip}
		if c.op == greaterEqual {
			last.Code = jumpAtLeast
		}
		return []bpf.Insn{
			loadHigh, {Code: jumpGreater, K: high, JT: 3}, {Code: jumpEqual, K: high, JF: 2 + skip},
			loadLow, last,
		}
	case less, lessEqual:
		last := bpf.Insn{Code: jumpAtLeast, K: low, JT: skip}
		if c.op == lessEqual {
			last.Code = jumpGreater
		}
		return []bpf.Insn{
			loadHigh, {Code: jumpGreater, K: high, JT: 3 + skip}, {Code: jumpEqual, K: high, JF: 2},
			loadLow, last,
		}
	}
	// value is the mask; bits outside it are not compared.
	want := c.two & c.value
	return []bpf.Insn{
		loadHigh, {Code: and, K: high}, {Code: jumpEqual, K: uint32(want >> 32), JF: 3 + skip},
		loadLow, {Code: and, K: low}, {Code: jumpEqual, K: uint32(want), JF: skip},
	}
}
