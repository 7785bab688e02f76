package vfs_test

import (
	"math"
	"strings"
	"testing"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/fs/tmpfs"
	"glovebox/sentry/vfs"
)

// A node is a file of the model: path_resolution(7) in plain trees.
type node struct {
	kind     uint32
	closed   bool // a directory that only root may search
	target   string
	parent   *node
	children map[string]*node
}

func (n *node) isDir() bool { return n.kind == linux.S_IFDIR }

// A mounted is a tree hung up in another.
type mounted struct {
	root *node
	on   place // zero for the first
}

// A place is where a path leads.
type place struct {
	mount *mounted
	node  *node
}

// A world is the same files twice: as the model has them and as the VFS has.
type world struct {
	t      *testing.T
	v      *vfs.VFS
	c      *vfs.Ctx // root
	places []place  // all that were made
	at     map[place]*mounted
	mounts map[*mounted]*vfs.Mount
	nodes  map[*node]*vfs.Dentry
}

func (w *world) real(p place) vfs.Path {
	return vfs.Path{Mount: w.mounts[p.mount], Dentry: w.nodes[p.node]}
}

func newWorld(t *testing.T) *world {
	v := vfs.NewVFS(tmpfs.New(tmpfs.Options{Mode: 0o755}), "tmpfs", 0)
	w := &world{
		t: t, v: v, at: map[place]*mounted{}, mounts: map[*mounted]*vfs.Mount{}, nodes: map[*node]*vfs.Dentry{},
		c: &vfs.Ctx{Creds: &auth.Creds{Effective: auth.AllCaps}, VFS: v, Root: v.Root(), Cwd: v.Root(), FileLimit: math.MaxUint64},
	}
	first := place{&mounted{root: newDir(nil)}, nil}
	first.node = first.mount.root
	w.mounts[first.mount], w.nodes[first.node] = v.Root().Mount, v.Root().Dentry
	w.places = append(w.places, first)
	return w
}

func newDir(parent *node) *node {
	return &node{kind: linux.S_IFDIR, parent: parent, children: map[string]*node{}}
}

var names = []string{"a", "b", "c", "l", "m"}

// pathOf makes a path of bytes.
func pathOf(b []byte) string {
	words := append([]string{".", "..", "..", "", "x", strings.Repeat("n", 255), strings.Repeat("n", 256)}, names...)
	var s strings.Builder
	for i, c := range b {
		s.WriteString(words[int(c&0x3f)%len(words)])
		if c&0x40 != 0 {
			s.WriteByte('/')
		}
		if c&0x80 == 0 && i < len(b)-1 {
			s.WriteByte('/')
		}
	}
	return s.String()
}

// build makes files as ops say, each from a place that is there already.
func (w *world) build(ops []byte) {
	take := func(n int) []byte {
		n = min(n, len(ops))
		b := ops[:n]
		ops = ops[n:]
		return b
	}
	for len(ops) >= 3 && len(w.places) < 40 {
		op := take(3)
		from, name := w.places[int(op[1])%len(w.places)], names[int(op[2])%len(names)]
		switch op[0] % 8 {
		case 0, 1:
			n := newDir(from.node)
			w.make(from, name, n, func(p vfs.Path) error { return w.v.Mkdir(w.c, p, name, 0o755) })
		case 2:
			n := newDir(from.node)
			n.closed = true
			w.make(from, name, n, func(p vfs.Path) error { return w.v.Mkdir(w.c, p, name, 0o600) })
		case 3:
			n := &node{kind: linux.S_IFREG, parent: from.node}
			w.make(from, name, n, func(p vfs.Path) error { return w.v.Mknod(w.c, p, name, linux.S_IFREG|0o644, 0) })
		case 4, 5:
			n := &node{kind: linux.S_IFLNK, parent: from.node, target: pathOf(take(int(op[2]) / len(names) % 6))}
			if n.target != "" {
				w.make(from, name, n, func(p vfs.Path) error { return w.v.Symlink(w.c, n.target, p, name) })
			}
		case 6:
			w.mount(from, newDir(nil), func(p vfs.Path) (*vfs.Mount, error) {
				return w.v.MountAt(tmpfs.New(tmpfs.Options{Mode: 0o755}), p, "tmpfs", "", 0)
			})
		case 7:
			bound := w.places[int(op[2])%len(w.places)]
			w.mount(from, bound.node, func(p vfs.Path) (*vfs.Mount, error) { return w.v.Bind(w.real(bound), p, 0) })
		}
	}
}

