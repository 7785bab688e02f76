package vfstest

import (
	"fmt"
	"sync"

	"glovebox/abi/linux"
	"glovebox/sentry/vfs"
)

func nodes(w *World) {
	v, c := w.VFS, w.Root
	null := vfs.MakeDev(1, 3)
	noDevices := false
	for _, tt := range []struct {
		path string
		mode uint32
		rdev uint64
	}{
		{"/plain", linux.S_IFREG | 0o644, 0},
		{"/fifo", linux.S_IFIFO | 0o644, 0},
		{"/sock", linux.S_IFSOCK | 0o644, 0},
		{"/chr", linux.S_IFCHR | 0o644, null},
		{"/blk", linux.S_IFBLK | 0o644, vfs.MakeDev(8, 300)},
	} {
		err := v.Mknod(c, c.Cwd, tt.path, tt.mode, tt.rdev)
		if err == linux.EPERM && tt.rdev != 0 {
			w.Logf("no device nodes can be made")
			noDevices = true
			continue
		}
		w.Must("mknod "+tt.path, err)
		if a := w.Stat(tt.path); a.Mode != tt.mode || a.RDev != tt.rdev {
			w.Errorf("%s: mode %#o, device %#x", tt.path, a.Mode, a.RDev)
		}
	}
	w.Check("mknod of a directory", v.Mknod(c, c.Cwd, "/x", linux.S_IFDIR|0o755, 0), linux.EPERM)
	w.Check("mknod of a link", v.Mknod(c, c.Cwd, "/x", linux.S_IFLNK|0o755, 0), linux.EINVAL)
	w.Check("mknod at a name that is taken", v.Mknod(c, c.Cwd, "/fifo", linux.S_IFREG, 0), linux.EEXIST)
	w.Must("chmod", vfs.Chmod(c, c.Root, 0o777))
	w.Check("a device made by a user", v.Mknod(w.User, w.User.Cwd, "/x", linux.S_IFCHR, null), linux.EPERM)
	w.CheckOpen(c, "/sock", linux.O_RDONLY, linux.ENXIO)
	if noDevices {
		return
	}
	w.CheckOpen(c, "/blk", linux.O_RDONLY, linux.ENXIO)
	opened := false
	v.Devices = map[vfs.Device]vfs.OpenDevice{
		{Kind: linux.S_IFCHR, Major: 1, Minor: 3}: func(*vfs.Ctx, vfs.Path, uint32) (vfs.FileOps, error) {
			opened = true
			return vfs.NoFile{}, nil
		},
	}
	w.CheckOpen(c, "/chr", linux.O_RDONLY, nil)
	if !opened {
		w.Error("the device was not asked")
	}
}

func locks(w *World) {
	w.WriteFile("/f", "")
	f := w.Open(w.Root, "/f", linux.O_RDWR, 0)
	g := w.Open(w.Root, "/f", linux.O_RDWR, 0)
	l, err := f.FileLocks()
	w.Must("locks", err)
	w.Must("flock", l.Flock(f, true))
	w.Check("flock of what is locked", l.Flock(g, false), linux.EAGAIN)
	l.Funlock(f)
	w.Must("flock", l.Flock(g, false))
	w.Must("flock", l.Flock(f, false))
}

// concurrent makes, moves and removes names from several goroutines at once: the
// race detector and the final state are the judges.
func concurrent(w *World) {
	v, c := w.VFS, w.Root
	for _, d := range []string{"/a", "/b"} {
		w.Must("mkdir", v.Mkdir(c, c.Cwd, d, 0o755))
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 200 {
				own := fmt.Sprintf("/a/%d", g)
				f, err := v.Open(c, c.Cwd, own, linux.O_WRONLY|linux.O_CREAT, 0o644, 0)
				if err != nil {
					w.Errorf("create: %v", err)
					return
				}
				f.Dec()
				to := fmt.Sprintf("/b/%d", i%3)
				if err := v.Rename(c, c.Cwd, own, c.Cwd, to, 0); err != nil {
					w.Errorf("rename: %v", err)
				}
				if err := v.Unlink(c, c.Cwd, to); err != nil && err != linux.ENOENT {
					w.Errorf("unlink: %v", err)
				}
				dir := fmt.Sprintf("/b/d%d", i%2)
				if err := v.Mkdir(c, c.Cwd, dir, 0o755); err != nil && err != linux.EEXIST {
					w.Errorf("mkdir: %v", err)
				}
				err = v.Rename(c, c.Cwd, dir, c.Cwd, "/a/moved", 0)
				if err != nil && err != linux.ENOENT {
					w.Errorf("rename of a directory: %v", err)
				}
			}
		})
	}
	wg.Wait()
	if got := w.List("/a", 100); got != ". .. moved" {
		w.Errorf("in a: %s", got)
	}
}
