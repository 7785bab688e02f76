package loader

import (
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/mm"
	"glovebox/sentry/platform"
)

// file is an executable in memory.
type file struct {
	b    []byte
	refs int
}

func (f *file) Inc()                              { f.refs++ }
func (f *file) Dec()                              { f.refs-- }
func (f *file) MapName() (string, uint64, uint64) { return "f", 0, 0 }
func (f *file) Mappable() mm.Mappable             { return f }
func (f *file) Backing(bool) (mm.Backing, bool, error) {
	return nil, false, nil
}

func (f *file) ReadAt(p []byte, off int64) (int, error) {
	if off >= int64(len(f.b)) {
		return 0, io.EOF
	}
	return copy(p, f.b[off:]), nil
}

// files opens by name.
type files map[string]*file

func (fs files) OpenExec(path string) (mm.FileRef, error) {
	f := fs[path]
	if f == nil {
		return nil, linux.ENOENT
	}
	f.Inc()
	return f, nil
}

// memory is pages by number.
type memory struct {
	pages  map[guest.Addr]*page
	next   guest.Addr
	brk    guest.Addr
	layout mm.Layout
}

type page struct {
	b    [guest.PageSize]byte
	prot platform.Prot
}

func newMemory() *memory { return &memory{pages: map[guest.Addr]*page{}, next: 0x7f0000000000} }

func (m *memory) Mmap(o mm.MapOpts) (guest.Addr, error) {
	if o.Addr%guest.PageSize != 0 || o.Offset%guest.PageSize != 0 || o.Length == 0 {
		return 0, linux.EINVAL
	}
	if o.Length > 1<<20 {
		return 0, linux.ENOMEM
	}
	size, _ := guest.Addr(o.Length).RoundUp()
	if o.Addr == 0 && o.Flags&linux.MAP_FIXED_NOREPLACE == 0 {
		m.next -= size
		o.Addr = m.next
	}
	for a := o.Addr; a < o.Addr+size; a += guest.PageSize {
		if m.pages[a] != nil {
			return 0, linux.EEXIST
		}
		pg := &page{prot: o.Prot}
		if o.File != nil {
			_, _ = o.File.Mappable().ReadAt(pg.b[:], int64(o.Offset)+int64(a-o.Addr))
		}
		m.pages[a] = pg
	}
	return o.Addr, nil
}

func (m *memory) Munmap(a guest.Addr, n uint64) error {
	for end := a + guest.Addr(n); a < end; a += guest.PageSize {
		delete(m.pages, a)
	}
	return nil
}

func (m *memory) MapStack(uint64, bool) (guest.Range, error) {
	const top, size = 0x7ffffffff000, 1 << 20
	_, err := m.Mmap(mm.MapOpts{Addr: top - size, Length: size, Prot: platform.Read | platform.Write})
	return guest.Range{Start: top - size, End: top}, err
}

func (m *memory) SetBrkStart(a guest.Addr) { m.brk = a }
func (m *memory) SetLayout(l mm.Layout)    { m.layout = l }

