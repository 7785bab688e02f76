package bundle

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"glovebox/sentry/ipc"
)

// sysctl honours what of linux.sysctl a sandbox has of its own.
func (b *Bundle) sysctl() error {
	if b.Spec.Linux == nil {
		return nil
	}
	limits := ipc.DefaultLimits()
	b.Boot.Sysctl = map[string]string{}
	for _, key := range slices.Sorted(maps.Keys(b.Spec.Linux.Sysctl)) {
		value := b.Spec.Linux.Sysctl[key]
		field := "linux.sysctl[" + key + "]"
		switch name := dotted(key); {
		case slices.Contains(ipc.Sysctls(), name):
			if err := limits.Set(name, value); err != nil {
				return &FieldError{field, err}
			}
			b.Boot.Sysctl[name] = value
		case name == "kernel.hostname":
			return fieldErrorf(field, "hostname is the field for it")
		case name == "kernel.domainname": // docker's way to say it
			if err := checkString(field, value); err != nil {
				return err
			}
			if len(value) > maxHostname {
				return fieldErrorf(field, "longer than %d bytes", maxHostname)
			}
			if d := b.Spec.Domainname; d != "" && d != value {
				return fieldErrorf(field, "domainname says %q", d)
			}
			b.Boot.Domainname = value
		case name == "net.ipv4.ip_unprivileged_port_start":
			n, err := strconv.ParseUint(strings.TrimSpace(value), 10, 16)
			if err != nil {
				return fieldErrorf(field, "%q is not a port", value)
			}
			port := int(n)
			b.Boot.FirstPort = &port
		case name == "net.ipv4.ping_group_range" && slices.Equal(strings.Fields(value), []string{"0", "2147483647"}):
			// All may, as it is.
		default:
			b.warnf(field, "ignored: not implemented")
		}
	}
	return nil
}

// dotted is a sysctl's name with dots. In one whose first separator is a slash,
// dots and slashes have changed places (sysctl(8)).
func dotted(name string) string {
	if i := strings.IndexAny(name, "./"); i < 0 || name[i] == '.' {
		return name
	}
	return strings.NewReplacer("/", ".", ".", "/").Replace(name)
}
