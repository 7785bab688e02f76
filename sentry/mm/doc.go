// Package mm is guest address spaces: what is mapped where, the memory files
// behind it, page faults, and copies between the Sentry and guest memory
// (mm/mmap.c, mm/memory.c).
//
// An MM is shared by the tasks that cloned with CLONE_VM. Its private memory
// lies in one memory file, at offsets that equal the addresses wherever that
// is possible, so that neighbours are one mapping for the host. fork freezes
// the file: both sides map it read-only from then on, and a write copies a
// cluster to a new file at the same offset.
//
// Lock order: MM.mu, then memfile's locks. The platform's address space is
// told of every change while mu is held, and applies it before the caller's
// task runs guest code again. No file's server is asked under mu.
package mm
