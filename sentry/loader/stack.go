package loader

import (
	"crypto/rand"
	"encoding/binary"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/mm"
)

const (
	// MaxString is the longest argument with its NUL (MAX_ARG_STRLEN).
	MaxString = 128 << 10
	// maxStackShare bounds what the strings may take of the stack.
	maxStackShare = 6 << 20
	// argMax is what they may always take (ARG_MAX).
	argMax = 128 << 10
	word   = 8
)

const platformName = "x86_64"

// ArgLimit returns how many bytes args and env strings with their NULs may
// have, if there are n of them: E2BIG if there is no room for even the pointers
// (bprm_stack_limits).
func ArgLimit(stackLimit uint64, n int) (uint64, error) {
	limit := max(min(stackLimit/4, maxStackShare), argMax)
	if pointers := uint64(n) * word; pointers < limit {
		return limit - pointers, nil
	}
	return 0, linux.E2BIG
}

// A stack is the first contents of a program's stack.
type stack struct {
	program     *Program
	options     *Options
	layout      *mm.Layout
	entry, base guest.Addr
	phdrs       guest.Addr
	vdso        guest.Addr // 0 if there is none
}

// build fills the stack at r. From the top: a null word, the program's
// name, the strings of env and args, the platform, random bytes, the auxiliary
// vector, env, args and their number (create_elf_tables).
func (s *stack) build(m Memory, r guest.Range) (sp guest.Addr, err error) {
	p := s.program
	if err := s.check(); err != nil {
		return 0, err
	}
	var b []byte // the strings, upwards
	strings := func(list []string) {
		for _, v := range list {
			b = append(append(b, v...), 0)
		}
	}
	strings(p.Args)
	envAt := len(b)
	strings(p.Env)
	nameAt := len(b)
	strings([]string{p.Name})
	b = append(b, make([]byte, word)...)
	top := r.End - guest.Addr(len(b))
	if r.Len() < uint64(len(b)) {
		return 0, linux.E2BIG
	}
	if _, err := m.CopyOut(top, b); err != nil {
		return 0, err
	}
	l := s.layout
	l.ArgStart, l.ArgEnd = top, top+guest.Addr(envAt)
	l.EnvStart, l.EnvEnd = l.ArgEnd, top+guest.Addr(nameAt)
	sp, err = s.vectors(m, top, l.EnvEnd)
	l.StartStack = sp
	return sp, err
}

// check bounds the strings (copy_strings).
func (s *stack) check() error {
	p := s.program
	left, err := ArgLimit(s.options.StackLimit, len(p.Args)+len(p.Env))
	if err != nil {
		return err
	}
	for _, list := range [...][]string{{p.Name}, p.Args, p.Env} {
		for _, v := range list {
			n := uint64(len(v)) + 1
			if n > MaxString || n > left {
				return linux.E2BIG
			}
			left -= n
		}
	}
	return nil
}

// vectors stores what lies below the strings at top; name is where the
// program's name is.
func (s *stack) vectors(m Memory, top, name guest.Addr) (guest.Addr, error) {
	var low [len(platformName) + 1 + 16]byte // the random bytes, the platform
	_, _ = rand.Read(low[:16])               // it never fails
	copy(low[16:], platformName)
	at := s.options.jitter(top) - guest.Addr(len(low))
	if _, err := m.CopyOut(at, low[:]); err != nil {
		return 0, err
	}
	aux := s.auxv(at, name)
	p := s.program
	v := make([]byte, 0, (len(p.Args)+len(p.Env)+3)*word+len(aux))
	le := binary.LittleEndian
	v = le.AppendUint64(v, uint64(len(p.Args)))
	ptr := s.layout.ArgStart
	for _, list := range [...][]string{p.Args, p.Env} {
		for _, str := range list {
			v = le.AppendUint64(v, uint64(ptr))
			ptr += guest.Addr(len(str)) + 1
		}
		v = le.AppendUint64(v, 0)
	}
	v = append(v, aux...)
	s.layout.Auxv = aux
	sp := (at - guest.Addr(len(v))) &^ 15
	_, err := m.CopyOut(sp, v)
	return sp, err
}

// jitter moves sp down within two pages and aligns it (arch_align_stack).
func (o *Options) jitter(sp guest.Addr) guest.Addr {
	if !o.NoRandomize {
		var b [2]byte
		_, _ = rand.Read(b[:]) // it never fails
		sp -= guest.Addr(binary.LittleEndian.Uint16(b[:]) % 8192)
	}
	return sp &^ 15
}

// auxv returns the auxiliary vector (getauxval(3)); low is where the random
// bytes and the platform lie.
func (s *stack) auxv(low, name guest.Addr) []byte {
	o := s.options
	var b []byte
	add := func(tag, v uint64) {
		b = binary.LittleEndian.AppendUint64(b, tag)
		b = binary.LittleEndian.AppendUint64(b, v)
	}
	if s.vdso != 0 {
		add(linux.AT_SYSINFO_EHDR, uint64(s.vdso))
	}
	add(linux.AT_MINSIGSTKSZ, o.MinSigStack)
	add(linux.AT_HWCAP, o.HWCap)
	add(linux.AT_PAGESZ, guest.PageSize)
	add(linux.AT_CLKTCK, linux.CLOCKS_PER_SEC)
	add(linux.AT_PHDR, uint64(s.phdrs))
	add(linux.AT_PHENT, phdrSize)
	add(linux.AT_PHNUM, uint64(s.program.elf.header.Phnum))
	add(linux.AT_BASE, uint64(s.base))
	add(linux.AT_FLAGS, 0)
	add(linux.AT_ENTRY, uint64(s.entry))
	add(linux.AT_UID, uint64(o.UID))
	add(linux.AT_EUID, uint64(o.EUID))
	add(linux.AT_GID, uint64(o.GID))
	add(linux.AT_EGID, uint64(o.EGID))
	secure := uint64(0)
	if o.Secure {
		secure = 1
	}
	add(linux.AT_SECURE, secure)
	add(linux.AT_RANDOM, uint64(low))
	add(linux.AT_HWCAP2, o.HWCap2)
	add(linux.AT_EXECFN, uint64(name))
	add(linux.AT_PLATFORM, uint64(low)+16)
	add(linux.AT_NULL, 0)
	return b
}
