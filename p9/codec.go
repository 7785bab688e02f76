package p9

import "encoding/binary"

var le = binary.LittleEndian

// An encoder appends a message's fields. Strings are at most 65,535 bytes: the
// callers have checked.
type encoder struct{ b []byte }

// start begins a message; finish fills its size in.
func (e *encoder) start(typ uint8, tag uint16) {
	e.b = append(e.b[:0], 0, 0, 0, 0, typ, byte(tag), byte(tag>>8))
}

func (e *encoder) finish() []byte {
	le.PutUint32(e.b, uint32(len(e.b)))
	return e.b
}

func (e *encoder) u8(v uint8)   { e.b = append(e.b, v) }
func (e *encoder) u16(v uint16) { e.b = le.AppendUint16(e.b, v) }
func (e *encoder) u32(v uint32) { e.b = le.AppendUint32(e.b, v) }
func (e *encoder) u64(v uint64) { e.b = le.AppendUint64(e.b, v) }

func (e *encoder) str(s string) {
	e.u16(uint16(len(s)))
	e.b = append(e.b, s...)
}

func (e *encoder) data(p []byte) {
	e.u32(uint32(len(p)))
	e.b = append(e.b, p...)
}

func (e *encoder) qid(q QID) {
	e.u8(q.Type)
	e.u32(q.Version)
	e.u64(q.Path)
}

func (e *encoder) time(t Time) {
	e.u64(uint64(t.Sec))
	e.u64(uint64(t.NSec))
}

// attr appends an Rgetattr body.
func (e *encoder) attr(a *Attr) {
	e.u64(a.Valid)
	e.qid(a.QID)
	e.u32(a.Mode)
	e.u32(a.UID)
	e.u32(a.GID)
	e.u64(a.Nlink)
	e.u64(a.RDev)
	e.u64(a.Size)
	e.u64(a.BlkSize)
	e.u64(a.Blocks)
	e.time(a.ATime)
	e.time(a.MTime)
	e.time(a.CTime)
	e.time(a.BTime)
	e.u64(0) // gen
	e.u64(0) // data_version
}

func (e *encoder) devAttr(a *Attr) {
	e.u64(a.Dev)
	e.attr(a)
}

func (e *encoder) setAttr(s *SetAttr) {
	e.u32(s.Valid)
	e.u32(s.Mode)
	e.u32(s.UID)
	e.u32(s.GID)
	e.u64(s.Size)
	e.time(s.ATime)
	e.time(s.MTime)
}

func (e *encoder) statFS(s *StatFS) {
	e.u32(s.Type)
	e.u32(s.BlkSize)
	for _, v := range [...]uint64{s.Blocks, s.Free, s.Avail, s.Files, s.FilesFree, s.ID} {
		e.u64(v)
	}
	e.u32(s.NameLen)
}

// direntSize is what dirent appends beside the name.
const direntSize = 13 + 8 + 1 + 2

func (e *encoder) dirent(d *Dirent) {
	e.qid(d.QID)
	e.u64(d.Next)
	e.u8(d.Type)
	e.str(d.Name)
}

func (e *encoder) flag(v bool) {
	if v {
		e.u8(1)
	} else {
		e.u8(0)
	}
}

// A decoder takes a message's fields off. Once a field is short it returns
// zeros and short stays set, so callers look at ok once, at the end.
type decoder struct {
	b     []byte
	short bool
}

// ok reports whether the fields taken were all there, and nothing else.
func (d *decoder) ok() bool { return !d.short && len(d.b) == 0 }

func (d *decoder) take(n int) []byte {
	if n > len(d.b) {
		d.short, d.b = true, nil
		return nil
	}
	p := d.b[:n:n]
	d.b = d.b[n:]
	return p
}

func (d *decoder) u8() uint8 {
	if p := d.take(1); p != nil {
		return p[0]
	}
	return 0
}

// flag takes a byte that is 0 or 1.
func (d *decoder) flag() bool {
	v := d.u8()
	d.short = d.short || v > 1
	return v == 1
}

func (d *decoder) u16() uint16 {
	if p := d.take(2); p != nil {
		return le.Uint16(p)
	}
	return 0
}

func (d *decoder) u32() uint32 {
	if p := d.take(4); p != nil {
		return le.Uint32(p)
	}
	return 0
}

func (d *decoder) u64() uint64 {
	if p := d.take(8); p != nil {
		return le.Uint64(p)
	}
	return 0
}

func (d *decoder) str() string { return string(d.take(int(d.u16()))) }

// data takes a counted run of bytes, which lie in the message's buffer.
func (d *decoder) data() []byte {
	n := d.u32()
	if uint64(n) > uint64(len(d.b)) {
		d.short, d.b = true, nil
		return nil
	}
	return d.take(int(n))
}

func (d *decoder) qid() QID { return QID{d.u8(), d.u32(), d.u64()} }

func (d *decoder) time() Time { return Time{int64(d.u64()), int64(d.u64())} }

func (d *decoder) attr() Attr {
	a := Attr{
		Valid: d.u64(), QID: d.qid(), Mode: d.u32(), UID: d.u32(), GID: d.u32(),
		Nlink: d.u64(), RDev: d.u64(), Size: d.u64(), BlkSize: d.u64(), Blocks: d.u64(),
		ATime: d.time(), MTime: d.time(), CTime: d.time(), BTime: d.time(),
	}
	d.u64() // gen
	d.u64() // data_version
	return a
}

func (d *decoder) devAttr() Attr {
	dev := d.u64()
	a := d.attr()
	a.Dev = dev
	return a
}

func (d *decoder) setAttr() SetAttr {
	return SetAttr{
		Valid: d.u32(), Mode: d.u32(), UID: d.u32(), GID: d.u32(),
		Size: d.u64(), ATime: d.time(), MTime: d.time(),
	}
}

func (d *decoder) statFS() StatFS {
	return StatFS{
		Type: d.u32(), BlkSize: d.u32(), Blocks: d.u64(), Free: d.u64(), Avail: d.u64(),
		Files: d.u64(), FilesFree: d.u64(), ID: d.u64(), NameLen: d.u32(),
	}
}

func (d *decoder) dirent() Dirent {
	return Dirent{QID: d.qid(), Next: d.u64(), Type: d.u8(), Name: d.str()}
}
