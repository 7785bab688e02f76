package bundle

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/boot"
)

// An optionKind says what becomes of a mount option.
type optionKind int

const (
	unknownOption optionKind = iota
	kept                     // a flag of the mount, or without meaning here but harmless
	bindOption               // bind
	rbindOption              // rbind
	privateOption            // mounts of the host stay away
	slaveOption              // they come; none goes there, as nobody mounts inside
	dropped                  // means nothing inside
	warned                   // left out with a warning
	dangerous                // must not be ignored
)

// mountOptions are the options of every file system: fstab(5) and the OCI
// runtime specification.
var mountOptions = optionTable(map[optionKind]string{
	kept: "ro rw nosuid suid nodev dev noexec exec noatime atime relatime norelatime strictatime nostrictatime " +
		"nodiratime diratime",
	bindOption:    "bind",
	rbindOption:   "rbind",
	privateOption: "private rprivate unbindable runbindable",
	slaveOption:   "shared rshared slave rslave",
	dropped: "defaults async sync dirsync silent loud iversion noiversion mand nomand " +
		"lazytime nolazytime symfollow remount",
	warned:    "tmpcopyup",
	dangerous: "idmap ridmap nosymfollow rnosymfollow",
})

// recursive are options for a whole tree; trees are changed as a whole anyway.
var recursive = map[string]string{
	"rro": "ro", "rrw": "rw", "rnosuid": "nosuid", "rsuid": "suid", "rnodev": "nodev", "rdev": "dev", "rnoexec": "noexec",
	"rexec": "exec", "rnoatime": "noatime", "ratime": "atime", "rrelatime": "relatime", "rnorelatime": "norelatime",
	"rstrictatime": "strictatime", "rnostrictatime": "nostrictatime", "rnodiratime": "nodiratime", "rdiratime": "diratime",
}

func optionTable(lists map[optionKind]string) map[string]optionKind {
	t := map[string]optionKind{}
	for kind, list := range lists {
		for o := range strings.FieldsSeq(list) {
			t[o] = kind
		}
	}
	return t
}

// typeOptions are what file systems of the Sentry understand beside that.
var typeOptions = map[string][]string{
	"tmpfs":  {"mode", "uid", "gid", "size", "nr_inodes"},
	"devpts": {"mode", "ptmxmode", "gid", "newinstance"},
	"proc":   {},
	"sysfs":  {},
	"mqueue": {},
	"cgroup": {}, "cgroup2": {"nsdelegate", "memory_recursiveprot"},
}

// leftOut are types of file systems that are not there inside.
var leftOut = []string{"debugfs", "tracefs", "securityfs", "configfs", "pstore", "bpf", "efivarfs", "hugetlbfs"}

// mounts fills in Boot.Mounts and Trees.
func (b *Bundle) mounts() error {
	for i := range b.Spec.Mounts {
		if err := b.mount(index("mounts", i), &b.Spec.Mounts[i]); err != nil {
			return err
		}
	}
	if !b.hasDev() {
		// A container finds the devices there that every container has.
		dev := boot.Mount{Destination: "/dev", Type: "tmpfs", Source: "tmpfs", Options: []string{"nosuid", "strictatime", "mode=755", "size=65536k"}}
		b.Boot.Mounts = slices.Insert(b.Boot.Mounts, 0, dev)
	}
	return nil
}

func (b *Bundle) mount(field string, m *specs.Mount) error {
	if len(m.UIDMappings) > 0 || len(m.GIDMappings) > 0 {
		return fieldErrorf(field+".uidMappings", "not implemented")
	}
	out := boot.Mount{Destination: path.Clean("/" + m.Destination), Type: m.Type, Source: m.Source}
	bind := m.Type == "bind"
	tree := Tree{NoRecurse: true}
	for j, o := range m.Options {
		at := index(field+".options", j)
		if short, ok := recursive[o]; ok {
			o = short
		}
		switch mountOptions[o] {
		case kept:
			out.Options = append(out.Options, o)
		case bindOption:
			bind = true
		case rbindOption:
			bind, tree.NoRecurse = true, false
		case privateOption:
			tree.Slave = false
		case slaveOption:
			tree.Slave = true
		case dropped:
		case warned:
			b.warnf(at, "ignored: %s is not implemented", o)
		case dangerous:
			return fieldErrorf(at, "%s is not implemented", o)
		default:
			name, _, _ := strings.Cut(o, "=")
			if !slices.Contains(typeOptions[m.Type], name) {
				b.warnf(at, "ignored: %q is unknown", o)
				continue
			}
			out.Options = append(out.Options, o)
		}
	}
	switch _, own := typeOptions[m.Type]; {
	case bind:
		return b.bind(field, m, out, tree)
	case own:
		b.Boot.Mounts = append(b.Boot.Mounts, out)
	case slices.Contains(leftOut, m.Type):
		b.warnf(field, "left out: there is no file system %q inside", m.Type)
	default:
		return fieldErrorf(field+".type", "%q is not supported; bind, proc, sysfs, tmpfs, devpts, mqueue and cgroup are", m.Type)
	}
	return nil
}

// bind shows files of the host.
func (b *Bundle) bind(field string, m *specs.Mount, out boot.Mount, t Tree) error {
	if m.Source == "" {
		return fieldErrorf(field+".source", "must not be empty")
	}
	t.Source = m.Source
	if !filepath.IsAbs(t.Source) {
		t.Source = filepath.Join(b.Path, t.Source)
	}
	st, err := os.Stat(t.Source)
	if err != nil {
		return pathError(field+".source", err)
	}
	if !st.IsDir() && !st.Mode().IsRegular() {
		// Nothing but content is served of host files.
		b.warnf(field, "left out: %s is neither a file nor a directory", t.Source)
		return nil
	}
	t.ReadOnly = slices.Contains(out.Options, "ro")
	out.Type, out.Attach, out.File = "bind", len(b.Trees), !st.IsDir()
	b.Trees = append(b.Trees, t)
	b.Boot.Mounts = append(b.Boot.Mounts, out)
	return nil
}
