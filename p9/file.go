package p9

import (
	"strings"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
)

// A File is a fid: a file on the server, or the way to one.
type File struct {
	c   *Client
	fid uint32
}

// maxUnread bounds the replies that nobody reads: they must fit into the socket.
const maxUnread = 32

// Close gives the fid back, as a rule without waiting.
func (f *File) Close() {
	k := f.c.begin(tclunk)
	k.u32(f.fid)
	if f.c.background(k, f.fid) {
		f.c.freeFid(f.fid)
	}
}

// Forget lets the server let go of the file, which has no name any more: all that is
// asked of f is ESTALE then. It still has to be closed.
func (f *File) Forget() {
	if !f.c.extended {
		return
	}
	k := f.c.begin(tforget)
	k.u32(f.fid)
	f.c.background(k, noFid)
}

// background sends k without waiting for the reply, which makes the fid clunk free.
// Where too many are unread it does wait, and returns true.
func (c *Client) background(k *call, clunk uint32) (waited bool) {
	if c.unread.Add(1) > maxUnread {
		_ = c.simple(k) // whatever the answer
		c.unread.Add(-1)
		return true
	}
	k.async, k.clunk = true, clunk
	k.holders.Store(2)
	if c.send(k) != nil {
		c.release(k)
		return false
	}
	c.drop(k)
	return false
}

// Walk walks names and returns the file they lead to, with its attributes.
// Without names it is f once more.
func (f *File) Walk(names ...string) (*File, Attr, error) {
	if len(names) > maxWalk {
		return nil, Attr{}, linux.EINVAL
	}
	for _, n := range names {
		if !checkName(n) {
			return nil, Attr{}, linux.EINVAL
		}
	}
	if !f.c.extended {
		return f.walkPlain(names)
	}
	g := f.c.newFile()
	k := f.c.begin(twalkgetattr)
	f.walkFields(k, g, names)
	a, err := f.c.fileReply(k, g)
	if err != nil {
		return nil, Attr{}, err
	}
	return g, a, nil
}

// WalkDonate is Walk to an entry, and Donate for reading if that is possible; fd is
// -1 else.
func (f *File) WalkDonate(name string) (g *File, a Attr, fd int, err error) {
	if !f.c.extended {
		g, a, err = f.Walk(name)
		return g, a, -1, err
	}
	if !checkName(name) {
		return nil, Attr{}, -1, linux.EINVAL
	}
	g = f.c.newFile()
	k := f.c.begin(twalkopenfd)
	f.walkFields(k, g, []string{name})
	err = f.c.do(k)
	if err == linux.ENFILE {
		// Perhaps only the descriptor was too much, and the walk went well.
		g.Close()
		return nil, Attr{}, -1, err
	}
	if err != nil {
		f.c.freeFid(g.fid)
		return nil, Attr{}, -1, err
	}
	a = k.reply.devAttr()
	k.reply.flag()
	fd = k.fd
	k.fd = -1
	if err = f.c.end(k); err == nil {
		err = checkAttr(&a)
	}
	if err != nil {
		if fd >= 0 {
			unix.Close(fd)
		}
		return nil, Attr{}, -1, err
	}
	return g, a, fd, nil
}

func (f *File) walkFields(k *call, g *File, names []string) {
	k.u32(f.fid)
	k.u32(g.fid)
	k.u16(uint16(len(names)))
	for _, n := range names {
		k.str(n)
	}
}

// fileReply waits for a reply of attributes that makes g valid. A reply that
// makes no sense ends the connection, and g's fid is lost with it.
func (c *Client) fileReply(k *call, g *File) (Attr, error) {
	if err := c.do(k); err != nil {
		c.freeFid(g.fid)
		return Attr{}, err
	}
	a := k.reply.devAttr()
	if err := c.end(k); err != nil {
		return Attr{}, err
	}
	return a, checkAttr(&a)
}

// clone returns f once more.
func (f *File) clone() (*File, error) {
	g := f.c.newFile()
	_, err := f.walkQIDs(g, nil)
	return g, err
}

