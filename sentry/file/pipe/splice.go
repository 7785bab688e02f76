package pipe

import (
	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/lock"
)

// Drain hands up to n bytes of the pipe to f as a Buf, and takes off the ring
// what f says it used: splice(2) out of a pipe. EAGAIN says that the pipe is
// empty, 0 that it is also without writers. The pipe is locked while f runs:
// f must neither block for a guest's sake nor use a pipe.
func (e *End) Drain(n int, f func(b *guest.Buf) (int64, error)) (int64, error) {
	p := e.p
	p.mu.Lock()
	total, err := p.drainLocked(n, f)
	p.mu.Unlock()
	if total > 0 {
		p.queue.Notify(writable)
		err = nil
	}
	return total, err
}

func (p *Pipe) drainLocked(n int, f func(b *guest.Buf) (int64, error)) (int64, error) {
	if p.usedLocked() == 0 {
		if p.writers == 0 {
			return 0, nil
		}
		return 0, linux.EAGAIN
	}
	total := int64(0)
	for n > 0 && p.usedLocked() > 0 {
		piece := p.dataLocked(min(n, p.usedLocked()))
		b := guest.Local(piece)
		m, err := f(&b)
		p.consumeLocked(int(m))
		n -= int(m)
		total += m
		if err != nil || int(m) < len(piece) {
			return total, err
		}
	}
	return total, nil
}

// Fill lets f put up to n bytes into the pipe: splice(2) into a pipe. EAGAIN
// says that the pipe is full. What holds for Drain's f holds here.
func (e *End) Fill(n int, f func(b *guest.Buf) (int64, error)) (int64, error) {
	p := e.p
	p.mu.Lock()
	total, err := p.fillLocked(n, f)
	p.mu.Unlock()
	if total > 0 {
		p.queue.Notify(readable)
		err = nil
	}
	return total, err
}

func (p *Pipe) fillLocked(n int, f func(b *guest.Buf) (int64, error)) (int64, error) {
	if p.readers == 0 {
		return 0, linux.EPIPE
	}
	if p.roomLocked() == 0 {
		return 0, linux.EAGAIN
	}
	n = min(n, p.roomLocked())
	p.reserveLocked(n)
	total := int64(0)
	for n > 0 {
		piece := p.freeLocked()
		piece = piece[:min(n, len(piece))]
		b := guest.Local(piece)
		m, err := f(&b)
		p.tail += uint64(m)
		p.noteLocked(int(m), false)
		n -= int(m)
		total += m
		if err != nil || int(m) < len(piece) {
			return total, err
		}
	}
	return total, nil
}

// Move moves up to n bytes from src to dst, different pipes: splice(2).
func Move(dst, src *End, n int) (int64, error) {
	defer lock.Pair(&src.p.mu, src.p.id, &dst.p.mu, dst.p.id)()
	m, err := copyLocked(dst.p, src.p, n)
	if m > 0 {
		src.p.consumeLocked(m)
		src.p.queue.Notify(writable)
		dst.p.queue.Notify(readable)
	}
	return int64(m), err
}

// Tee copies up to n bytes from src to dst, different pipes, and leaves src as
// it is: tee(2).
func Tee(dst, src *End, n int) (int64, error) {
	defer lock.Pair(&src.p.mu, src.p.id, &dst.p.mu, dst.p.id)()
	m, err := copyLocked(dst.p, src.p, n)
	if m > 0 {
		dst.p.queue.Notify(readable)
	}
	return int64(m), err
}

// copyLocked appends the first n bytes of src to dst.
func copyLocked(dst, src *Pipe, n int) (int, error) {
	if dst.readers == 0 {
		return 0, linux.EPIPE
	}
	n = min(n, src.usedLocked())
	if n == 0 {
		if src.writers == 0 && src.usedLocked() == 0 {
			return 0, nil
		}
		return 0, linux.EAGAIN
	}
	n = min(n, dst.roomLocked())
	if n == 0 {
		return 0, linux.EAGAIN
	}
	dst.reserveLocked(n)
	first := src.dataLocked(n)
	dst.moveIn(first)
	if len(first) < n {
		dst.moveIn(src.ring[:n-len(first)])
	}
	dst.noteLocked(n, false)
	return n, nil
}
