package bundle

import (
	"path"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/abi/linux"
	"glovebox/boot"
)

// deviceKinds are the letters of mknod(1). "u" is "c" without a buffer, of old.
var deviceKinds = map[string]uint32{"c": linux.S_IFCHR, "u": linux.S_IFCHR, "b": linux.S_IFBLK, "p": linux.S_IFIFO}

func checkDevices(s *specs.Spec) error {
	if s.Linux == nil {
		return nil
	}
	if len(s.Linux.Devices) > maxMounts {
		return fieldErrorf("linux.devices", "more than %d", maxMounts)
	}
	for i, d := range s.Linux.Devices {
		field := index("linux.devices", i)
		switch {
		case !path.IsAbs(d.Path) || path.Clean(d.Path) == "/":
			return fieldErrorf(field+".path", "%q is not an absolute path below /", d.Path)
		case strings.Contains(d.Path, "\x00"):
			return fieldErrorf(field+".path", "contains a NUL")
		case deviceKinds[d.Type] == 0:
			return fieldErrorf(field+".type", "%q is none of c, b, u and p", d.Type)
		case d.FileMode != nil && *d.FileMode > 0o7777:
			return fieldErrorf(field+".fileMode", "%d is more than 07777", *d.FileMode)
		}
	}
	return nil
}

// devices are nodes. Those that the Sentry has can be opened; the host's others are
// no guest's.
func (b *Bundle) devices() {
	if b.Spec.Linux == nil {
		return
	}
	for i, d := range b.Spec.Linux.Devices {
		kind := deviceKinds[d.Type]
		if !boot.KnownDevice(kind, d.Major, d.Minor) {
			b.warnf(index("linux.devices", i), "%s, %s %d:%d, is a device of the host: it cannot be opened (ENXIO)", d.Path, d.Type, d.Major, d.Minor)
		}
		out := boot.Device{Path: d.Path, Kind: kind, Mode: 0o666}
		if kind != linux.S_IFIFO {
			out.Major, out.Minor = uint32(d.Major), uint32(d.Minor)
		}
		if d.FileMode != nil {
			out.Mode = uint32(*d.FileMode)
		}
		if d.UID != nil {
			out.UID = *d.UID
		}
		if d.GID != nil {
			out.GID = *d.GID
		}
		b.Boot.Devices = append(b.Boot.Devices, out)
	}
}