func (m *memory) Windows(a guest.Addr, n int, access guest.Access, f func([]byte) (int, error)) (int, error) {
	done := 0
	for done < n {
		pg := m.pages[a.RoundDown()]
		if pg == nil || access == guest.Store && pg.prot&platform.Write == 0 {
			return done, linux.EFAULT
		}
		off := int(a % guest.PageSize)
		k, err := f(pg.b[off:min(guest.PageSize, off+n-done)])
		done += k
		a += guest.Addr(k)
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

func (m *memory) CopyIn(a guest.Addr, p []byte) (int, error) {
	return m.Windows(a, len(p), guest.Load, func(w []byte) (int, error) {
		n := copy(p, w)
		p = p[n:]
		return n, nil
	})
}

func (m *memory) CopyOut(a guest.Addr, p []byte) (int, error) {
	return m.Windows(a, len(p), guest.Store, func(w []byte) (int, error) {
		n := copy(w, p)
		p = p[n:]
		return n, nil
	})
}

func (m *memory) word(t *testing.T, a guest.Addr) uint64 {
	t.Helper()
	var b [8]byte
	if _, err := m.CopyIn(a, b[:]); err != nil {
		t.Fatalf("word at %#x: %v", a, err)
	}
	return binary.LittleEndian.Uint64(b[:])
}

func (m *memory) str(t *testing.T, a uint64) string {
	t.Helper()
	var s []byte
	for {
		var c [1]byte
		if _, err := m.CopyIn(guest.Addr(a), c[:]); err != nil {
			t.Fatalf("string at %#x: %v", a, err)
		}
		if c[0] == 0 {
			return string(s)
		}
		s = append(s, c[0])
		a++
	}
}

// elf builds a file of a text and a data segment, whose last 0x800 bytes are
// not in the file.
func elf(typ uint16, vaddr uint64, interp string) *file {
	b := make([]byte, 0x2400)
	for i := range b {
		b[i] = 0xcc
	}
	phdrs := []linux.ElfPhdr{
		{Type: linux.PT_LOAD, Flags: linux.PF_R | linux.PF_X, Vaddr: vaddr, Filesz: 0x1000, Memsz: 0x1000, Align: 0x1000},
		{Type: linux.PT_LOAD, Flags: linux.PF_R | linux.PF_W, Offset: 0x2000, Vaddr: vaddr + 0x2000, Filesz: 0x400, Memsz: 0x2c00, Align: 0x1000},
		{Type: linux.PT_GNU_STACK, Flags: linux.PF_R | linux.PF_W},
	}
	if interp != "" {
		phdrs = append(phdrs, linux.ElfPhdr{Type: linux.PT_INTERP, Offset: 0x800, Filesz: uint64(len(interp)) + 1})
		copy(b[0x800:], interp+"\x00")
	}
	h := linux.ElfHeader{
		Type: typ, Machine: linux.EM_X86_64, Entry: vaddr + 0x100,
		Phoff: ehdrSize, Phentsize: phdrSize, Phnum: uint16(len(phdrs)),
	}
	copy(h.Ident[:], linux.ELFMAG)
	h.Ident[linux.EI_CLASS], h.Ident[linux.EI_DATA] = linux.ELFCLASS64, linux.ELFDATA2LSB
	copy(b, linux.Bytes(&h))
	for i := range phdrs {
		copy(b[ehdrSize+i*phdrSize:], linux.Bytes(&phdrs[i]))
	}
	return &file{b: b}
}

func TestLoad(t *testing.T) {
	ld := elf(linux.ET_DYN, 0, "")
	for _, c := range []struct {
		name string
		f    *file
		pc   guest.Addr // 0: anywhere
	}{
		{"static", elf(linux.ET_EXEC, 0x400000, ""), 0x400100},
		{"dynamic", elf(linux.ET_EXEC, 0x400000, "/ld"), 0},
		{"pie", elf(linux.ET_DYN, 0, "/ld"), 0},
		{"static-pie", elf(linux.ET_DYN, 0, ""), 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.f.Inc()
			p, err := Resolve(files{"/ld": ld}, c.f, "/prog", []string{"a", "bb"}, []string{"X=1"})
			if err != nil {
				t.Fatal(err)
			}
			m := newMemory()
			s, err := Load(m, p, &Options{UID: 7, StackLimit: 8 << 20, Secure: true})
			if err != nil {
				t.Fatal(err)
			}
			if c.pc != 0 && s.PC != c.pc {
				t.Errorf("pc %#x", s.PC)
			}
			if s.SP%16 != 0 {
				t.Errorf("sp %#x", s.SP)
			}
			checkStack(t, m, s)
			data := m.layout.StartData
			if m.word(t, data) != 0xcccccccccccccccc || m.word(t, data+0x400) != 0 || m.word(t, data+0x2bf8) != 0 {
				t.Error("data or bss is wrong")
			}
			if m.brk < data+0x2c00 && p.elf.header.Type == linux.ET_EXEC || m.brk%guest.PageSize != 0 {
				t.Errorf("brk %#x", m.brk)
			}
			p.Release()
			m.layout.Exe.Dec()
			if c.f.refs != 0 || ld.refs != 0 {
				t.Errorf("references left: %d, %d", c.f.refs, ld.refs)
			}
		})
	}
}

func checkStack(t *testing.T, m *memory, s Start) {
	t.Helper()
	if n := m.word(t, s.SP); n != 2 {
		t.Fatalf("argc %d", n)
	}
	got := []string{m.str(t, m.word(t, s.SP+8)), m.str(t, m.word(t, s.SP+16)), m.str(t, m.word(t, s.SP+32))}
	if want := []string{"a", "bb", "X=1"}; !slices.Equal(got, want) {
		t.Errorf("strings %q", got)
	}
	if m.word(t, s.SP+24)|m.word(t, s.SP+40) != 0 {
		t.Error("vectors do not end")
	}
	aux := map[uint64]uint64{}
	for a := s.SP + 48; m.word(t, a) != linux.AT_NULL; a += 16 {
		aux[m.word(t, a)] = m.word(t, a+8)
	}
	if aux[linux.AT_UID] != 7 || aux[linux.AT_SECURE] != 1 || aux[linux.AT_PHNUM] < 3 {
		t.Errorf("auxv %v", aux)
	}
	if n := m.str(t, aux[linux.AT_EXECFN]); n != "/prog" {
		t.Errorf("AT_EXECFN %q", n)
	}
	if n := m.str(t, aux[linux.AT_PLATFORM]); n != "x86_64" {
		t.Errorf("AT_PLATFORM %q", n)
	}
	if m.word(t, guest.Addr(aux[linux.AT_PHDR]))&0xffffffff != linux.PT_LOAD {
		t.Error("AT_PHDR does not point to the headers")
	}
	if aux[linux.AT_RANDOM] == 0 || m.word(t, guest.Addr(aux[linux.AT_RANDOM])) == 0 {
		t.Error("AT_RANDOM")
	}
}

func TestParseScript(t *testing.T) {
	pad := func(s string) []byte { return append([]byte(s), make([]byte, headSize-len(s))...) }
	long := func(c byte) string { return string(slices.Repeat([]byte{c}, headSize)) }
	for _, c := range []struct {
		in, name, arg string
		ok            bool
	}{
		{"#!/bin/sh\n", "/bin/sh", "", true},
		{"#! \t/bin/sh  -e  x \nrest", "/bin/sh", "-e  x", true},
		{"#!/bin/sh", "/bin/sh", "", true},
		{"#!\n", "", "", false},
		{"#!   \n", "", "", false},
		{("#!" + long(' '))[:headSize], "", "", false},
		{("#!" + long('x'))[:headSize], "", "", false},
		{("#!/b " + long('x'))[:headSize], "/b", long('x')[:headSize-6], true},
	} {
		name, arg, ok := parseScript(pad(c.in))
		if name != c.name || arg != c.arg || ok != c.ok {
			t.Errorf("%q: %q, %q, %v", c.in, name, arg, ok)
		}
	}
}

func TestScripts(t *testing.T) {
	fs := files{
		"/bin/x": elf(linux.ET_EXEC, 0x400000, ""),
		"/a":     {b: []byte("#!/bin/x -f\n")},
		"/loop":  {b: []byte("#!/loop\n")},
		"/gone":  {b: []byte("#!/none\n")},
		"/text":  {b: []byte("hello")},
		"/empty": {},
		"/noint": elf(linux.ET_DYN, 0, "/none"),
		"/bad":   elf(linux.ET_DYN, 0, "/text"),
	}
	for _, c := range []struct {
		path string
		args []string
		err  error
	}{
		{"/a", []string{"/bin/x", "-f", "/a", "1"}, nil},
		{"/bin/x", []string{"me", "1"}, nil},
		{"/loop", nil, linux.ELOOP},
		{"/gone", nil, linux.ENOENT},
		{"/text", nil, linux.ENOEXEC},
		{"/empty", nil, linux.ENOEXEC},
		{"/noint", nil, linux.ENOENT},
		{"/bad", nil, linux.ELIBBAD},
	} {
		f, _ := fs.OpenExec(c.path)
		p, err := Resolve(fs, f, c.path, []string{"me", "1"}, nil)
		if err != c.err || err == nil && !slices.Equal(p.Args, c.args) {
			t.Errorf("%s: %v, %v", c.path, p, err)
		}
		if err == nil {
			p.Release()
		}
	}
	for n, f := range fs {
		if f.refs != 0 {
			t.Errorf("%s has %d references left", n, f.refs)
		}
	}
}

func TestTooBig(t *testing.T) {
	f := elf(linux.ET_EXEC, 0x400000, "")
	big := string(make([]byte, MaxString))
	for _, args := range [][]string{{big}, slices.Repeat([]string{big[:MaxString-1]}, 50)} {
		f.Inc()
		p, err := Resolve(nil, f, "/p", args, nil)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Load(newMemory(), p, &Options{StackLimit: 8 << 20}); err != linux.E2BIG {
			t.Errorf("%d strings: %v", len(args), err)
		}
	}
}

func FuzzELF(f *testing.F) {
	f.Add(elf(linux.ET_EXEC, 0x400000, "").b)
	f.Add(elf(linux.ET_DYN, 0, "/ld").b)
	f.Add([]byte("#!/a b\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		fs := files{"/ld": elf(linux.ET_DYN, 0, "")}
		in := &file{b: b, refs: 1}
		p, err := Resolve(fs, in, "/p", []string{"p"}, nil)
		if err == nil {
			_, err = Load(newMemory(), p, &Options{StackLimit: 8 << 20})
			p.Release()
		}
		var e linux.Errno
		if err != nil && !errors.As(err, &e) {
			t.Errorf("%v is no errno", err)
		}
	})
}
