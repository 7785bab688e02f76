// Package cpuid asks the processor what it is, for /proc/cpuinfo.
package cpuid

import (
	"encoding/binary"
	"strings"
)

// query is the CPUID instruction.
func query(leaf, sub uint32) (a, b, c, d uint32)

// A CPU is what CPUID says of the processor.
type CPU struct {
	Vendor, Model        string
	Family, Number, Step int // Number is the model's
	CacheKB, LineBytes   int // of the second level's cache; of a cache line
	PhysBits, VirtBits   int // of addresses
	MHz                  int // 0 if it does not say
	Level                int
	Flags                []string // as Linux names them
}

// Read asks the processor that it runs on.
func Read() CPU {
	var c CPU
	most, b, x, d := query(0, 0)
	c.Level = int(most)
	c.Vendor = text(b, d, x)
	a, b, _, _ := query(1, 0)
	c.Step, c.Number, c.Family = int(a&0xf), int(a>>4&0xf), int(a>>8&0xf)
	if c.Family == 6 || c.Family == 15 {
		c.Number |= int(a>>16&0xf) << 4
	}
	if c.Family == 15 {
		c.Family += int(a >> 20 & 0xff)
	}
	c.LineBytes = int(b>>8&0xff) * 8
	if most >= 0x16 {
		a, _, _, _ := query(0x16, 0)
		c.MHz = int(a & 0xffff)
	}
	if ext, _, _, _ := query(0x80000000, 0); ext >= 0x80000008 {
		for leaf := uint32(0x80000002); leaf <= 0x80000004; leaf++ {
			a, b, x, d := query(leaf, 0)
			c.Model += text(a, b, x, d)
		}
		c.Model = strings.TrimSpace(strings.TrimRight(c.Model, "\x00"))
		_, _, x, _ := query(0x80000006, 0)
		c.CacheKB = int(x >> 16)
		a, _, _, _ := query(0x80000008, 0)
		c.PhysBits, c.VirtBits = int(a&0xff), int(a>>8&0xff)
	}
	c.Flags = flags(most)
	return c
}

// text is the characters that registers hold.
func text(regs ...uint32) string {
	var b []byte
	for _, r := range regs {
		b = binary.LittleEndian.AppendUint32(b, r)
	}
	return string(b)
}
