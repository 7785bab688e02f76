// Package arch is what is particular to x86-64: registers, the extended state
// of the processor, and signal frames.
package arch

import "structs"

// Regs is the general state of a guest thread, with the layout of struct
// user_regs_struct of sys/user.h.
type Regs struct {
	_                            structs.HostLayout
	R15, R14, R13, R12, RBP, RBX uint64
	R11, R10, R9, R8             uint64
	RAX, RCX, RDX, RSI, RDI      uint64
	// OrigRAX is the call number while a system call is being served, else -1.
	OrigRAX                  uint64
	RIP, CS, EFLAGS, RSP, SS uint64
	FSBase, GSBase           uint64
	DS, ES, FS, GS           uint64
}

// Selectors of 64-bit user code on Linux.
const (
	UserCS = 0x33
	UserSS = 0x2b
)

// SyscallNo returns the number of the call that stopped the guest.
func (r *Regs) SyscallNo() uint64 { return r.OrigRAX }

// Args returns the six argument registers of a system call.
func (r *Regs) Args() [6]uint64 {
	return [6]uint64{r.RDI, r.RSI, r.RDX, r.R10, r.R8, r.R9}
}

// SetReturn stores the result of a system call, -errno on failure.
func (r *Regs) SetReturn(v uint64) { r.RAX = v }

// NoCall is OrigRAX while no system call is being served.
const NoCall = ^uint64(0)

// syscallLen is the length of the syscall instruction.
const syscallLen = 2

// Restart makes the guest repeat the call that it is returning from, as call
// number no.
func (r *Regs) Restart(no uint64) {
	r.RAX = no
	r.RIP -= syscallLen
	r.OrigRAX = NoCall
}
