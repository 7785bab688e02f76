package kernel

import (
	"glovebox/sentry/guest"
	"glovebox/sentry/platform"
)

// A Memory is an address space, counted by the tasks that run in it.
type Memory interface {
	guest.Memory
	IncUsers()
	DecUsers()
	AddressSpace() platform.AddressSpace
	Fork() (Memory, error)
	// HandleFault makes a page present, or says which signal the fault is.
	HandleFault(a guest.Addr, errcode uint32, ev platform.Event) (signo, code int, ok bool)
	// Load32 and CompareAndSwap32 are atomic against the guest.
	Load32(a guest.Addr) (uint32, error)
	CompareAndSwap32(a guest.Addr, old, new uint32) (prev uint32, err error)
	// FutexKey names the word at a, the same in every address space if shared.
	FutexKey(a guest.Addr, shared bool) (k FutexKey, release func(), err error)
}

// A FutexKey names a futex word.
type FutexKey struct{ Obj, Off uint64 }