func (w *world) make(from place, name string, n *node, do func(vfs.Path) error) {
	if !from.node.isDir() || from.node.children[name] != nil {
		return
	}
	p := w.real(from)
	must(w.t, do(p))
	from.node.children[name] = n
	made, err := w.v.Walk(w.c, p, name, vfs.NoFollow)
	must(w.t, err)
	w.nodes[n] = made.Dentry
	w.places = append(w.places, place{from.mount, n})
}

func (w *world) mount(on place, root *node, do func(vfs.Path) (*vfs.Mount, error)) {
	if w.at[on] != nil || !on.node.isDir() || !root.isDir() {
		return
	}
	m, err := do(w.real(on))
	must(w.t, err)
	made := &mounted{root, on}
	if w.nodes[root] == nil {
		// A tree of its own, that shows to who has the mount point as root.
		c := *w.c
		c.Root = w.real(on)
		f, err := w.v.Walk(&c, c.Root, "..", 0)
		must(w.t, err)
		if f.Mount != m {
			w.t.Fatalf("%s is mounted, not what was just mounted", w.v.PathName(w.v.Root(), f))
		}
		w.nodes[root] = f.Dentry
	}
	w.at[on], w.mounts[made] = made, m
	w.places = append(w.places, place{made, root})
}

// down goes to what is mounted here.
func (w *world) down(p place) place {
	for m := w.at[p]; m != nil; m = w.at[p] {
		p = place{m, m.root}
	}
	return p
}

// up is "..": fs/namei.c, follow_dotdot.
func (w *world) up(root, p place) (to place, ok bool) {
	at := p
	for at != root && at.node == at.mount.root && at.mount.on != (place{}) {
		at = at.mount.on
	}
	if at == root || at.node.parent == nil || at.node == at.mount.root {
		return w.down(p), false // this much is so even at the root
	}
	return w.down(place{at.mount, at.node.parent}), true
}

// walk is path_resolution(7) and what openat2(2) says of RESOLVE_*.
func (w *world) walk(root, start place, user bool, path string, flags vfs.WalkFlags) (place, error) {
	has := func(f vfs.WalkFlags) bool { return flags&f != 0 }
	switch {
	case path == "" && has(vfs.AllowEmpty):
		return start, nil
	case path == "":
		return place{}, linux.ENOENT
	case len(path) >= linux.PATH_MAX:
		return place{}, linux.ENAMETOOLONG
	}
	at, follow, directory, links := start, !has(vfs.NoFollow), has(vfs.Directory), 0
	if has(vfs.Beneath | vfs.InRoot) {
		root = start
	}
	for rest := path; ; {
		if strings.HasPrefix(rest, "/") {
			if has(vfs.Beneath) || has(vfs.NoXDev) && at.mount != root.mount {
				return place{}, linux.EXDEV
			}
			at = root
		}
		for {
			rest = strings.TrimLeft(rest, "/")
			if rest == "" {
				if directory && !at.node.isDir() {
					return place{}, linux.ENOTDIR
				}
				return at, nil
			}
			name := rest
			if i := strings.IndexByte(rest, '/'); i >= 0 {
				name = rest[:i]
			}
			rest = rest[len(name):]
			last := strings.Trim(rest, "/") == ""
			if last && rest != "" {
				follow, directory = true, true
			}
			if !at.node.isDir() {
				return place{}, linux.ENOTDIR
			}
			if at.node.closed && user {
				return place{}, linux.EACCES
			}
			next := at
			switch name {
			case ".":
			case "..":
				to, ok := w.up(root, at)
				if !ok && has(vfs.Beneath) || to.mount != at.mount && has(vfs.NoXDev) {
					return place{}, linux.EXDEV
				}
				next = to
			default:
				if len(name) > linux.NAME_MAX {
					return place{}, linux.ENAMETOOLONG
				}
				n := at.node.children[name]
				if n == nil {
					return place{}, linux.ENOENT
				}
				if next = w.down(place{at.mount, n}); next.mount != at.mount && has(vfs.NoXDev) {
					return place{}, linux.EXDEV
				}
			}
			if next.node.kind != linux.S_IFLNK || last && !follow {
				at = next
				continue
			}
			if links++; links > 40 || has(vfs.NoSymlinks) {
				return place{}, linux.ELOOP
			}
			rest = next.node.target + rest
			break
		}
	}
}

