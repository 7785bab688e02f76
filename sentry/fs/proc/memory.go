package proc

import (
	"bytes"
	"fmt"

	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/kernel"
	"glovebox/sentry/mm"
	"glovebox/sentry/platform"
	"glovebox/sentry/vfs"
)

// maxStrings bounds how much of a process's memory one file shows.
const maxStrings = 2 << 20

// readMemory returns the bytes from start up to end of m, as far as they can be
// read.
func readMemory(m kernel.Memory, start, end guest.Addr) []byte {
	if end <= start {
		return nil
	}
	p := make([]byte, min(uint64(end-start), maxStrings))
	n, _ := m.CopyIn(start, p) // a hole ends it
	return p[:n]
}

// cmdline is /proc/PID/cmdline.
func cmdline(p *process, w *bytes.Buffer) {
	if m := p.memory(); m != nil {
		CommandLine(m, w)
		m.DecUsers()
	}
}

// CommandLine writes the arguments of the program in m, each with a NUL
// (get_mm_cmdline). One that overwrote the end of its arguments, as
// setproctitle(3) does, goes on into its environment up to a NUL.
func CommandLine(m kernel.Memory, w *bytes.Buffer) {
	l := m.Layout()
	dropExe(&l)
	b := readMemory(m, l.ArgStart, l.ArgEnd)
	w.Write(b)
	if len(b) == 0 || b[len(b)-1] == 0 || uint64(len(b)) < uint64(l.ArgEnd-l.ArgStart) {
		return
	}
	rest := readMemory(m, l.EnvStart, l.EnvEnd)
	if i := bytes.IndexByte(rest, 0); i >= 0 {
		rest = rest[:i]
	}
	w.Write(rest)
}

// environ is /proc/PID/environ.
func environ(p *process, w *bytes.Buffer) {
	if m := p.memory(); m != nil {
		l := m.Layout()
		dropExe(&l)
		w.Write(readMemory(m, l.EnvStart, l.EnvEnd))
		m.DecUsers()
	}
}

// auxv is /proc/PID/auxv.
func auxv(p *process, w *bytes.Buffer) {
	if m := p.memory(); m != nil {
		l := m.Layout()
		dropExe(&l)
		w.Write(l.Auxv)
		m.DecUsers()
	}
}

// showMaps is /proc/PID/maps.
func showMaps(p *process, w *bytes.Buffer) {
	if m := p.memory(); m != nil {
		m.VMAs(func(v mm.VMA) bool {
			writeVMA(w, &v)
			return true
		})
		m.DecUsers()
	}
}

// nameColumn is where the name begins in a line of maps.
const nameColumn = 73

// writeVMA writes a line of maps (show_map_vma).
func writeVMA(w *bytes.Buffer, v *mm.VMA) {
	at := w.Len()
	perm := [...]byte{'-', '-', '-', 'p'}
	if v.Prot&platform.Read != 0 {
		perm[0] = 'r'
	}
	if v.Prot&platform.Write != 0 {
		perm[1] = 'w'
	}
	if v.Prot&platform.Exec != 0 {
		perm[2] = 'x'
	}
	if v.Shared {
		perm[3] = 's'
	}
	fmt.Fprintf(w, "%08x-%08x %s %08x %02x:%02x %d ", uint64(v.Start), uint64(v.End), perm[:], v.Offset,
		vfs.Major(v.Dev), vfs.Minor(v.Dev), v.Inode)
	if v.Path != "" {
		for w.Len()-at < nameColumn {
			w.WriteByte(' ')
		}
		w.WriteString(escape(v.Path, "\n"))
	}
	w.WriteByte('\n')
}

// smaps is /proc/PID/smaps. How much of one mapping is resident is not known:
// each has its share by size.
func smaps(p *process, w *bytes.Buffer) {
	m := p.memory()
	if m == nil {
		return
	}
	defer m.DecUsers()
	u := m.Usage()
	m.VMAs(func(v mm.VMA) bool {
		writeVMA(w, &v)
		writeSmap(w, &v, share(u, v.Len()))
		return true
	})
}

// share is the part of u's resident memory that n bytes of it have.
func share(u mm.Usage, n uint64) uint64 {
	if u.Virtual == 0 {
		return 0
	}
	return uint64(float64(u.Resident)/float64(u.Virtual)*float64(n)) &^ (guest.PageSize - 1)
}

