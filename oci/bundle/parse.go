package bundle

import (
	"encoding/json"
	"path"
	"regexp"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/abi/linux"
)

// Parse returns what a config.json says once it was checked as far as that goes
// without looking at files.
func Parse(data []byte) (*specs.Spec, error) {
	s := new(specs.Spec)
	if err := json.Unmarshal(data, s); err != nil {
		return nil, jsonError(data, err)
	}
	for _, check := range []func(*specs.Spec) error{
		checkTop, checkProcess, checkUser, checkRlimits, checkScheduling, checkMounts, checkLinux, checkDevices, checkHooks, checkRefused,
	} {
		if err := check(s); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// versions are those of the specification that config.json may follow.
var versions = regexp.MustCompile(`^1\.\d+\.\d+([-+].*)?$`)

func checkTop(s *specs.Spec) error {
	switch {
	case s.Version == "":
		return fieldErrorf("ociVersion", "must be set")
	case !versions.MatchString(s.Version):
		return fieldErrorf("ociVersion", "%q is not supported; 1.x.y is", s.Version)
	case s.Process == nil:
		return fieldErrorf("process", "must be set")
	case s.Root == nil:
		return fieldErrorf("root", "must be set")
	case s.Root.Path == "":
		return fieldErrorf("root.path", "must not be empty")
	case strings.Contains(s.Root.Path, "\x00"):
		return fieldErrorf("root.path", "contains a NUL")
	}
	for field, name := range map[string]string{"hostname": s.Hostname, "domainname": s.Domainname} {
		if err := checkString(field, name); err != nil {
			return err
		}
		if len(name) > maxHostname {
			return fieldErrorf(field, "longer than %d bytes", maxHostname)
		}
	}
	return nil
}

// maxHostname is __NEW_UTS_LEN.
const maxHostname = 64

func checkProcess(s *specs.Spec) error {
	p := s.Process
	switch {
	case len(p.Args) == 0:
		return fieldErrorf("process.args", "must not be empty")
	case p.Args[0] == "":
		return fieldErrorf("process.args[0]", "must not be empty")
	case p.Cwd == "":
		return fieldErrorf("process.cwd", "must not be empty")
	case !path.IsAbs(p.Cwd):
		return fieldErrorf("process.cwd", "%q is not an absolute path", p.Cwd)
	}
	if err := checkStrings("process.args", p.Args); err != nil {
		return err
	}
	if err := checkStrings("process.env", p.Env); err != nil {
		return err
	}
	if a := p.OOMScoreAdj; a != nil && (*a < -1000 || *a > 1000) {
		return fieldErrorf("process.oomScoreAdj", "%d is not within -1000 and 1000", *a)
	}
	if b := p.ConsoleSize; b != nil && (b.Height > 0xffff || b.Width > 0xffff) {
		return fieldErrorf("process.consoleSize", "%dx%d is too large", b.Width, b.Height)
	}
	return checkString("process.cwd", p.Cwd)
}

// noID is (uid_t)-1, which means no change to the kernel.
const noID = ^uint32(0)

func checkUser(s *specs.Spec) error {
	u := &s.Process.User
	switch {
	case u.UID == noID:
		return fieldErrorf("process.user.uid", "%d is not a user", u.UID)
	case u.GID == noID:
		return fieldErrorf("process.user.gid", "%d is not a group", u.GID)
	case u.Umask != nil && *u.Umask > 0o777:
		return fieldErrorf("process.user.umask", "%d is more than 0777", *u.Umask)
	case len(u.AdditionalGids) > maxGroups:
		return fieldErrorf("process.user.additionalGids", "more than %d groups", maxGroups)
	}
	for i, g := range u.AdditionalGids {
		if g == noID {
			return fieldErrorf(index("process.user.additionalGids", i), "%d is not a group", g)
		}
	}
	return nil
}

// maxGroups is NGROUPS_MAX.
const maxGroups = 65536

func checkRlimits(s *specs.Spec) error {
	seen := map[string]bool{}
	for i, r := range s.Process.Rlimits {
		field := index("process.rlimits", i)
		switch {
		case rlimit(r.Type) < 0:
			return fieldErrorf(field+".type", "%q is unknown", r.Type)
		case seen[r.Type]:
			return fieldErrorf(field+".type", "%s is there twice", r.Type)
		case r.Soft > r.Hard:
			return fieldErrorf(field+".soft", "%d is more than hard, %d", r.Soft, r.Hard)
		}
		seen[r.Type] = true
	}
	return nil
}

func checkMounts(s *specs.Spec) error {
	if len(s.Mounts) > maxMounts {
		return fieldErrorf("mounts", "more than %d", maxMounts)
	}
	for i := range s.Mounts {
		m := &s.Mounts[i]
		field := index("mounts", i)
		if m.Destination == "" {
			return fieldErrorf(field+".destination", "must not be empty")
		}
		if path.Clean("/"+m.Destination) == "/" {
			return fieldErrorf(field+".destination", "nothing can be mounted on /")
		}
		for name, v := range map[string]string{"destination": m.Destination, "source": m.Source, "type": m.Type} {
			if err := checkString(field+"."+name, v); err != nil {
				return err
			}
		}
		if err := checkStrings(field+".options", m.Options); err != nil {
			return err
		}
	}
	return nil
}

// maxMounts is less than the host's limit (fs.mount-max), and than the gofer has
// descriptors.
const maxMounts = 10000

func checkLinux(s *specs.Spec) error {
	l := s.Linux
	if l == nil {
		return nil
	}
	seen := map[specs.LinuxNamespaceType]bool{}
	for i, n := range l.Namespaces {
		field := index("linux.namespaces", i)
		switch {
		case !namespaces[n.Type]:
			return fieldErrorf(field+".type", "%q is unknown", n.Type)
		case seen[n.Type]:
			return fieldErrorf(field+".type", "%s is there twice", n.Type)
		case n.Path != "" && !path.IsAbs(n.Path):
			return fieldErrorf(field+".path", "%q is not an absolute path", n.Path)
		}
		seen[n.Type] = true
	}
	for field, paths := range map[string][]string{"linux.maskedPaths": l.MaskedPaths, "linux.readonlyPaths": l.ReadonlyPaths} {
		if len(paths) > maxMounts {
			return fieldErrorf(field, "more than %d", maxMounts)
		}
		for i, p := range paths {
			if !path.IsAbs(p) {
				return fieldErrorf(index(field, i), "%q is not an absolute path", p)
			}
		}
		if err := checkStrings(field, paths); err != nil {
			return err
		}
	}
	return nil
}

var namespaces = map[specs.LinuxNamespaceType]bool{
	specs.PIDNamespace: true, specs.NetworkNamespace: true, specs.MountNamespace: true, specs.IPCNamespace: true,
	specs.UTSNamespace: true, specs.UserNamespace: true, specs.CgroupNamespace: true, specs.TimeNamespace: true,
}

func checkStrings(field string, list []string) error {
	for i, s := range list {
		if err := checkString(index(field, i), s); err != nil {
			return err
		}
	}
	return nil
}

// checkString refuses what no C string can hold.
func checkString(field, s string) error {
	if strings.Contains(s, "\x00") {
		return fieldErrorf(field, "contains a NUL")
	}
	return nil
}

// rlimit returns the number of a resource limit, -1 if there is none of that
// name.
func rlimit(name string) int {
	n, ok := rlimits[name]
	if !ok {
		return -1
	}
	return n
}

// rlimits are the names of getrlimit(2).
var rlimits = map[string]int{
	"RLIMIT_CPU": linux.RLIMIT_CPU, "RLIMIT_FSIZE": linux.RLIMIT_FSIZE, "RLIMIT_DATA": linux.RLIMIT_DATA,
	"RLIMIT_STACK": linux.RLIMIT_STACK, "RLIMIT_CORE": linux.RLIMIT_CORE, "RLIMIT_RSS": linux.RLIMIT_RSS,
	"RLIMIT_NPROC": linux.RLIMIT_NPROC, "RLIMIT_NOFILE": linux.RLIMIT_NOFILE, "RLIMIT_MEMLOCK": linux.RLIMIT_MEMLOCK,
	"RLIMIT_AS": linux.RLIMIT_AS, "RLIMIT_LOCKS": linux.RLIMIT_LOCKS, "RLIMIT_SIGPENDING": linux.RLIMIT_SIGPENDING,
	"RLIMIT_MSGQUEUE": linux.RLIMIT_MSGQUEUE, "RLIMIT_NICE": linux.RLIMIT_NICE, "RLIMIT_RTPRIO": linux.RLIMIT_RTPRIO,
	"RLIMIT_RTTIME": linux.RLIMIT_RTTIME,
}
