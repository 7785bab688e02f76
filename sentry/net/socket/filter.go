package socket

import (
	"encoding/binary"

	"golang.org/x/net/bpf"

	"glovebox/abi/linux"
)

// A Filter says which packets a socket takes, and how much of each (SO_ATTACH_FILTER of
// socket(7)).
type Filter struct{ vm *bpf.VM }

// Sizes of struct sock_filter, in bytes, and of a program, in instructions.
const (
	sizeOfInsn = 8
	maxInsns   = 4096 // BPF_MAXINSNS
)

// NewFilter makes one of struct sock_filters: EINVAL for what is no program, or asks for
// what only Linux knows of a packet.
func NewFilter(raw []byte) (*Filter, error) {
	if len(raw) == 0 || len(raw)%sizeOfInsn != 0 || len(raw) > maxInsns*sizeOfInsn {
		return nil, linux.EINVAL
	}
	var insns []bpf.Instruction
	for ; len(raw) > 0; raw = raw[sizeOfInsn:] {
		insns = append(insns, bpf.RawInstruction{Op: binary.NativeEndian.Uint16(raw), Jt: raw[2], Jf: raw[3],
			K: binary.NativeEndian.Uint32(raw[4:])}.Disassemble())
	}
	vm, err := bpf.NewVM(insns)
	if err != nil {
		return nil, linux.EINVAL
	}
	return &Filter{vm}, nil
}

// Take returns how much of p is to be taken, 0 for nothing. Without a filter it is all.
func (f *Filter) Take(p []byte) int {
	if f == nil {
		return len(p)
	}
	n, err := f.vm.Run(p)
	if err != nil {
		return 0
	}
	return min(n, len(p))
}
