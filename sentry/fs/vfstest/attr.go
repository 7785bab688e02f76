package vfstest

import (
	"glovebox/abi/linux"
	"glovebox/sentry/guest"
	"glovebox/sentry/vfs"
)

func mode(w *World) {
	c := w.Root
	f := w.Open(c, "/f", linux.O_RDWR|linux.O_CREAT, 0o7777)
	if got := w.Stat("/f").Mode; got != linux.S_IFREG|0o7755 {
		w.Errorf("mode %#o of a new file", got)
	}
	p := w.At(c, "/f")
	w.Must("chmod", vfs.Chmod(c, p, 0o640))
	if got := w.Stat("/f").Mode; got != linux.S_IFREG|0o640 {
		w.Errorf("mode %#o", got)
	}
	w.Check("chmod as another", vfs.Chmod(w.User, p, 0o777), linux.EPERM)
	w.CheckOpen(w.User, "/f", linux.O_RDONLY, linux.EACCES)
	// What is open stays open.
	if got := w.Pread(f, 1, 0); got != "" {
		w.Errorf("%q", got)
	}
	for _, tt := range []struct {
		mode uint32
		want vfs.Access
		err  error
	}{
		{0o700, vfs.MayRead, linux.EACCES},
		{0o704, vfs.MayRead, nil},
		{0o704, vfs.MayRead | vfs.MayWrite, linux.EACCES},
		{0o706, vfs.MayRead | vfs.MayWrite, nil},
		{0o071, vfs.MayExec, nil},
	} {
		w.Must("chmod", vfs.Chmod(c, p, tt.mode))
		if got := vfs.AccessPath(w.User, p, tt.want); got != tt.err {
			w.Errorf("access %d of a file of mode %#o: %v, want %v", tt.want, tt.mode, got, tt.err)
		}
	}
	w.Must("chmod", vfs.Chmod(c, p, 0o600))
	w.Check("root executes what nobody may", vfs.AccessPath(c, p, vfs.MayExec), linux.EACCES)
}

func owner(w *World) {
	c := w.Root
	w.Must("chmod", vfs.Chmod(c, c.Root, 0o777))
	w.CheckOpen(w.User, "/mine", linux.O_WRONLY|linux.O_CREAT, nil)
	if a := w.Stat("/mine"); a.UID != 1000 || a.GID != 1000 {
		w.Errorf("owner %d:%d", a.UID, a.GID)
	}
	p := w.At(c, "/mine")
	w.Check("giving away", vfs.Chown(w.User, p, 0, vfs.NoID), linux.EPERM)
	w.Check("a group of others", vfs.Chown(w.User, p, vfs.NoID, 5), linux.EPERM)
	w.Check("no change", vfs.Chown(w.User, p, 1000, 1000), nil)
	w.Must("chown", vfs.Chown(c, p, 7, vfs.NoID))
	if a := w.Stat("/mine"); a.UID != 7 || a.GID != 1000 {
		w.Errorf("owner %d:%d", a.UID, a.GID)
	}
	// A set-group-id directory hands its group down (inode_init_owner).
	w.Must("mkdir", w.VFS.Mkdir(c, c.Cwd, "/g", 0o755))
	g := w.At(c, "/g")
	w.Must("chown", vfs.Chown(c, g, vfs.NoID, 42))
	w.Must("chmod", vfs.Chmod(c, g, 0o2775))
	w.Must("mkdir", w.VFS.Mkdir(c, c.Cwd, "/g/d", 0o755))
	w.WriteFile("/g/f", "")
	if d, f := w.Stat("/g/d"), w.Stat("/g/f"); d.GID != 42 || d.Mode&linux.S_ISGID == 0 || f.GID != 42 || f.Mode&linux.S_ISGID != 0 {
		w.Errorf("group %d, mode %#o; group %d, mode %#o", d.GID, d.Mode, f.GID, f.Mode)
	}
}

func setID(w *World) {
	c := w.Root
	w.WriteFile("/f", "program")
	p := w.At(c, "/f")
	w.Must("chown", vfs.Chown(c, p, 1000, 1000))
	for _, tt := range []struct {
		name        string
		mode, after uint32
		do          func() error
	}{
		{"write", 0o6777, 0o777, func() error {
			f := w.Open(w.User, "/f", linux.O_WRONLY, 0)
			b := guest.Local([]byte("x"))
			_, err := f.Write(w.User, &b)
			return err
		}},
		{"write without group execution", 0o2767, 0o2767, func() error {
			f := w.Open(w.User, "/f", linux.O_WRONLY, 0)
			b := guest.Local([]byte("x"))
			_, err := f.Write(w.User, &b)
			return err
		}},
		{"truncate", 0o4755, 0o755, func() error { return vfs.Truncate(w.User, p, 1) }},
		{"root's write", 0o4755, 0o4755, func() error {
			w.Write(w.Open(c, "/f", linux.O_WRONLY, 0), "y")
			return nil
		}},
		{"root's chown", 0o4755, 0o755, func() error { return vfs.Chown(c, p, 1000, 1000) }},
	} {
		w.Must("chmod", vfs.Chmod(c, p, tt.mode))
		w.Must(tt.name, tt.do())
		if got := w.Stat("/f").Mode & 0o7777; got != tt.after {
			w.Errorf("%s: mode %#o became %#o, want %#o", tt.name, tt.mode, got, tt.after)
		}
	}
	w.Must("chown", vfs.Chown(c, p, 1000, 5))
	w.Must("chmod", vfs.Chmod(w.User, p, 0o2755))
	if got := w.Stat("/f").Mode & 0o7777; got != 0o755 {
		w.Errorf("set-group-id for a group of others: %#o", got)
	}
}

