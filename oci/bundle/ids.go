package bundle

import (
	"math"
	"os"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/boot"
)

// maxIDMaps is how many ranges a map may have: user_namespaces(7).
const maxIDMaps = 340

// ids finds out whom files belong to inside. Root's containers have the host's ids, or
// those that the file maps; an ordinary user has one id, which is root's inside unless
// the mapping says otherwise.
func (b *Bundle) ids() (err error) {
	l := b.Spec.Linux
	if l == nil || len(l.UIDMappings)+len(l.GIDMappings) == 0 {
		return nil
	}
	if os.Geteuid() != 0 {
		if b.GuestUID, err = ownID("linux.uidMappings", l.UIDMappings, os.Geteuid()); err == nil {
			b.GuestGID, err = ownID("linux.gidMappings", l.GIDMappings, os.Getegid())
		}
		return err
	}
	if err := checkIDs("linux.uidMappings", l.UIDMappings); err != nil {
		return err
	}
	if err := checkIDs("linux.gidMappings", l.GIDMappings); err != nil {
		return err
	}
	if identical(l.UIDMappings) && identical(l.GIDMappings) {
		return nil
	}
	b.Boot.UIDMap, b.Boot.GIDMap = idRanges(l.UIDMappings), idRanges(l.GIDMappings)
	return nil
}

func idRanges(list []specs.LinuxIDMapping) (m []boot.IDRange) {
	for _, r := range list {
		m = append(m, boot.IDRange{Inside: r.ContainerID, Outside: r.HostID, Size: r.Size})
	}
	return m
}

func ownID(field string, list []specs.LinuxIDMapping, own int) (int, error) {
	switch {
	case len(list) == 0:
		return 0, nil
	case len(list) == 1 && list[0].Size == 1 && int(list[0].HostID) == own:
		return int(list[0].ContainerID), nil
	}
	return 0, fieldErrorf(index(field, 0), "an ordinary user has one id to map, %d", own)
}

// checkIDs refuses what the host would, and a map without root, who serves the files.
func checkIDs(field string, list []specs.LinuxIDMapping) error {
	if len(list) > maxIDMaps {
		return fieldErrorf(field, "more than %d ranges", maxIDMaps)
	}
	root := false
	for i, m := range list {
		at := index(field, i)
		if m.Size == 0 || uint64(m.ContainerID)+uint64(m.Size) > math.MaxUint32 || uint64(m.HostID)+uint64(m.Size) > math.MaxUint32 {
			return fieldErrorf(at, "%d ids from %d on, of the host's from %d on: there are no such ids", m.Size, m.ContainerID, m.HostID)
		}
		for _, o := range list[:i] {
			if overlap(m.ContainerID, o.ContainerID, m.Size, o.Size) || overlap(m.HostID, o.HostID, m.Size, o.Size) {
				return fieldErrorf(at, "overlaps another range")
			}
		}
		root = root || m.ContainerID == 0
	}
	if !root {
		return fieldErrorf(field, "id 0 is not mapped")
	}
	return nil
}

func overlap(a, b, sizeA, sizeB uint32) bool { return a < b+sizeB && b < a+sizeA }

// identical reports whether every id is the host's, so that nothing is to be mapped.
func identical(list []specs.LinuxIDMapping) bool {
	for _, m := range list {
		if m.ContainerID != m.HostID {
			return false
		}
	}
	return true
}
