// Package vdso is a small shared object that the Sentry maps into every
// process (vdso(7)): it tells the time without a system call, from the
// processor's time-stamp counter and a page of parameters that the Sentry
// writes and guests only read.
//
// The parameters are good for two seconds at most. Past that the object makes
// the system call, and the Sentry, asked for the time, writes new ones: nothing
// runs while nobody asks. What a call tells and what the object tells is the
// same clock.
package vdso

import (
	"fmt"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/memfile"
	"glovebox/sentry/mm"
	"glovebox/sentry/platform"
)

// A VDSO is the object and its clock. It lives as long as the process.
type VDSO struct {
	clock  clock
	object object
	params object
}

// New makes a VDSO. now returns the guest's monotonic and real time in
// nanoseconds by the host's clocks; reopen returns a read-only descriptor of
// the memory file behind another. The host's clocks must themselves be told by
// the time-stamp counter: only then is it the same on all processors.
func New(now func() (mono, real int64), reopen memfile.Reopener) (*VDSO, error) {
	v := &VDSO{object: object{name: "[vdso]", size: imageSize}, params: object{name: "[vvar]", size: pageSize}}
	mem, err := v.object.make(reopen)
	if err != nil {
		return nil, err
	}
	copy(mem, image())
	unix.Munmap(mem)
	if mem, err = v.params.make(reopen); err != nil {
		return nil, err
	}
	v.clock.now = func() sample { return take(now) }
	v.clock.publish = page(mem).publish
	v.clock.read() // the first sample
	return v, nil
}

// Read returns the monotonic time and the real time in nanoseconds.
func (v *VDSO) Read() (mono, real int64) { return v.clock.read() }

// take returns the closest of some samples.
func take(now func() (mono, real int64)) (best sample) {
	least := ^uint64(0)
	for range 3 {
		before := ticks()
		mono, real := now()
		if took := ticks() - before; took < least {
			least, best = took, sample{before, mono, real}
		}
	}
	return best
}

// Memory is an address space to map into; *mm.MM is one.
type Memory interface {
	Mmap(o mm.MapOpts) (guest.Addr, error)
	Munmap(a guest.Addr, length uint64) error
}

// Map maps the object, and returns where (AT_SYSINFO_EHDR).
func (v *VDSO) Map(m Memory) (guest.Addr, error) {
	const size = imageSize + pageSize
	// What lies below is left to the platform, for the object's calls.
	at, err := m.Mmap(mm.MapOpts{Length: platform.TextRoom + size, Flags: linux.MAP_PRIVATE | linux.MAP_ANONYMOUS})
	if err != nil {
		return 0, err
	}
	if err := m.Munmap(at, platform.TextRoom+size); err != nil {
		return 0, err
	}
	at += platform.TextRoom
	if _, err := m.Mmap(mm.MapOpts{
		Addr: at, Length: imageSize, Prot: platform.Read | platform.Exec,
		Flags: linux.MAP_PRIVATE | linux.MAP_FIXED_NOREPLACE, File: &v.object,
	}); err != nil {
		return 0, err
	}
	_, err = m.Mmap(mm.MapOpts{
		Addr: at + paramsAt, Length: pageSize, Prot: platform.Read, MaxProt: platform.Read,
		Flags: linux.MAP_SHARED | linux.MAP_FIXED_NOREPLACE, File: &v.params,
	})
	return at, err
}

// An object is a memory file that guests map and cannot write to. It is never
// released.
type object struct {
	name string
	size int
	id   uint64
	fd   int // read-only
}

// make makes the file, and returns it mapped for writing.
func (o *object) make(reopen memfile.Reopener) ([]byte, error) {
	fd, err := unix.MemfdCreate("vdso", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("vdso: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, int64(o.size)); err != nil {
		return nil, fmt.Errorf("vdso: %w", err)
	}
	if o.fd, err = reopen(fd); err != nil {
		return nil, fmt.Errorf("vdso: %w", err)
	}
	o.id = memfile.NewID()
	mem, err := unix.Mmap(fd, 0, o.size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, fmt.Errorf("vdso: %w", err)
	}
	return mem, nil
}

// Inc implements mm.FileRef and mm.Backing.
func (o *object) Inc() {}

// Dec implements mm.FileRef.
func (o *object) Dec() {}

// Release implements mm.Backing.
func (o *object) Release() {}

// MapName implements mm.FileRef.
func (o *object) MapName() (string, uint64, uint64) { return o.name, 0, 0 }

// Mappable implements mm.FileRef.
func (o *object) Mappable() mm.Mappable { return o }

// Backing implements mm.Mappable.
func (o *object) Backing(write bool) (mm.Backing, bool, error) { return o, !write, nil }

// ReadAt implements mm.Mappable.
func (o *object) ReadAt(p []byte, off int64) (int, error) { return unix.Pread(o.fd, p, off) }

// ID implements platform.HostFile.
func (o *object) ID() uint64 { return o.id }

// FD implements platform.HostFile.
func (o *object) FD(write bool) int {
	if write {
		return -1
	}
	return o.fd
}

// Size implements mm.Backing.
func (o *object) Size() (int64, error) { return int64(o.size), nil }
