package vfs

import (
	"slices"
	"sync/atomic"

	"glovebox/abi/linux"
	"glovebox/lib/ref"
	"glovebox/sentry/lock"
	"glovebox/sentry/namespace"
)

// A VFS is one mount namespace (mount_namespaces(7)): a tree of mounts, and how devices
// and FIFOs are opened. It is counted by the container that has it, the tasks in it and
// the files that stand for it.
type VFS struct {
	refs ref.Count
	id   namespace.ID

	// Devices opens device nodes; set before the first task runs.
	Devices map[Device]OpenDevice
	// FIFO returns an end of the FIFO that inode is; set as Devices.
	FIFO func(c *Ctx, inode Inode, flags uint32) (FileOps, error)
	// Memory returns a new file in memory with F_SEAL_* seals, for
	// memfd_create(2); set as Devices.
	Memory func(mode, uid, gid, seals uint32) Inode
	// New makes a file system of a type that mount(2) names: ENODEV if there is none
	// of that name; set as Devices.
	New func(c *Ctx, typ, data string) (FileSystem, error)

	mounts atomic.Pointer[mountTable]
	// change serialises mount and unmount.
	change lock.Mutex[lock.Mounts]
	lastID *atomic.Int64 // of a mount; shared with copies
}

// maxMounts is how many mounts a namespace may have (fs.mount-max).
const maxMounts = 16384

// A Device is a device node's kind and number.
type Device struct {
	Kind         uint32 // S_IFCHR or S_IFBLK
	Major, Minor uint32
}

// OpenDevice opens a device node at path.
type OpenDevice func(c *Ctx, at Path, flags uint32) (FileOps, error)

// MountFlags restrict what can be done through a mount.
type MountFlags uint32

// Flags of a mount.
const (
	ReadOnly MountFlags = 1 << iota
	NoSuid
	NoDev
	NoExec
	NoAtime
)

// A Mount is a file system's place in the tree (struct mount).
type Mount struct {
	ID      int
	flags   atomic.Uint32
	Source  string // what /proc/mounts shows
	Options string // the file system's own, as mountinfo shows them
	// Part is what of a file system that lies elsewhere this is, as mountinfo
	// shows it; "" for what RootName finds out.
	Part string

	locked MountFlags // set before m is shared
	loose  bool       // in no tree: it is never given up
	vfs    *VFS
	sb     *super
	root   *Dentry
	parent *Mount // nil for the root of all
	at     *Dentry
	// users counts open files, root and working directories, and one for the
	// tree. Paths do not count, so that one can become a user too late: when
	// the mount was given up.
	users   atomic.Int64
	givenUp atomic.Bool
}

// Flags returns what cannot be done through m.
func (m *Mount) Flags() MountFlags { return MountFlags(m.flags.Load()) }

// SetFlags changes that.
func (m *Mount) SetFlags(f MountFlags) { m.flags.Store(uint32(f)) }

// Lock makes what is forbidden now stay so (MNT_LOCK_READONLY and its like): guests may
// mount, and who made m means it. It is called before the first task runs.
func (m *Mount) Lock() { m.locked = m.Flags() }

// Restrict changes the flags as a guest may (MS_REMOUNT): EPERM if that would allow what
// is locked.
func (m *Mount) Restrict(f MountFlags) error {
	if m.locked&^f&^NoAtime != 0 {
		return linux.EPERM
	}
	m.SetFlags(f)
	return nil
}

// FileSystem returns what is mounted.
func (m *Mount) FileSystem() FileSystem { return m.sb.fs }

// put drops a user of m; the last of all mounts of a file system releases that.
func (m *Mount) put() {
	if m.users.Add(-1) == 0 && !m.givenUp.Swap(true) && m.sb.mounts.Dec() {
		m.sb.fs.Release()
	}
}

// hold makes p's mount busy, drop undoes it. A file without a path is on none.
func (p Path) hold() {
	if p.Mount != nil && !p.Mount.loose {
		p.Mount.users.Add(1)
	}
}

func (p Path) drop() {
	if p.Mount != nil && !p.Mount.loose {
		p.Mount.put()
	}
}

type mountKey struct {
	m *Mount
	d *Dentry
}

