package p9

import (
	"math"

	"glovebox/abi/linux"
)

// An OpenFile is a fid that was opened for reading and writing by messages.
type OpenFile struct {
	f *File
	// unit is the most that fits one message.
	unit int
}

// Open opens the file; flags are open(2)'s access mode and O_TRUNC.
func (f *File) Open(flags uint32) (*OpenFile, error) {
	if f.c.extended {
		g := f.c.newFile()
		k := f.c.begin(tcloneopen)
		k.u32(f.fid)
		k.u32(g.fid)
		k.u32(flags)
		if err := f.c.do(k); err != nil {
			f.c.freeFid(g.fid)
			return nil, err
		}
		k.reply.qid()
		k.reply.u32()
		if err := f.c.end(k); err != nil {
			return nil, err
		}
		return f.opened(g), nil
	}
	g, err := f.clone()
	if err != nil {
		return nil, err
	}
	k := f.c.begin(tlopen)
	k.u32(g.fid)
	k.u32(flags)
	if err := f.c.ioReply(k); err != nil {
		g.Close()
		return nil, err
	}
	return f.opened(g), nil
}

func (f *File) opened(g *File) *OpenFile { return &OpenFile{g, int(f.c.msize) - ioHeader} }

// ioReply waits for an Rlopen or Rlcreate. Its iounit says no more than msize.
func (c *Client) ioReply(k *call) error {
	if err := c.do(k); err != nil {
		return err
	}
	k.reply.qid()
	k.reply.u32()
	return c.end(k)
}

// Close closes the file, without waiting.
func (o *OpenFile) Close() { o.f.Close() }

// ReadAt reads into p; a short count may but need not be the end of the file,
// 0 is.
func (o *OpenFile) ReadAt(p []byte, off int64) (int, error) {
	c := o.f.c
	p = p[:min(len(p), o.unit)]
	k := c.begin(tread)
	k.u32(o.f.fid)
	k.u64(uint64(off))
	k.u32(uint32(len(p)))
	if err := c.do(k); err != nil {
		return 0, err
	}
	data := k.reply.data()
	k.reply.short = k.reply.short || len(data) > len(p)
	n := copy(p, data)
	return n, c.end(k)
}

// WriteAt writes from p and returns how much it wrote, which may be less.
func (o *OpenFile) WriteAt(p []byte, off int64) (int, error) {
	c := o.f.c
	p = p[:min(len(p), o.unit)]
	k := c.begin(twrite)
	k.u32(o.f.fid)
	k.u64(uint64(off))
	k.data(p)
	if err := c.do(k); err != nil {
		return 0, err
	}
	n := k.reply.u32()
	k.reply.short = k.reply.short || n > uint32(len(p))
	if err := c.end(k); err != nil {
		return 0, err
	}
	return int(n), nil
}

// ReadDir calls add with some of the entries behind off; none are left if it
// was not called, or end is true.
func (o *OpenFile) ReadDir(off uint64, add func(Dirent)) (end bool, err error) {
	c := o.f.c
	typ := uint8(treaddir)
	if c.extended {
		typ = treaddirend
	}
	k := c.begin(typ)
	k.u32(o.f.fid)
	k.u64(off)
	k.u32(uint32(o.unit))
	if err := c.do(k); err != nil {
		return false, err
	}
	d := decoder{b: k.reply.data()}
	for len(d.b) > 0 {
		e := d.dirent()
		if d.short || e.Next > math.MaxInt64 || e.Name != "." && e.Name != ".." && !checkName(e.Name) {
			k.reply.short = true
			break
		}
		add(e)
	}
	if c.extended {
		end = k.reply.flag()
	}
	return end, c.end(k)
}

// Fsync is fsync(2), or fdatasync(2).
func (o *OpenFile) Fsync(dataOnly bool) error {
	k := o.f.c.begin(tfsync)
	k.u32(o.f.fid)
	var v uint32
	if dataOnly {
		v = 1
	}
	k.u32(v)
	return o.f.c.simple(k)
}

// TryLock sets or, with LockNone, removes a lock on the server: EAGAIN if
// another is in the way.
func (o *OpenFile) TryLock(l Lock) error {
	k := o.f.c.begin(tlock)
	k.u32(o.f.fid)
	k.u8(l.Type)
	k.u32(0) // flags: do not block
	k.u64(l.Start)
	k.u64(l.Length)
	k.u32(l.PID)
	k.str(l.Client)
	if err := o.f.c.do(k); err != nil {
		return err
	}
	status := k.reply.u8()
	if err := o.f.c.end(k); err != nil {
		return err
	}
	switch status {
	case lockSuccess:
		return nil
	case lockBlocked:
		return linux.EAGAIN
	}
	return linux.ENOLCK
}

// GetLock returns the lock that keeps l from being set, or one of LockNone.
func (o *OpenFile) GetLock(l Lock) (Lock, error) {
	k := o.f.c.begin(tgetlock)
	k.u32(o.f.fid)
	k.lock(&l)
	if err := o.f.c.do(k); err != nil {
		return Lock{}, err
	}
	l = k.reply.lock()
	return l, o.f.c.end(k)
}

// lock appends a struct that Tgetlock and Rgetlock share.
func (e *encoder) lock(l *Lock) {
	e.u8(l.Type)
	e.u64(l.Start)
	e.u64(l.Length)
	e.u32(l.PID)
	e.str(l.Client)
}

func (d *decoder) lock() Lock {
	return Lock{Type: d.u8(), Start: d.u64(), Length: d.u64(), PID: d.u32(), Client: d.str()}
}
