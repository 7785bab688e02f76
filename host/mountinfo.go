package host

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// MountsBelow returns what is mounted below a directory, as paths that start with
// a slash there, those further up first.
func MountsBelow(dir string) ([]string, error) {
	dir, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return nil, err
	}
	b, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil, err
	}
	return mountsBelow(string(b), dir), nil
}

func mountsBelow(mountinfo, dir string) (list []string) {
	prefix := strings.TrimSuffix(dir, "/") + "/"
	for line := range strings.Lines(mountinfo) {
		// proc_pid_mountinfo(5): the fifth field is the mount point.
		fields := strings.Fields(line)
		if len(fields) < 5 {
			continue
		}
		at := unescape(fields[4])
		if rest, ok := strings.CutPrefix(at, prefix); ok && rest != "" && !isBelow(list, "/"+rest) {
			list = append(list, "/"+rest)
		}
	}
	return list
}

// isBelow reports whether path is one of list or below one: it is covered with it.
func isBelow(list []string, path string) bool {
	for _, l := range list {
		if path == l || strings.HasPrefix(path, l+"/") {
			return true
		}
	}
	return false
}

// unescape undoes mangle_path: \040 for a space.
func unescape(s string) string {
	var b strings.Builder
	for {
		i := strings.IndexByte(s, '\\')
		if i < 0 || i+4 > len(s) {
			return b.String() + s
		}
		n, err := strconv.ParseUint(s[i+1:i+4], 8, 8)
		if err != nil {
			return b.String() + s
		}
		b.WriteString(s[:i])
		b.WriteByte(byte(n))
		s = s[i+4:]
	}
}
