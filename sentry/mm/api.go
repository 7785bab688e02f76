// Package mm is guest address spaces: what is mapped where, the memory files
// behind it, page faults, and copies between the Sentry and guest memory
// (mm/mmap.c, mm/memory.c).
//
// An MM is shared by the tasks that cloned with CLONE_VM. Lock order: MM.mu,
// then memfile's locks. The platform's address space is told of every change
// while mu is held, and applies it before the caller's task runs guest code
// again.
package mm
