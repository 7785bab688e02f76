package bpf

// Run returns what p returns for an input, whose words are at least as many as
// Check was told.
func (p *Program) Run(input []uint32) uint32 {
	var a, x uint32
	var mem [memWords]uint32
	for pc := 0; ; pc++ {
		in := &p.insns[pc]
		switch in.Code {
		case classLD | modeABS:
			a = input[in.K/4]
			continue
		case classLD | modeLEN:
			a = p.words * 4
			continue
		case classLDX | modeLEN:
			x = p.words * 4
			continue
		case classLD | modeIMM:
			a = in.K
			continue
		case classLDX | modeIMM:
			x = in.K
			continue
		case classLD | modeMEM:
			a = mem[in.K]
			continue
		case classLDX | modeMEM:
			x = mem[in.K]
			continue
		case classST:
			mem[in.K] = a
			continue
		case classSTX:
			mem[in.K] = x
			continue
		case classMISC:
			x = a
			continue
		case classMISC | miscX:
			a = x
			continue
		case classRET:
			return in.K
		case classRET | retA:
			return a
		case classJMP | jmpA:
			pc += int(in.K)
			continue
		}
		v := in.K
		if in.Code&srcX != 0 {
			v = x
		}
		if in.Code&7 == classJMP {
			if jumps(in.Code&0xf0, a, v) {
				pc += int(in.JT)
			} else {
				pc += int(in.JF)
			}
			continue
		}
		if in.Code&0xf0 == aluDiv && v == 0 {
			return 0
		}
		a = compute(in.Code&0xf0, a, v)
	}
}

func jumps(op uint16, a, v uint32) bool {
	switch op {
	case jmpEQ:
		return a == v
	case jmpGT:
		return a > v
	case jmpGE:
		return a >= v
	}
	return a&v != 0
}

func compute(op uint16, a, v uint32) uint32 {
	switch op {
	case aluAdd:
		return a + v
	case aluSub:
		return a - v
	case aluMul:
		return a * v
	case aluDiv:
		return a / v
	case aluOr:
		return a | v
	case aluAnd:
		return a & v
	case aluLsh:
		return a << (v & 31)
	case aluRsh:
		return a >> (v & 31)
	case aluXor:
		return a ^ v
	}
	return -a // aluNeg, which has no operand
}