// A mountTable is immutable.
type mountTable struct {
	at   map[mountKey]*Mount
	list []*Mount
}

// A Path is a file's place: a dentry, seen through a mount.
type Path struct {
	Mount  *Mount
	Dentry *Dentry
}

// Inode returns the file at p.
func (p Path) Inode() Inode { return p.Dentry.inode }

// IsDir reports whether p is a directory.
func (p Path) IsDir() bool { return !p.IsZero() && p.Dentry.isDir() }

// IsZero reports whether p is no path at all.
func (p Path) IsZero() bool { return p.Dentry == nil }

// Deleted reports whether the file at p was unlinked.
func (p Path) Deleted() bool { return p.Dentry.gone.Load() }

// NewVFS returns a tree whose root is fs.
func NewVFS(fs FileSystem, source string, flags MountFlags) *VFS {
	v := &VFS{lastID: new(atomic.Int64), id: namespace.NewID()}
	sb := &super{fs: fs}
	m := &Mount{ID: v.nextID(), Source: source, vfs: v, sb: sb, root: newRoot(sb)}
	m.SetFlags(flags)
	m.users.Store(1)
	v.mounts.Store(&mountTable{at: map[mountKey]*Mount{}, list: []*Mount{m}})
	return v
}

func (v *VFS) nextID() int { return int(v.lastID.Add(1)) }

// ID implements namespace.Object.
func (v *VFS) ID() namespace.ID { return v.id }

// Inc adds a reference. The caller must hold one.
func (v *VFS) Inc() { v.refs.Inc() }

// TryInc implements namespace.Object.
func (v *VFS) TryInc() bool { return v.refs.TryInc() }

// Dec drops a reference. The last gives up every mount: each file system is released
// when the last open file or working directory on it is.
func (v *VFS) Dec() {
	if v.refs.Dec() {
		for _, m := range v.Mounts() {
			m.at.unmounted()
			m.put()
		}
	}
}

// Copy returns a namespace with the same mounts, and what x's root and working directory
// are in it (copy_mnt_ns).
func (v *VFS) Copy(x *FSContext) (*VFS, *FSContext) {
	n := &VFS{Devices: v.Devices, FIFO: v.FIFO, Memory: v.Memory, New: v.New, lastID: v.lastID, id: namespace.NewID()}
	root, cwd, umask := x.Get()
	v.change.Lock()
	defer v.change.Unlock()
	old := v.mounts.Load()
	t := &mountTable{at: make(map[mountKey]*Mount, len(old.at)), list: make([]*Mount, 0, len(old.list))}
	twin := make(map[*Mount]*Mount, len(old.list))
	for _, o := range old.list { // a mount comes after its parent
		if o.held() != nil || o.parent != nil && twin[o.parent] == nil {
			continue
		}
		o.sb.mounts.Inc()
		m := &Mount{ID: v.nextID(), Source: o.Source, Options: o.Options, Part: o.Part, locked: o.locked,
			vfs: n, sb: o.sb, root: o.root, parent: twin[o.parent], at: o.at}
		m.SetFlags(o.Flags())
		m.users.Store(1)
		twin[o] = m
		t.list = append(t.list, m)
		if m.parent != nil {
			t.at[mountKey{m.parent, m.at}] = m
			m.at.mounts.Add(1)
		}
	}
	n.mounts.Store(t)
	for _, p := range []*Path{&root, &cwd} {
		if m := twin[p.Mount]; m != nil {
			p.Mount = m
		}
	}
	return n, NewFSContext(root, cwd, umask)
}

// Root returns the root of the tree.
func (v *VFS) Root() Path {
	m := v.mounts.Load().list[0]
	return Path{m, m.root}
}

// MountAt mounts fs on at.
func (v *VFS) MountAt(fs FileSystem, at Path, source, options string, flags MountFlags) (*Mount, error) {
	sb := &super{fs: fs}
	m := &Mount{Source: source, Options: options, sb: sb, root: newRoot(sb)}
	m.SetFlags(flags)
	return v.attach(m, at)
}

