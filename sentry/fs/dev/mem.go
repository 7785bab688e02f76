package dev

import (
	"crypto/rand"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/mm"
	"glovebox/sentry/vfs"
)

// A sink takes every write, and is seekable as memory devices are: to nowhere.
type sink struct{ vfs.NoFile }

func (sink) Write(_ *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) { return int64(b.Len()), nil }
func (sink) Seek(*vfs.Ctx, int64, int64, int) (int64, error)        { return 0, nil }

// null is /dev/null.
type null struct{ sink }

func (null) Read(*vfs.Ctx, *guest.Buf, int64) (int64, error) { return 0, nil }

// zero is /dev/zero.
type zero struct{ sink }

var _ mm.Mappable = zero{}

func (zero) Read(_ *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	n, err := b.Zero(b.Len())
	return count(n, err)
}

// Backing implements mm.Mappable: a private mapping is made of zeros.
func (zero) Backing(bool) (mm.Backing, bool, error) { return nil, false, nil }

// ReadAt implements mm.Mappable.
func (zero) ReadAt(p []byte, _ int64) (int, error) {
	clear(p)
	return len(p), nil
}

// full is /dev/full.
type full struct{ zero }

func (full) Write(*vfs.Ctx, *guest.Buf, int64) (int64, error) { return 0, linux.ENOSPC }

// random is /dev/random and /dev/urandom, which are one (random(7)).
type random struct{ sink }

// randomChunk is how many bytes are made at a time.
const randomChunk = 4096

func (random) Read(_ *vfs.Ctx, b *guest.Buf, _ int64) (int64, error) {
	p := make([]byte, min(b.Len(), randomChunk))
	done := 0
	for b.Len() > 0 {
		p = p[:min(b.Len(), len(p))]
		if _, err := rand.Read(p); err != nil {
			return count(done, linux.EIO)
		}
		n, err := b.CopyOut(p)
		done += n
		if err != nil {
			return count(done, err)
		}
	}
	return int64(done), nil
}

// What random(4) answers.
const (
	rndGetEntropy = 0x80045200 // RNDGETENTCNT
	rndAddEntropy = 0x40085203 // RNDADDENTROPY
	poolBits      = 256
)

func (random) Ioctl(_ *vfs.Ctx, mem guest.Memory, cmd uint32, arg uint64) (uintptr, error) {
	switch cmd {
	case rndGetEntropy:
		bits := int32(poolBits)
		_, err := mem.CopyOut(guest.Addr(arg), linux.Bytes(&bits))
		return 0, err
	case rndAddEntropy:
		return 0, linux.EPERM
	}
	return 0, linux.EINVAL
}

// count is what a transfer returns that moved n bytes before err.
func count(n int, err error) (int64, error) {
	if n > 0 {
		return int64(n), nil
	}
	return 0, err
}