// walkQIDs is Twalk. On error g's fid is free.
func (f *File) walkQIDs(g *File, names []string) (walked int, err error) {
	k := f.c.begin(twalk)
	f.walkFields(k, g, names)
	if err := f.c.do(k); err != nil {
		f.c.freeFid(g.fid)
		return 0, err
	}
	n := int(k.reply.u16())
	for range min(n, len(names)) {
		k.reply.qid()
	}
	if err := f.c.end(k); err != nil {
		return 0, err
	}
	if n < len(names) {
		// walk(5): newfid is not made.
		f.c.freeFid(g.fid)
		return n, linux.ENOENT
	}
	return n, nil
}

func (f *File) walkPlain(names []string) (*File, Attr, error) {
	g := f.c.newFile()
	if _, err := f.walkQIDs(g, names); err != nil {
		return nil, Attr{}, err
	}
	a, err := g.GetAttr()
	if err != nil {
		g.Close()
		return nil, Attr{}, err
	}
	return g, a, nil
}

// GetAttr returns the attributes, without Dev.
func (f *File) GetAttr() (Attr, error) {
	k := f.c.begin(tgetattr)
	k.u32(f.fid)
	k.u64(AttrBasic | AttrBTime)
	if err := f.c.do(k); err != nil {
		return Attr{}, err
	}
	a := k.reply.attr()
	if err := f.c.end(k); err != nil {
		return Attr{}, err
	}
	return a, checkAttr(&a)
}

// checkAttr refuses attributes that no file has.
func checkAttr(a *Attr) error {
	const maxNSec = 1e9 - 1
	bad := func(t Time) bool { return t.NSec < 0 || t.NSec > maxNSec }
	switch a.Mode & linux.S_IFMT {
	case linux.S_IFREG, linux.S_IFDIR, linux.S_IFLNK, linux.S_IFCHR, linux.S_IFBLK, linux.S_IFIFO, linux.S_IFSOCK:
	default:
		return linux.EIO
	}
	if a.Valid&AttrBasic != AttrBasic || int64(a.Size) < 0 || QIDType(a.Mode) != a.QID.Type&(QTDir|QTSymlink) ||
		bad(a.ATime) || bad(a.MTime) || bad(a.CTime) || bad(a.BTime) {
		return linux.EIO
	}
	return nil
}

// SetAttr changes attributes.
func (f *File) SetAttr(s SetAttr) error {
	k := f.c.begin(tsetattr)
	k.u32(f.fid)
	k.setAttr(&s)
	return f.c.simple(k)
}

// Readlink returns a symbolic link's target.
func (f *File) Readlink() (string, error) {
	k := f.c.begin(treadlink)
	k.u32(f.fid)
	if err := f.c.do(k); err != nil {
		return "", err
	}
	s := k.reply.str()
	if err := f.c.end(k); err != nil {
		return "", err
	}
	if s == "" || len(s) > maxTarget || strings.ContainsRune(s, 0) {
		return "", linux.EIO
	}
	return s, nil
}

// Donate returns an open descriptor of the host, the caller's to close.
// EOPNOTSUPP says that the file has to be read by messages. The caller checks
// what the descriptor is.
func (f *File) Donate(flags uint32) (int, error) {
	if !f.c.extended {
		return -1, linux.EOPNOTSUPP
	}
	k := f.c.begin(topenfd)
	k.u32(f.fid)
	k.u32(flags)
	if err := f.c.do(k); err != nil {
		return -1, err
	}
	fd := k.fd
	k.fd = -1
	if err := f.c.end(k); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// StatFS returns the state of the file system that f is on.
func (f *File) StatFS() (StatFS, error) {
	k := f.c.begin(tstatfs)
	k.u32(f.fid)
	if err := f.c.do(k); err != nil {
		return StatFS{}, err
	}
	s := k.reply.statFS()
	return s, f.c.end(k)
}