// A Mountable is a file that no file system holds which can be bound somewhere all the
// same. Mounted returns the file system that it is there.
type Mountable interface{ Mounted() (FileSystem, error) }

// A Titled is a file system that says what of it mountinfo is to show.
type Titled interface{ Title() string }

// Bind mounts what is at from on at (MS_BIND).
func (v *VFS) Bind(from, at Path, flags MountFlags) (*Mount, error) {
	m := &Mount{Source: from.Mount.Source, Options: from.Mount.Options, locked: from.Mount.locked, sb: from.Mount.sb, root: from.Dentry}
	if from.Mount.loose {
		i, ok := from.Inode().(Mountable)
		if !ok {
			return nil, linux.EINVAL
		}
		fs, err := i.Mounted()
		if err != nil {
			return nil, err
		}
		m.Source, m.sb = fs.Type(), &super{fs: fs}
		m.root = newRoot(m.sb)
	} else if !from.Mount.sb.mounts.TryInc() {
		return nil, linux.EINVAL
	}
	m.SetFlags(flags | from.Mount.Flags())
	err := error(linux.EINVAL)
	if n := m.held(); n == nil || n.id > v.id {
		_, err = v.attach(m, at)
	}
	if err != nil {
		m.users.Store(1)
		m.put()
		return nil, err
	}
	return m, nil
}

// A Holder is a file system that holds a mount namespace, if Held is not nil. It is mounted
// only in older ones, and not copied: none is to hold itself (mnt_ns_loop).
type Holder interface{ Held() *VFS }

func (m *Mount) held() *VFS {
	if h, ok := m.sb.fs.(Holder); ok {
		return h.Held()
	}
	return nil
}

// BindTree is Bind, and of what is mounted below too if all is true (MS_REC).
func (v *VFS) BindTree(from, at Path, all bool) error {
	old := v.Mounts()
	if o := from.Mount.vfs; o != nil {
		old = o.Mounts() // another namespace's, by way of /proc/PID/root
	}
	top, err := v.Bind(from, at, 0)
	if err != nil || !all {
		return err
	}
	twin := map[*Mount]*Mount{from.Mount: top}
	for _, o := range old { // a mount comes after its parent
		parent := twin[o.parent]
		if parent == nil || o.parent == from.Mount && !o.at.isUnder(from.Dentry) {
			continue
		}
		m, err := v.Bind(Path{o, o.root}, Path{parent, o.at}, 0)
		if err != nil {
			_ = v.Unmount(Path{top, top.root}, Lazily) // all or nothing
			return err
		}
		twin[o] = m
	}
	return nil
}

func (v *VFS) attach(m *Mount, at Path) (*Mount, error) {
	if (m.root.inode.Kind() == linux.S_IFDIR) != at.Dentry.isDir() {
		return nil, linux.ENOTDIR
	}
	v.change.Lock()
	defer v.change.Unlock()
	old := v.mounts.Load()
	if !slices.Contains(old.list, at.Mount) {
		return nil, linux.EINVAL // a file without a path, or a mount that is gone
	}
	if len(old.list) >= maxMounts {
		return nil, linux.ENOSPC
	}
	m.users.Store(1)
	m.ID, m.vfs, m.parent, m.at = v.nextID(), v, at.Mount, at.Dentry
	t := &mountTable{at: map[mountKey]*Mount{}, list: append(slices.Clone(old.list), m)}
	for k, o := range old.at {
		t.at[k] = o
	}
	t.at[mountKey{m.parent, m.at}] = m
	v.mounts.Store(t)
	m.at.mounts.Add(1)
	return m, nil
}

// A Detach says what Unmount does with a mount that is in use.
type Detach uint8

// Values of Detach.
const (
	Refuse Detach = iota // EBUSY
	Lazily               // it goes from the tree, with what is mounted on it (MNT_DETACH)
)

