package proc

import (
	"bytes"
	"fmt"

	"glovebox/sentry/kernel"
	"glovebox/sentry/vfs"
)

// special are the characters that lists of mounts escape (mangle).
const special = " \t\n\\#"

// eachMount calls f with the mounts that p sees, and where.
func (p *process) eachMount(f func(v *vfs.VFS, m *vfs.Mount, at string)) {
	p.withFiles(func(v kernel.Files) {
		root, _, _ := v.FS.Get()
		for _, m := range v.VFS.Mounts() {
			if at, ok := v.VFS.MountPoint(m, root); ok {
				f(v.VFS, m, escape(at, special))
			}
		}
	})
}

// source is what was mounted.
func source(m *vfs.Mount) string {
	if m.Source == "" {
		return "none"
	}
	return escape(m.Source, special)
}

// options are the flags of a mount.
func options(m *vfs.Mount) string {
	s := "rw"
	if m.Flags()&vfs.ReadOnly != 0 {
		s = "ro"
	}
	for _, f := range [...]struct {
		flag vfs.MountFlags
		name string
	}{{vfs.NoSuid, ",nosuid"}, {vfs.NoDev, ",nodev"}, {vfs.NoExec, ",noexec"}} {
		if m.Flags()&f.flag != 0 {
			s += f.name
		}
	}
	if m.Flags()&vfs.NoAtime != 0 {
		return s + ",noatime"
	}
	return s + ",relatime"
}

// own are a file system's options behind a comma, if it has any.
func own(m *vfs.Mount) string {
	if m.Options == "" {
		return ""
	}
	return "," + escape(m.Options, special)
}

// mounts is /proc/PID/mounts (show_vfsmnt).
func mounts(p *process, _ *vfs.Ctx, w *bytes.Buffer) {
	p.eachMount(func(_ *vfs.VFS, m *vfs.Mount, at string) {
		fmt.Fprintf(w, "%s %s %s %s%s 0 0\n", source(m), at, m.FileSystem().Type(), options(m), own(m))
	})
}

// mountinfo is /proc/PID/mountinfo (show_mountinfo).
func mountinfo(p *process, c *vfs.Ctx, w *bytes.Buffer) {
	p.eachMount(func(v *vfs.VFS, m *vfs.Mount, at string) {
		a, _ := m.FileSystem().Root().Attr(c) // 0:0 if its server is gone
		fmt.Fprintf(w, "%d %d %d:%d %s %s %s - %s %s rw%s\n",
			m.ID, m.Parent().ID, vfs.Major(a.Dev), vfs.Minor(a.Dev), escape(v.RootName(m), special), at,
			options(m), m.FileSystem().Type(), source(m), own(m))
	})
}
