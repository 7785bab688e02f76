package bundle

import (
	"strconv"

	specs "github.com/opencontainers/runtime-spec/specs-go"
)

func index(field string, i int) string { return field + "[" + strconv.Itoa(i) + "]" }

// A feature is a field that is not built. is reports whether the file uses it.
type feature struct {
	field string
	is    func(*specs.Spec) bool
	why   string
}

// refused are fields that must not be ignored.
var refused = []feature{
	{"windows", func(s *specs.Spec) bool { return s.Windows != nil }, "this is Linux"},
	{"vm", func(s *specs.Spec) bool { return s.VM != nil }, "there is no virtual machine"},
	{"linux.namespaces", inLinux(func(l *specs.Linux) bool { return joins(l, specs.UserNamespace) }), "joining a user namespace is not implemented"},
}

// ignored are fields without which a container is only poorer.
var ignored = []feature{
	{"linux.netDevices", inLinux(func(l *specs.Linux) bool { return len(l.NetDevices) > 0 }), "not implemented"},
	{"linux.mountLabel", inLinux(func(l *specs.Linux) bool { return l.MountLabel != "" }), "there is no SELinux inside"},
	{"linux.intelRdt", inLinux(func(l *specs.Linux) bool { return l.IntelRdt != nil }), "not implemented"},
	{"linux.memoryPolicy", inLinux(func(l *specs.Linux) bool { return l.MemoryPolicy != nil }), "not implemented"},
	{"linux.timeOffsets", inLinux(func(l *specs.Linux) bool { return len(l.TimeOffsets) > 0 }), "not implemented"},
	{"process.apparmorProfile", inProcess(func(p *specs.Process) bool { return p.ApparmorProfile != "" }), "there is no AppArmor inside"},
	{"process.selinuxLabel", inProcess(func(p *specs.Process) bool { return p.SelinuxLabel != "" }), "there is no SELinux inside"},
	{"process.ioPriority", inProcess(func(p *specs.Process) bool { return p.IOPriority != nil }), "not implemented"},
}

func inLinux(f func(*specs.Linux) bool) func(*specs.Spec) bool {
	return func(s *specs.Spec) bool { return s.Linux != nil && f(s.Linux) }
}

func inProcess(f func(*specs.Process) bool) func(*specs.Spec) bool {
	return func(s *specs.Spec) bool { return f(s.Process) }
}

// checkRefused returns an error for the first field that must not be ignored.
func checkRefused(s *specs.Spec) error {
	for _, f := range refused {
		if f.is(s) {
			return fieldErrorf(f.field, "%s", f.why)
		}
	}
	return nil
}

// unsupported warns about the rest.
func (b *Bundle) unsupported() {
	for _, f := range ignored {
		if f.is(b.Spec) {
			b.warnf(f.field, "ignored: %s", f.why)
		}
	}
	if b.Spec.Linux == nil {
		return
	}
	for i, n := range b.Spec.Linux.Namespaces {
		if _, shared := b.Shared[n.Type]; shared || n.Type == specs.NetworkNamespace {
			continue
		}
		if n.Path != "" {
			b.warnf(index("linux.namespaces", i)+".path", "ignored: the container has its own %s namespace", n.Type)
		}
	}
}

func joins(l *specs.Linux, t specs.LinuxNamespaceType) bool {
	for _, n := range l.Namespaces {
		if n.Type == t && n.Path != "" {
			return true
		}
	}
	return false
}