func writeSmap(w *bytes.Buffer, v *mm.VMA, rss uint64) {
	writeSizes(w, [][2]any{{"Size", v.Len()}, {"KernelPageSize", uint64(guest.PageSize)}, {"MMUPageSize", uint64(guest.PageSize)}})
	writeRss(w, rss)
	w.WriteString("THPeligible:           0\nVmFlags:")
	for _, f := range []struct {
		on   bool
		name string
	}{
		{v.Prot&platform.Read != 0, "rd"}, {v.Prot&platform.Write != 0, "wr"}, {v.Prot&platform.Exec != 0, "ex"},
		{v.Shared, "sh"}, {true, "mr"}, {true, "mw"}, {true, "me"}, {v.GrowsDown, "gd"}, {v.Locked, "lo"},
	} {
		if f.on {
			w.WriteString(" " + f.name)
		}
	}
	w.WriteString(" \n")
}

// writeRss writes the lines of smaps that tell what is resident.
func writeRss(w *bytes.Buffer, rss uint64) {
	zero := uint64(0)
	writeSizes(w, [][2]any{
		{"Rss", rss}, {"Pss", rss}, {"Pss_Dirty", rss}, {"Shared_Clean", zero}, {"Shared_Dirty", zero},
		{"Private_Clean", zero}, {"Private_Dirty", rss}, {"Referenced", rss}, {"Anonymous", rss}, {"KSM", zero},
		{"LazyFree", zero}, {"AnonHugePages", zero}, {"ShmemPmdMapped", zero}, {"FilePmdMapped", zero},
		{"Shared_Hugetlb", zero}, {"Private_Hugetlb", zero}, {"Swap", zero}, {"SwapPss", zero}, {"Locked", zero},
	})
}

func writeSizes(w *bytes.Buffer, rows [][2]any) {
	for _, r := range rows {
		fmt.Fprintf(w, "%-15s %8d kB\n", r[0].(string)+":", r[1].(uint64)/1024)
	}
}

// smapsRollup is /proc/PID/smaps_rollup.
func smapsRollup(p *process, w *bytes.Buffer) {
	m := p.memory()
	if m == nil {
		return
	}
	defer m.DecUsers()
	var all mm.VMA
	m.VMAs(func(v mm.VMA) bool {
		if all.End == 0 {
			all.Start = v.Start
		}
		all.End = v.End
		return true
	})
	all.Path = "[rollup]"
	writeVMA(w, &all)
	writeRss(w, m.Usage().Resident)
}

// memFile is /proc/PID/mem.
func memFile(p *process) vfs.Inode {
	return p.fs.Special(p.secret(0o600), func(c *vfs.Ctx, _ uint32) (vfs.FileOps, error) {
		m := p.memory()
		if m == nil {
			return nil, linux.ESRCH
		}
		return &openMem{m: m}, nil
	})
}

// An openMem is an address space being read and written as a file. It goes
// through a buffer, so that never two address spaces are locked.
type openMem struct {
	vfs.NoFile
	m kernel.Memory
}

// Read implements vfs.FileOps.
func (o *openMem) Read(_ *vfs.Ctx, b *guest.Buf, off int64) (int64, error) {
	return o.move(b, off, func(a guest.Addr, p []byte) (int, error) {
		n, err := o.m.CopyIn(a, p)
		if n == 0 && err != nil {
			return 0, linux.EIO
		}
		return b.CopyOut(p[:n])
	})
}

// Write implements vfs.FileOps.
func (o *openMem) Write(_ *vfs.Ctx, b *guest.Buf, off int64) (int64, error) {
	return o.move(b, off, func(a guest.Addr, p []byte) (int, error) {
		n, err := b.CopyIn(p)
		if err != nil {
			return 0, err
		}
		if n, err = o.m.CopyOut(a, p[:n]); n == 0 && err != nil {
			return 0, linux.EIO
		}
		return n, nil
	})
}

// move calls f with one page's worth of addresses after the other.
func (o *openMem) move(b *guest.Buf, off int64, f func(guest.Addr, []byte) (int, error)) (int64, error) {
	var buf [guest.PageSize]byte
	done := int64(0)
	for b.Len() > 0 {
		a := guest.Addr(off + done)
		p := buf[:min(b.Len(), guest.PageSize-int(a%guest.PageSize))]
		n, err := f(a, p)
		done += int64(n)
		if err != nil || n < len(p) {
			if done > 0 {
				err = nil
			}
			return done, err
		}
	}
	return done, nil
}

// Seek implements vfs.Seeker (mem_lseek): addresses are unsigned.
func (o *openMem) Seek(_ *vfs.Ctx, cur, off int64, whence int) (int64, error) {
	switch whence {
	case linux.SEEK_SET:
		return off, nil
	case linux.SEEK_CUR:
		return cur + off, nil
	}
	return 0, linux.EINVAL
}

// Release implements vfs.FileOps.
func (o *openMem) Release() { o.m.DecUsers() }
