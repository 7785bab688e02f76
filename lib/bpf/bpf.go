// Package bpf checks and runs classic BPF programs (net/core/filter.c), which
// come from guests: a program that Check passed ends, and touches nothing but
// its own memory.
package bpf

// An Insn is struct sock_filter.
type Insn struct {
	Code uint16
	JT   uint8
	JF   uint8
	K    uint32
}

// MaxInsns is BPF_MAXINSNS.
const MaxInsns = 4096

// Parts of Insn.Code.
const (
	classLD   = 0x00
	classLDX  = 0x01
	classST   = 0x02
	classSTX  = 0x03
	classALU  = 0x04
	classJMP  = 0x05
	classRET  = 0x06
	classMISC = 0x07

	modeIMM = 0x00
	modeABS = 0x20
	modeMEM = 0x60
	modeLEN = 0x80

	srcX  = 0x08
	retA  = 0x10
	miscX = 0x80 // TXA; 0 is TAX

	memWords = 16 // BPF_MEMWORDS
)

// Operations of ALU and JMP.
const (
	aluAdd = 0x00
	aluSub = 0x10
	aluMul = 0x20
	aluDiv = 0x30
	aluOr  = 0x40
	aluAnd = 0x50
	aluLsh = 0x60
	aluRsh = 0x70
	aluNeg = 0x80
	aluXor = 0xa0

	jmpA   = 0x00
	jmpEQ  = 0x10
	jmpGT  = 0x20
	jmpGE  = 0x30
	jmpSET = 0x40
)

// A Program is a checked program that reads 32-bit words of its input by byte
// offset.
type Program struct {
	insns []Insn
	words uint32
}

// Len returns the number of instructions.
func (p *Program) Len() int { return len(p.insns) }

// Check makes a Program that reads inputs of the given number of words; ok is
// false if prog is no such program (bpf_check_classic and
// seccomp_check_filter).
func Check(prog []Insn, words int) (p *Program, ok bool) {
	if len(prog) == 0 || len(prog) > MaxInsns {
		return nil, false
	}
	for i := range prog {
		if !prog[i].valid(uint32(len(prog)-i-1), uint32(words)) {
			return nil, false
		}
	}
	if prog[len(prog)-1].Code&7 != classRET || !storesBeforeLoads(prog) {
		return nil, false
	}
	return &Program{prog, uint32(words)}, true
}

// valid reports whether the instruction is one that Run knows; left is how many
// follow it.
func (in *Insn) valid(left, words uint32) bool {
	op := in.Code & 0xf0
	switch in.Code {
	case classLD | modeABS:
		return in.K%4 == 0 && in.K/4 < words
	case classLD | modeLEN, classLDX | modeLEN, classLD | modeIMM, classLDX | modeIMM,
		classRET, classRET | retA, classMISC, classMISC | miscX, classALU | aluNeg:
		return true
	case classLD | modeMEM, classLDX | modeMEM, classST, classSTX:
		return in.K < memWords
	case classJMP | jmpA:
		return in.K < left
	}
	switch in.Code &^ (0xf0 | srcX) {
	case classALU:
		switch op {
		case aluDiv:
			return in.Code&srcX != 0 || in.K != 0
		case aluLsh, aluRsh:
			return in.Code&srcX != 0 || in.K < 32
		case aluAdd, aluSub, aluMul, aluOr, aluAnd, aluXor:
			return true
		}
	case classJMP:
		switch op {
		case jmpEQ, jmpGT, jmpGE, jmpSET:
			return uint32(in.JT) < left && uint32(in.JF) < left
		}
	}
	return false
}

// storesBeforeLoads reports whether no path reads memory that it did not write
// (check_load_and_stores).
func storesBeforeLoads(prog []Insn) bool {
	known := make([]uint16, len(prog)) // the words that every path has written
	for i := range known {
		known[i] = 0xffff
	}
	have := uint16(0)
	for i := range prog {
		in := &prog[i]
		have &= known[i]
		reach := func(skip uint32) {
			known[uint32(i)+1+skip] &= have
		}
		switch in.Code {
		case classST, classSTX:
			have |= 1 << in.K
			continue
		case classLD | modeMEM, classLDX | modeMEM:
			if have>>in.K&1 == 0 {
				return false
			}
			continue
		case classJMP | jmpA:
			reach(in.K)
			have = 0xffff
			continue
		}
		if in.Code&7 == classJMP {
			reach(uint32(in.JT))
			reach(uint32(in.JF))
			have = 0xffff
		}
	}
	return true
}
