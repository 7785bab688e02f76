package overlay

import (
	"fmt"
	"slices"
	"strings"

	"glovebox/abi/linux"
	"glovebox/lib/pax"
	"glovebox/sentry/vfs"
)

// OCI's names for what an archive of changes says beside files (image-spec, layer.md).
const (
	whiteoutPrefix = ".wh."
	opaqueName     = ".wh..wh..opq"
)

// Omitted is what an archive has no way to say.
type Omitted struct {
	Count int      // of files
	First []string // why, of the first of them
}

// maxOmitted is how many reasons are told.
const maxOmitted = 16

// Archive writes what the upper layer has to w, as an OCI image's layer: files that
// were made, changed or moved, whiteouts for those removed, and the directories that
// these are in. Of what changes meanwhile it shows one state or another. Only errors of
// w end it.
func (fs *FileSystem) Archive(w *pax.Writer) (Omitted, error) {
	a := &archiver{fs: fs, out: w, links: map[*node]*linked{}, below: fs.changed()}
	if fs.root.up.Load() != nil {
		a.header(".", fs.root, &pax.Header{Kind: pax.Directory})
	}
	a.dir(dir{fs.root}, "", false)
	for _, l := range a.links {
		if l.found < l.links && l.changed {
			a.omit(l.name, fmt.Errorf("%d of its other names, which were not looked for", l.links-l.found))
		}
	}
	if err := w.Err(); err != nil {
		return a.omitted, err
	}
	return a.omitted, w.Close()
}

// An archiver is one call of Archive.
type archiver struct {
	fs      *FileSystem
	out     *pax.Writer
	omitted Omitted
	links   map[*node]*linked // files with several names that were written
	// below is, by directory, the nodes with changes that the lower layer has in it,
	// or had.
	below nodesBelow
	buf   []byte
}

// linked is a file that was written as name, and found by that many of its links.
type linked struct {
	name         string
	links, found uint32
	changed      bool
}

// changed returns archiver.below: what was changed, and the directories on the way.
func (fs *FileSystem) changed() nodesBelow {
	fs.mu.Lock()
	pins := make([]*node, 0, len(fs.pins))
	for n := range fs.pins {
		pins = append(pins, n)
	}
	fs.mu.Unlock()
	below := nodesBelow{}
	for _, n := range pins {
		if n.up.Load() == nil && n.kind != linux.S_IFDIR {
			continue // but for its names
		}
		for _, p := range n.parents() {
			below.add(p, n)
		}
	}
	return below
}

// nodesBelow are nodes by the directory that they are in.
type nodesBelow map[*node]map[*node]struct{}

// add puts n below p, and that below its own.
func (b nodesBelow) add(p, n *node) {
	for ; p != nil; n, p = p, p.parent.Load() {
		if _, ok := b[p][n]; ok {
			return
		}
		if b[p] == nil {
			b[p] = map[*node]struct{}{}
		}
		b[p][n] = struct{}{}
	}
}

// dir writes what is in d, which is at path, "" or with a slash behind it: what was
// changed or, of a whole one, everything, as the lower layer has none of it there.
func (a *archiver) dir(d dir, path string, whole bool) {
	d.dir.mu.RLock()
	own := make(map[string]entry, len(d.dir.m))
	order := make([]string, 0, len(d.dir.m))
	for name, e := range d.dir.m {
		own[name] = e
		order = append(order, name)
	}
	d.dir.mu.RUnlock()
	slices.Sort(order)
	for _, name := range order {
		e := own[name]
		switch {
		case a.out.Err() != nil:
			return
		case e.node == nil && !whole:
			a.whiteout(path, name)
		case e.node != nil && e.covers && d.belowIs(name, e.node):
			a.entry(path+name, name, e.node, whole, false)
		case e.node != nil:
			// What the lower layer has in a moved directory is not there either.
			a.entry(path+name, name, e.node, e.node.lower != nil, e.covers && !whole)
		}
	}
	a.lower(d, path, whole, own)
}

// belowIs reports whether the lower layer has n as name, too.
func (d dir) belowIs(name string, n *node) bool {
	below, ok := d.node.lower.(vfs.Dir)
	if !ok || n.lower == nil {
		return false
	}
	i, err := below.Lookup(d.fs.self, name)
	return err == nil && i == n.lower
}

// lower writes what of d is found by the names of the lower layer, but for those in own.
func (a *archiver) lower(d dir, path string, whole bool, own map[string]entry) {
	wanted := a.below[d.node]
	below, ok := d.node.lower.(vfs.Dir)
	if !ok || !whole && len(wanted) == 0 {
		return
	}
	list, err := d.lowerList(a.fs.self)
	if err != nil {
		a.omit(path, err)
		return
	}
	numbers := map[uint64]bool{}
	for n := range wanted {
		if attr, err := n.lowerAttr(); err == nil {
			numbers[attr.Ino] = true
		}
	}
	left := len(wanted)
	// Those with the right number first. A mount point's is not the one that its
	// directory shows.
	for _, likely := range []bool{true, false} {
		for _, e := range list {
			if _, ok := own[e.Name]; ok || numbers[e.Ino] != likely {
				continue
			}
			if a.out.Err() != nil || !whole && !likely && left == 0 {
				return
			}
			i, err := below.Lookup(a.fs.self, e.Name)
			if err == linux.ENOENT {
				continue
			}
			if err != nil {
				a.omit(path+e.Name, err)
				continue
			}
			n := a.fs.nodeOf(i, d.node)
			if _, ok := wanted[n]; ok {
				left--
			} else if !whole {
				continue
			}
			a.entry(path+e.Name, e.Name, n, whole, false)
		}
	}
}

func (n *node) lowerAttr() (vfs.Attr, error) {
	if n.lower == nil {
		return vfs.Attr{}, linux.ENOENT
	}
	return n.lower.Attr(n.fs.self)
}

// entry writes n, which is at path; of a whole directory everything that is in it. An
// opaque one hides a directory of the lower layer.
func (a *archiver) entry(path, name string, n *node, whole, opaque bool) {
	switch {
	case strings.HasPrefix(name, whiteoutPrefix):
		a.omit(path, fmt.Errorf("its name would say that another file was removed"))
	case len(path) >= linux.PATH_MAX:
		a.omit(path, linux.ENAMETOOLONG)
	case n.kind != linux.S_IFDIR:
		a.file(path, n)
	case a.header(path, n, &pax.Header{Kind: pax.Directory}):
		if opaque {
			a.empty(path + "/" + opaqueName)
		}
		a.dir(dir{n}, path+"/", whole)
	}
}

// whiteout says that name was removed from the directory at path.
func (a *archiver) whiteout(path, name string) {
	if strings.HasPrefix(name, whiteoutPrefix) {
		a.omit(path+name, fmt.Errorf("that it was removed: its name is one of a removed file's"))
		return
	}
	a.empty(path + whiteoutPrefix + name)
}

// empty writes a file that only has a name.
func (a *archiver) empty(name string) {
	a.check(name, a.out.WriteHeader(&pax.Header{Name: name, Kind: pax.Regular}))
}

// check notes an error that is not the writer's for good.
func (a *archiver) check(path string, err error) bool {
	if err != nil && a.out.Err() == nil {
		a.omit(path, err)
	}
	return err == nil
}

func (a *archiver) omit(path string, why error) {
	a.omitted.Count++
	if len(a.omitted.First) < maxOmitted {
		a.omitted.First = append(a.omitted.First, fmt.Sprintf("%.200q: %v", path, why))
	}
}
