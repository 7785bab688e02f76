package p9

import (
	"strings"

	"glovebox/abi/linux"
)

// GetXattr returns the value of an extended attribute.
func (f *File) GetXattr(name string) ([]byte, error) {
	if name == "" || len(name) > maxName {
		return nil, linux.ERANGE
	}
	return f.getXattr(name)
}

// ListXattr returns the names of the extended attributes.
func (f *File) ListXattr() ([]string, error) {
	b, err := f.getXattr("")
	if err != nil || len(b) == 0 {
		return nil, err
	}
	if b[len(b)-1] != 0 {
		return nil, linux.EIO
	}
	names := strings.Split(string(b[:len(b)-1]), "\x00")
	for _, n := range names {
		if n == "" || len(n) > maxName {
			return nil, linux.EIO
		}
	}
	return names, nil
}

func (f *File) getXattr(name string) ([]byte, error) {
	if !f.c.extended {
		return f.getXattrPlain(name)
	}
	k := f.c.begin(tgetxattr)
	k.u32(f.fid)
	k.u32(maxXattr)
	k.str(name)
	if err := f.c.do(k); err != nil {
		return nil, err
	}
	data := k.reply.data()
	k.reply.short = k.reply.short || len(data) > maxXattr
	value := append([]byte(nil), data...)
	return value, f.c.end(k)
}

// getXattrPlain walks to the attribute and reads it as a file.
func (f *File) getXattrPlain(name string) ([]byte, error) {
	g := f.c.newFile()
	k := f.c.begin(txattrwalk)
	k.u32(f.fid)
	k.u32(g.fid)
	k.str(name)
	if err := f.c.do(k); err != nil {
		f.c.freeFid(g.fid)
		return nil, err
	}
	size := k.reply.u64()
	if err := f.c.end(k); err != nil {
		return nil, err
	}
	defer g.Close()
	if size > maxXattr {
		return nil, linux.EIO
	}
	value := make([]byte, size)
	o := OpenFile{g, int(f.c.msize) - ioHeader}
	for done := 0; done < len(value); {
		n, err := o.ReadAt(value[done:], int64(done))
		if err != nil {
			return nil, err
		}
		if n == 0 {
			return value[:done], nil
		}
		done += n
	}
	return value, nil
}

// SetXattr sets an extended attribute; flags are setxattr(2)'s.
func (f *File) SetXattr(name string, value []byte, flags uint32) error {
	if name == "" || len(name) > maxName {
		return linux.ERANGE
	}
	if len(value) > maxXattr {
		return linux.E2BIG
	}
	if !f.c.extended {
		return f.setXattrPlain(name, value, flags)
	}
	k := f.c.begin(tsetxattr)
	k.u32(f.fid)
	k.u32(flags)
	k.str(name)
	k.data(value)
	return f.c.simple(k)
}

// RemoveXattr removes an extended attribute.
func (f *File) RemoveXattr(name string) error {
	if name == "" || len(name) > maxName {
		return linux.ERANGE
	}
	if !f.c.extended {
		// Servers take an attribute without a value for its removal.
		return f.setXattrPlain(name, nil, 0)
	}
	k := f.c.begin(tremovexattr)
	k.u32(f.fid)
	k.str(name)
	return f.c.simple(k)
}

// setXattrPlain writes the value through a fid of its own, whose clunk sets
// it.
func (f *File) setXattrPlain(name string, value []byte, flags uint32) error {
	g, err := f.clone()
	if err != nil {
		return err
	}
	k := f.c.begin(txattrcreate)
	k.u32(g.fid)
	k.str(name)
	k.u64(uint64(len(value)))
	k.u32(flags)
	if err := f.c.simple(k); err != nil {
		g.Close()
		return err
	}
	o := OpenFile{g, int(f.c.msize) - ioHeader}
	for done := 0; done < len(value); {
		n, err := o.WriteAt(value[done:], int64(done))
		if err != nil || n == 0 {
			g.Close()
			return linux.EIO
		}
		done += n
	}
	k = f.c.begin(tclunk)
	k.u32(g.fid)
	err = f.c.simple(k)
	f.c.freeFid(g.fid)
	return err
}
