package devpts

import (
	"strconv"
	"sync"

	"glovebox/abi/linux"
	"glovebox/sentry/fs/synth"
	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// Device numbers (Documentation/admin-guide/devices.txt).
const (
	ptmxMajor, ptmxMinor = 5, 2
	ttyMajor, ttyMinor   = 5, 0
	slaveMajor           = 136
	slaveMinors          = 256 // of each of eight majors
)

// maxTTYs is how many terminals a file system has at most (kernel.pty.max).
const maxTTYs = 4096 - 1024

// Options are devpts's mount options, and what the Sentry needs.
type Options struct {
	// Dev is st_dev.
	Dev uint64
	// Kernel sends the signals of terminals.
	Kernel *kernel.Kernel
	// PtmxMode is the permissions of ptmx, Mode those of new terminals.
	PtmxMode, Mode uint32
	// GID is the group of new terminals, if FixGID; else the opener's.
	GID    uint32
	FixGID bool
}

// An FS is one instance of devpts. It implements vfs.FileSystem.
type FS struct {
	*synth.FS
	opts Options

	mu   sync.Mutex // a leaf
	ttys []*TTY     // by number; nil is free. Guarded by mu.
}

// New returns an instance without terminals.
func New(o Options) *FS {
	fs := &FS{FS: synth.New("devpts", linux.DEVPTS_SUPER_MAGIC, o.Dev), opts: o}
	root := fs.LiveDir(synth.Meta{Perm: 0o755}, (*names)(fs))
	ptmx := synth.Meta{Perm: o.PtmxMode, RDev: vfs.MakeDev(ptmxMajor, ptmxMinor)}
	root.Add("ptmx", fs.OwnDevice(ptmx, linux.S_IFCHR, fs.openMaster))
	fs.SetRoot(root)
	return fs
}

// Register makes device nodes lead to fs that lie elsewhere: /dev/ptmx, and
// /dev/tty, which is the opener's controlling terminal.
func (fs *FS) Register(table map[vfs.Device]vfs.OpenDevice) {
	table[vfs.Device{Kind: linux.S_IFCHR, Major: ptmxMajor, Minor: ptmxMinor}] =
		func(c *vfs.Ctx, _ vfs.Path, flags uint32) (vfs.FileOps, error) { return fs.openMaster(c, flags) }
	table[vfs.Device{Kind: linux.S_IFCHR, Major: ttyMajor, Minor: ttyMinor}] = openControlling
}

// openControlling opens /dev/tty.
func openControlling(c *vfs.Ctx, _ vfs.Path, flags uint32) (vfs.FileOps, error) {
	t, ok := c.Task.(*kernel.Task)
	if !ok {
		return nil, linux.ENXIO
	}
	tm := t.Terminal()
	if tm == nil || tm.Open == nil {
		return nil, linux.ENXIO
	}
	return tm.Open(c, flags|linux.O_NOCTTY)
}

// openMaster opens /dev/ptmx: it makes a new terminal.
func (fs *FS) openMaster(c *vfs.Ctx, _ uint32) (vfs.FileOps, error) {
	t := newTTY(fs)
	t.uid, t.gid = c.Creds.FSUID, c.Creds.FSGID
	if err := fs.add(t, t.openSlave); err != nil {
		return nil, err
	}
	return &master{t: t}, nil
}

// Adopt gives a terminal that somebody else makes a number, and with it a device
// and a name here, until release.
func (fs *FS) Adopt(uid, gid uint32, open func(*vfs.Ctx, uint32) (vfs.FileOps, error)) (index int, release func(), err error) {
	t := newTTY(fs)
	t.uid, t.gid = uid, gid
	if err := fs.add(t, open); err != nil {
		return 0, nil, err
	}
	return t.index, func() { fs.remove(t) }, nil
}

// Device is the number of the terminal with that index.
func Device(index int) uint64 {
	return vfs.MakeDev(uint32(slaveMajor+index/slaveMinors), uint32(index%slaveMinors))
}

// add gives t the lowest number that is free.
func (fs *FS) add(t *TTY, open func(*vfs.Ctx, uint32) (vfs.FileOps, error)) error {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	i := 0
	for i < len(fs.ttys) && fs.ttys[i] != nil {
		i++
	}
	switch {
	case i >= maxTTYs:
		return linux.ENOSPC
	case i == len(fs.ttys):
		fs.ttys = append(fs.ttys, nil)
	}
	t.index = i
	if fs.opts.FixGID {
		t.gid = fs.opts.GID
	}
	t.mode = fs.opts.Mode & 0o777
	t.node = fs.OwnDevice(synth.Meta{RDev: Device(i), Patch: t.attr, Set: t.setAttr}, linux.S_IFCHR, open)
	fs.ttys[i] = t
	return nil
}

// remove frees t's number.
func (fs *FS) remove(t *TTY) {
	fs.mu.Lock()
	fs.ttys[t.index] = nil
	fs.mu.Unlock()
}

// at returns the terminal of that number, or nil.
func (fs *FS) at(i int) *TTY {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	if i < 0 || i >= len(fs.ttys) {
		return nil
	}
	return fs.ttys[i]
}

// names is what changes in /dev/pts.
type names FS

// Lookup implements synth.Names.
func (n *names) Lookup(_ *vfs.Ctx, name string) (vfs.Inode, error) {
	i, err := strconv.Atoi(name)
	if err != nil || strconv.Itoa(i) != name {
		return nil, linux.ENOENT
	}
	if t := (*FS)(n).at(i); t != nil {
		return t.node, nil
	}
	return nil, linux.ENOENT
}

// Valid implements synth.Names.
func (n *names) Valid(c *vfs.Ctx, name string, child vfs.Inode) bool {
	now, err := n.Lookup(c, name)
	return err == nil && now == child
}

// List implements synth.Names.
func (n *names) List(_ *vfs.Ctx, from int64, add func(int64, string, uint32) bool) error {
	for i := from; i < maxTTYs; i++ {
		if (*FS)(n).at(int(i)) != nil && !add(i, strconv.Itoa(int(i)), linux.S_IFCHR) {
			return nil
		}
	}
	return nil
}
