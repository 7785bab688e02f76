// Package platform is how guest code runs: an AddressSpace holds what a guest
// process has mapped, a Context runs one guest thread in it.
//
// A Context belongs to the goroutine of its task; only Interrupt may be called
// by others. An AddressSpace may be used by any goroutine.
package platform

import (
	"glovebox/sentry/arch"
	"glovebox/sentry/guest"
)

// A Platform makes address spaces.
type Platform interface {
	// NewAddressSpace returns an empty address space. It may block for about
	// a millisecond.
	NewAddressSpace() (AddressSpace, error)
	// Limits is the range that guests may map.
	Limits() guest.Range
}

// Prot is a set of PROT_READ, PROT_WRITE and PROT_EXEC, with mmap(2)'s values.
type Prot uint8

// Protections.
const (
	Read  Prot = 1
	Write Prot = 2
	Exec  Prot = 4
)

// A HostFile is a file of the host that can be mapped into a guest: a memory
// file, or one that a gofer donated.
type HostFile interface {
	// FD returns the descriptor to map, readable only or readable and
	// writable. It stays open until the file is released.
	FD(write bool) int
	// ID is a number that no other file had or will have.
	ID() uint64
}

// A Versioned is a HostFile that knows when its content changes. For another
// the host does: by size and times.
type Versioned interface {
	// Version returns a number that changes with the content; ok is false
	// if that may change unseen.
	Version() (v uint64, ok bool)
}

// MapFlags say how a file is mapped.
type MapFlags uint8

// Flags of Map.
const (
	// Private maps copy-on-write (MAP_PRIVATE): what the guest writes is
	// the guest's alone and the Sentry cannot see it. For text only.
	Private MapFlags = 1 << iota
	// Populate makes resident pages present at once (MAP_POPULATE).
	Populate
	// Keep says that the file will be mapped again: its descriptor stays
	// with the guest process until Forget.
	Keep
)

// An AddressSpace is the host side of one guest address space. Changes are
// queued and are in force before any thread that is in the Sentry when they
// are made returns to guest code.
type AddressSpace interface {
	// Map maps f from offset off at r, replacing what was there.
	Map(r guest.Range, f HostFile, off uint64, prot Prot, flags MapFlags) error
	// Unmap removes what is mapped in r.
	Unmap(r guest.Range) error
	// Protect changes the protection of r, all of which is mapped.
	Protect(r guest.Range, prot Prot) error
	// Forget drops what Keep kept of f.
	Forget(f HostFile)
	// Flush returns when every change made so far is in force in every
	// thread, even those that run guest code.
	Flush()
	// NewContext returns a context to run one thread.
	NewContext() (Context, error)
	// SetName gives what runs the guest a name for tools of the host, of at
	// most 15 bytes.
	SetName(name string)
	// Kill ends the guest's threads at once: their Switch says so.
	Kill()
	// Release ends the address space: its contexts must be released. done is
	// called, by any goroutine, when the host has undone its mappings.
	Release(done func())
}

// A Context runs one guest thread.
type Context interface {
	// Switch runs guest code from *r until something happens, and stores the
	// registers back. It returns at once with Interrupted if Interrupt was
	// called since the last Switch.
	Switch(r *arch.Regs) Event
	// Interrupt makes the current or the next Switch return Interrupted, if
	// nothing else ends it first. It does not block.
	Interrupt()
	// FP returns the extended state (x87, SSE, AVX, AVX-512) of the thread as a signal
	// frame holds it: XSAVE's standard format, software-reserved bytes filled in,
	// without the trailing magic. The slice is the caller's.
	FP() arch.FPState
	// SetFP makes the next Switch load s; nil is the initial state. It
	// fails with EINVAL where the processor would refuse s.
	SetFP(s arch.FPState) error
	// Idle says that the task is about to wait for something, maybe long.
	Idle()
	// SetCached publishes what the context may answer by itself.
	SetCached(c *Cached)
	// Release ends the thread.
	Release()
}

// Cached is what calls of a thread return that need no Sentry. Watched turns
// all of them off: the thread is traced, filtered or watched.
type Cached struct {
	Watched              bool
	PID, TID, PPID       int32
	UID, EUID, GID, EGID uint32
}

// Kind says why Switch returned.
type Kind uint8

// Reasons.
const (
	// Syscall: Regs.OrigRAX is the number; RIP is after the instruction;
	// RAX is -ENOSYS, as ptrace(2) shows it.
	Syscall Kind = iota
	// Fault: the processor raised Event.Signal.
	Fault
	// Interrupted: Interrupt was called.
	Interrupted
	// Dead: the address space is gone; the guest did what it must not, or
	// the host is out of memory. The thread group gets SIGKILL.
	Dead
)

// An Event is why guest code stopped running.
type Event struct {
	Kind Kind
	// Of a Fault: the signal, its si_code and si_addr, and the page fault
	// error code (bit 1: a write; bit 4: an instruction fetch).
	Signal uint8
	Code   int32
	Addr   guest.Addr
	Err    uint32
	TrapNo uint32
}

// TextRoom is the size of a Room in bytes.
const TextRoom = 64 << 10

// A Mourner is a Context that tells of a death that its Switch would say of, to those
// who do not switch: by any goroutine, at most once, not if it was Kill.
type Mourner interface {
	OnDeath(f func())
}

// A Rewriter is an AddressSpace that can make the system calls of a program
// cheaper by changing its text, which the guest does not see. It needs room
// for code of its own near that text: addresses that are part of no mapping.
type Rewriter interface {
	// Room gives it TextRoom bytes at area, for text of f that is mapped next,
	// as if offset 0 of f were at base.
	Room(f HostFile, base, area guest.Addr)
	// TakeRoom takes them back: the guest maps something there.
	TakeRoom(area guest.Addr)
}