func sticky(w *World) {
	v, c := w.VFS, w.Root
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/tmp", 0o777))
	w.Must("chmod", vfs.Chmod(c, w.At(c, "/tmp"), 0o1777))
	w.WriteFile("/tmp/root", "")
	w.CheckOpen(w.User, "/tmp/user", linux.O_WRONLY|linux.O_CREAT, nil)
	w.Check("unlink of another's", v.Unlink(w.User, w.User.Cwd, "/tmp/root"), linux.EPERM)
	w.Check("rename of another's", v.Rename(w.User, w.User.Cwd, "/tmp/root", w.User.Cwd, "/tmp/x", 0), linux.EPERM)
	w.Check("replacing another's", v.Rename(w.User, w.User.Cwd, "/tmp/user", w.User.Cwd, "/tmp/root", 0), linux.EPERM)
	w.Check("unlink of one's own", v.Unlink(w.User, w.User.Cwd, "/tmp/user"), nil)
	w.Check("unlink without permission", v.Unlink(w.User, w.User.Cwd, "/tmp"), linux.EACCES)
}

func times(w *World) {
	v, c := w.VFS, w.Root
	w.WriteFile("/f", "x")
	p := w.At(c, "/f")
	set := vfs.SetAttr{
		Mask:  vfs.SetAtime | vfs.SetMtime,
		Atime: linux.Timespec{Sec: 1, Nsec: 2}, Mtime: linux.Timespec{Sec: 3, Nsec: 4},
	}
	w.Must("utimens", vfs.Utimens(c, p, set))
	if a := w.Stat("/f"); a.Mtime != set.Mtime || a.Atime != set.Atime {
		w.Errorf("times %v and %v", a.Atime, a.Mtime)
	}
	w.Check("another's times", vfs.Utimens(w.User, p, set), linux.EPERM)
	now := vfs.SetAttr{Mask: vfs.SetAtimeNow | vfs.SetMtimeNow}
	w.Check("touch without permission", vfs.Utimens(w.User, p, now), linux.EACCES)
	w.Must("chmod", vfs.Chmod(c, p, 0o666))
	w.Check("touch", vfs.Utimens(w.User, p, now), nil)
	if a := w.Stat("/f"); a.Mtime.Sec < 1e9 {
		w.Errorf("time %v after touch", a.Mtime)
	}
	w.Must("utimens", vfs.Utimens(c, p, set))
	w.Write(w.Open(c, "/f", linux.O_WRONLY, 0), "y")
	if a := w.Stat("/f"); a.Mtime.Sec < 1e9 {
		w.Errorf("time %v after a write", a.Mtime)
	}
	// A directory's times follow its names.
	w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d", 0o755))
	d := w.At(c, "/d")
	for name, do := range map[string]func() error{
		"create": func() error { return v.Mkdir(c, c.Cwd, "/d/x", 0o755) },
		"remove": func() error { return v.Rmdir(c, c.Cwd, "/d/y") },
		"rename": func() error { return w.rename("/d/y", "/d/y2", 0) },
	} {
		if name != "create" {
			w.Must("mkdir", v.Mkdir(c, c.Cwd, "/d/y", 0o755))
		}
		w.Must("utimens", vfs.Utimens(c, d, set))
		w.Must(name, do())
		if a := w.Stat("/d"); a.Mtime.Sec < 1e9 {
			w.Errorf("time %v of the directory after %s", a.Mtime, name)
		}
	}
}

func xattr(w *World) {
	c := w.Root
	w.WriteFile("/f", "")
	x, ok := w.At(c, "/f").Inode().(vfs.Xattrs)
	if !ok {
		w.Skip("no extended attributes")
	}
	_, err := vfs.GetXattr(c, w.At(c, "/f"), "system.posix_acl_access")
	w.Check("no access control lists", err, linux.EOPNOTSUPP)
	_, err = x.GetXattr(c, "user.a")
	w.Check("get what is not there", err, linux.ENODATA)
	w.Must("set", x.SetXattr(c, "user.a", []byte("1"), 0))
	w.Check("create what is there", x.SetXattr(c, "user.a", nil, linux.XATTR_CREATE), linux.EEXIST)
	w.Check("replace what is not", x.SetXattr(c, "user.b", nil, linux.XATTR_REPLACE), linux.ENODATA)
	w.Must("replace", x.SetXattr(c, "user.a", []byte("22"), linux.XATTR_REPLACE))
	if v, err := x.GetXattr(c, "user.a"); err != nil || string(v) != "22" {
		w.Errorf("%q, %v", v, err)
	}
	if l, err := x.ListXattr(c); err != nil || len(l) != 1 || l[0] != "user.a" {
		w.Errorf("%q, %v", l, err)
	}
	w.Must("remove", x.RemoveXattr(c, "user.a"))
	w.Check("remove again", x.RemoveXattr(c, "user.a"), linux.ENODATA)
}
