package systrap

import (
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// A rule allows a host call to stub threads when every masked argument has
// the value. Arguments are compared on their low 32 bits.
type rule struct {
	nr   uint32
	args []cond
}

// A cond is: argument arg, and-ed with mask, is one of vals; or, with not,
// none of them.
type cond struct {
	arg  int
	mask uint32
	vals []uint32
	not  bool
}

const all = ^uint32(0)

// threadFlags are the flags of the clone(2) that makes a stub thread.
const threadFlags = unix.CLONE_VM | unix.CLONE_FS | unix.CLONE_FILES | unix.CLONE_SIGHAND |
	unix.CLONE_THREAD | unix.CLONE_SYSVSEM | unix.CLONE_PARENT_SETTID

// stubRules is all that a stub may ask of the host, hostile or not: memory
// operations on descriptors that it was given, and waiting.
var stubRules = []rule{
	{unix.SYS_RT_SIGRETURN, nil},
	{unix.SYS_FUTEX, []cond{{arg: 1, mask: all, vals: []uint32{0, 1}}}}, // FUTEX_WAIT, FUTEX_WAKE
	{unix.SYS_MMAP, []cond{{arg: 3, mask: ^uint32(unix.MAP_POPULATE | unix.MAP_NORESERVE),
		vals: []uint32{unix.MAP_FIXED | unix.MAP_SHARED, unix.MAP_FIXED | unix.MAP_PRIVATE}}}},
	{unix.SYS_MUNMAP, nil},
	{unix.SYS_MPROTECT, nil},
	{unix.SYS_MADVISE, []cond{{arg: 2, mask: all, vals: []uint32{unix.MADV_DONTNEED, unix.MADV_POPULATE_READ, unix.MADV_POPULATE_WRITE}}}},
	{unix.SYS_RECVMSG, []cond{{arg: 0, mask: all, vals: []uint32{fdSock}}}},
	// Nothing else ever has the doorbell's number, so that no file is written.
	{unix.SYS_CLOSE, []cond{{arg: 0, mask: all, vals: []uint32{fdBell}, not: true}}},
	{unix.SYS_WRITE, []cond{{arg: 0, mask: all, vals: []uint32{fdBell}}}},
	{unix.SYS_SIGALTSTACK, nil},
	{unix.SYS_ARCH_PRCTL, []cond{{arg: 0, mask: all, vals: []uint32{0x1001, 0x1002}}}}, // ARCH_SET_GS, ARCH_SET_FS
	{unix.SYS_PRCTL, []cond{{arg: 0, mask: all, vals: []uint32{unix.PR_SET_NAME}}}},
	{unix.SYS_EXIT, nil},
	{unix.SYS_CLONE, []cond{{arg: 0, mask: all, vals: []uint32{threadFlags}}}},
}

// Offsets in struct seccomp_data, and actions of seccomp(2).
const (
	dataNR   = 0
	dataArch = 4
	dataIP   = 8
	dataArgs = 16

	auditX86_64 = 0xc000003e
	retTrap     = 0x00030000
	retAllow    = 0x7fff0000
)

// stubFilter returns the filter of stub threads: calls from the stub's text
// that a rule allows; everything else is SIGSYS, a guest's system call.
func stubFilter(rules []rule, textSize uint32) []bpf.RawInstruction {
	var prog []bpf.Instruction
	load := func(off uint32) { prog = append(prog, bpf.LoadAbsolute{Off: off, Size: 4}) }
	// unless makes a test whose failure jumps over the next n instructions:
	// a trap is the one instruction after it.
	trapUnless := func(c bpf.JumpTest, v uint32) {
		prog = append(prog, bpf.JumpIf{Cond: c, Val: v, SkipTrue: 1}, bpf.RetConstant{Val: retTrap})
	}
	load(dataArch)
	trapUnless(bpf.JumpEqual, auditX86_64)
	load(dataIP + 4)
	trapUnless(bpf.JumpEqual, textBase>>32)
	load(dataIP)
	trapUnless(bpf.JumpLessOrEqual, textBase&0xffffffff+textSize)
	for _, r := range rules {
		var body []bpf.Instruction
		for _, c := range r.args {
			body = append(body, bpf.LoadAbsolute{Off: dataArgs + 8*uint32(c.arg), Size: 4},
				bpf.ALUOpConstant{Op: bpf.ALUOpAnd, Val: c.mask})
			for i, v := range c.vals {
				// A match skips the values that follow and the trap.
				body = append(body, bpf.JumpIf{Cond: bpf.JumpEqual, Val: v, SkipTrue: uint8(len(c.vals) - i)})
			}
			if c.not {
				body = append(body, bpf.Jump{Skip: 1})
			}
			body = append(body, bpf.RetConstant{Val: retTrap})
		}
		body = append(body, bpf.RetConstant{Val: retAllow})
		load(dataNR)
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: r.nr, SkipFalse: uint8(len(body))})
		prog = append(prog, body...)
	}
	prog = append(prog, bpf.RetConstant{Val: retTrap})
	raw, err := bpf.Assemble(prog)
	if err != nil {
		panic(err) // the rules are constant
	}
	return raw
}