// Unmount takes away the mount whose root is p.
func (v *VFS) Unmount(p Path, how Detach) error {
	v.change.Lock()
	defer v.change.Unlock()
	m := p.Mount
	old := v.mounts.Load()
	if p.Dentry != m.root || m.parent == nil || !slices.Contains(old.list, m) {
		return linux.EINVAL
	}
	t := &mountTable{at: map[mountKey]*Mount{}}
	var gone []*Mount
	for _, o := range old.list {
		if o.isOn(m) {
			gone = append(gone, o)
			continue
		}
		t.list = append(t.list, o)
		if o.parent != nil {
			t.at[mountKey{o.parent, o.at}] = o
		}
	}
	if how == Refuse && (len(gone) > 1 || m.users.Load() > 1) {
		return linux.EBUSY
	}
	v.mounts.Store(t)
	for _, o := range gone {
		o.at.unmounted()
		o.put()
	}
	return nil
}

// isOn reports whether m is a or is mounted somewhere below it.
func (m *Mount) isOn(a *Mount) bool {
	for m != a && m != nil {
		m = m.parent
	}
	return m == a
}

// Mounts returns all mounts, in the order in which they were made.
func (v *VFS) Mounts() []*Mount { return v.mounts.Load().list }

// MountPoint returns where m is mounted, as seen from root; ok is false if that
// is not below root.
func (v *VFS) MountPoint(m *Mount, root Path) (path string, ok bool) {
	return v.pathFrom(root, Path{m, m.root})
}

// Parent returns the mount that m is mounted on, itself for the first.
func (m *Mount) Parent() *Mount {
	if m.parent == nil {
		return m
	}
	return m.parent
}

// RootName is what of the file system m shows: "/", or a bind mount's part.
func (v *VFS) RootName(m *Mount) string {
	if m.Part != "" {
		return m.Part
	}
	if t, ok := m.sb.fs.(Titled); ok {
		return t.Title()
	}
	s := ""
	for d := m.root; d.parent() != nil; d = d.parent() {
		s = "/" + d.name() + s
	}
	if s == "" {
		return "/"
	}
	return s
}

// down returns what is mounted on p, and on that, if anything is. p may be of another
// namespace than v, by way of /proc/PID/root.
func (v *VFS) down(p Path) Path {
	for p.Dentry.mounts.Load() > 0 {
		if p.Mount.vfs != nil {
			v = p.Mount.vfs
		}
		m := v.mounts.Load().at[mountKey{p.Mount, p.Dentry}]
		if m == nil {
			break
		}
		p = Path{m, m.root}
	}
	return p
}

// above returns the directory above p. Where there is none, or only one above
// root, it is p, and false.
func (v *VFS) above(root, p Path) (Path, bool) {
	at := p
	for at != root && at.Dentry == at.Mount.root && at.Mount.parent != nil {
		at = Path{at.Mount.parent, at.Mount.at}
	}
	if at == root || at.Dentry == at.Mount.root {
		return p, false
	}
	d := at.Dentry.parent()
	if d == nil {
		return p, false
	}
	return Path{at.Mount, d}, true
}

// PathName is d_path: p as seen from root, with " (deleted)" behind a file that
// has no name any more, and "(unreachable)" before one that is outside.
func (v *VFS) PathName(root, p Path) string {
	switch {
	case p.IsZero():
		return ""
	case p.Mount.loose:
		return p.Dentry.name()
	}
	s, ok := v.pathFrom(root, p)
	if !ok {
		s = "(unreachable)" + s
	}
	if p.Deleted() {
		s += " (deleted)"
	}
	return s
}

func (v *VFS) pathFrom(root, p Path) (string, bool) {
	var names []string
	size, ok := 0, true
	for p != root {
		if p.Dentry == p.Mount.root {
			if p.Mount.parent == nil {
				ok = false
				break
			}
			p = Path{p.Mount.parent, p.Mount.at}
			continue
		}
		at := p.Dentry.place.Load()
		if at.parent == nil {
			ok = false
			break
		}
		names = append(names, at.name)
		size += len(at.name) + 1
		p.Dentry = at.parent
	}
	if len(names) == 0 {
		return "/", ok
	}
	b := make([]byte, 0, size)
	for _, n := range slices.Backward(names) {
		b = append(append(b, '/'), n...)
	}
	return string(b), ok
}

// absolute returns p as seen from the root of all.
func absolute(p Path) string {
	v := p.Mount.vfs
	if v == nil {
		return p.Dentry.name()
	}
	return v.PathName(v.Root(), p)
}