// FuzzPathWalk walks random paths in random trees, with links and mounts: the
// VFS ends where the model does, with its errno.
func FuzzPathWalk(f *testing.F) {
	const slash, joined = 0x40, 0x80
	for _, flags := range []byte{0, byte(vfs.NoFollow), byte(vfs.NoXDev), byte(vfs.NoSymlinks), byte(vfs.Beneath), byte(vfs.InRoot), byte(vfs.Directory | vfs.NoFollow)} {
		// /a/b, /l -> .., a mount on /a, /a/c in it.
		f.Add([]byte{0, 0, 0, 0, 1, 1, 4, 0, 3 + 5, 1, 6, 1, 0, 0, 4, 2}, []byte{7, 1, 10 | slash, 7}, byte(0), byte(0), flags, false)
		// /a closed to others, /a/l -> l.
		f.Add([]byte{2, 0, 0, 4, 1, 3 + 5, 10}, []byte{7, 10}, byte(0), byte(0), flags, true)
		// /a/a bound to /b, which is the root.
		f.Add([]byte{0, 0, 0, 0, 1, 0, 0, 0, 1, 7, 3, 2, 3, 4, 2}, []byte{1, 1, 9}, byte(4), byte(3), flags, false)
	}
	f.Add([]byte{4, 0, 3, 4, 0, 4 + 10, 10 | slash, 10}, []byte{10, 11, 10 | joined, 11}, byte(0), byte(0), byte(0), false)
	f.Fuzz(func(t *testing.T, tree, path []byte, start, root, flags byte, user bool) {
		if len(tree) > 200 {
			t.Skip("more of the same")
		}
		w := newWorld(t)
		w.build(tree)
		c := *w.c
		if user {
			c.Creds = &auth.Creds{UID: 1000, EUID: 1000, SUID: 1000, FSUID: 1000, GID: 1000, EGID: 1000, SGID: 1000, FSGID: 1000}
		}
		from, top := w.places[int(start)%len(w.places)], w.places[int(root)%len(w.places)]
		if !top.node.isDir() {
			t.Skip("no task has such a root")
		}
		c.Root, c.Cwd = w.real(top), w.real(from)
		name := pathOf(path)
		want, wantErr := w.walk(top, from, user, name, vfs.WalkFlags(flags))
		got, err := w.v.Walk(&c, c.Cwd, name, vfs.WalkFlags(flags))
		if err != wantErr {
			t.Errorf("%q, flags %#x: %v, want %v", name, flags, err, wantErr)
		} else if err == nil && got != w.real(want) {
			t.Errorf("%q, flags %#x: %s, want %s", name, flags, w.v.PathName(w.v.Root(), got), w.v.PathName(w.v.Root(), w.real(want)))
		}
		if t.Failed() {
			for i, p := range w.places {
				t.Logf("place %d: %s, kind %#o, target %q, covered %v", i, w.v.PathName(w.v.Root(), w.real(p)), p.node.kind, p.node.target, w.at[p] != nil)
			}
			t.Logf("start %d, root %d, user %v", int(start)%len(w.places), int(root)%len(w.places), user)
		}
	})
}
