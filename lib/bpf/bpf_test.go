package bpf

import (
	"encoding/binary"
	"testing"
)

func TestRun(t *testing.T) {
	for _, c := range []struct {
		name string
		prog []Insn
		want uint32
	}{
		{"constant", []Insn{{Code: 0x06, K: 7}}, 7},
		{"load", []Insn{{Code: 0x20, K: 4}, {Code: 0x16}}, 22},
		{"jeq taken", []Insn{{Code: 0x20}, {Code: 0x15, JT: 1, K: 11}, {Code: 0x06, K: 1}, {Code: 0x06, K: 2}}, 2},
		{"jeq not taken", []Insn{{Code: 0x20}, {Code: 0x15, JT: 1, K: 12}, {Code: 0x06, K: 1}, {Code: 0x06, K: 2}}, 1},
		{"memory", []Insn{{Code: 0x20, K: 4}, {Code: 0x02, K: 3}, {Code: 0x00, K: 9}, {Code: 0x61, K: 3}, {Code: 0x0c}, {Code: 0x16}}, 31},
		{"divide by x = 0", []Insn{{Code: 0x00, K: 9}, {Code: 0x01}, {Code: 0x3c}, {Code: 0x16}}, 0},
		{"negate", []Insn{{Code: 0x00, K: 1}, {Code: 0x84}, {Code: 0x16}}, 0xffffffff},
		{"length", []Insn{{Code: 0x80}, {Code: 0x16}}, 8},
	} {
		p, ok := Check(c.prog, 2)
		if !ok {
			t.Errorf("%s: refused", c.name)
			continue
		}
		if got := p.Run([]uint32{11, 22}); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestCheckRefuses(t *testing.T) {
	ret := Insn{Code: 0x06}
	for name, prog := range map[string][]Insn{
		"nothing":             {},
		"no return":           {{Code: 0x00}},
		"jump past the end":   {{Code: 0x05, K: 1}, ret},
		"branch past the end": {{Code: 0x15, JT: 1}, ret},
		"load past the input": {{Code: 0x20, K: 8}, ret},
		"unaligned load":      {{Code: 0x20, K: 2}, ret},
		"packet byte":         {{Code: 0x30}, ret},
		"division by 0":       {{Code: 0x34}, ret},
		"shift by 32":         {{Code: 0x64, K: 32}, ret},
		"memory out of range": {{Code: 0x02, K: 16}, ret},
		"unwritten memory":    {{Code: 0x60}, ret},
		"written on one path": {{Code: 0x15, JT: 1}, {Code: 0x02}, {Code: 0x60}, ret},
		"too long":            make([]Insn, MaxInsns+1),
	} {
		if _, ok := Check(prog, 2); ok {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzCheck(f *testing.F) {
	f.Add([]byte{0x20, 0, 0, 0, 4, 0, 0, 0, 0x16, 0, 0, 0, 0, 0, 0, 0})
	f.Fuzz(func(_ *testing.T, b []byte) {
		var prog []Insn
		for ; len(b) >= 8; b = b[8:] {
			prog = append(prog, Insn{binary.LittleEndian.Uint16(b), b[2], b[3], binary.LittleEndian.Uint32(b[4:])})
		}
		if p, ok := Check(prog, 2); ok {
			p.Run([]uint32{1, 2})
		}
	})
}
