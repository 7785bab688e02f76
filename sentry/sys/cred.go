package sys

import (
	"math"
	"slices"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/kernel"
)

// credentials is the calls of credentials(7).
var credentials = family{
	sysno.Getuid:    call0(getuid),
	sysno.Geteuid:   call0(geteuid),
	sysno.Getgid:    call0(getgid),
	sysno.Getegid:   call0(getegid),
	sysno.Getresuid: call3(getresuid),
	sysno.Getresgid: call3(getresgid),
	sysno.Setuid:    call1(setuid),
	sysno.Setgid:    call1(setgid),
	sysno.Setreuid:  call2(setreuid),
	sysno.Setregid:  call2(setregid),
	sysno.Setresuid: call3(setresuid),
	sysno.Setresgid: call3(setresgid),
	sysno.Setfsuid:  call1(setfsuid),
	sysno.Setfsgid:  call1(setfsgid),
	sysno.Getgroups: call2(getgroups),
	sysno.Setgroups: call2(setgroups),
}

const (
	// sameID leaves an id as it is; no user has it.
	sameID ID = math.MaxUint32
	// maxGroups is NGROUPS_MAX.
	maxGroups = 65536
)

func getuid(t *kernel.Task) (uintptr, error)  { return uintptr(t.Creds().UID), nil }
func geteuid(t *kernel.Task) (uintptr, error) { return uintptr(t.Creds().EUID), nil }
func getgid(t *kernel.Task) (uintptr, error)  { return uintptr(t.Creds().GID), nil }
func getegid(t *kernel.Task) (uintptr, error) { return uintptr(t.Creds().EGID), nil }

// getresuid is getresuid(2).
func getresuid(t *kernel.Task, ruid, euid, suid Addr) (uintptr, error) {
	c := t.Creds()
	return 0, copyOutIDs(t, [3]Addr{ruid, euid, suid}, [3]uint32{c.UID, c.EUID, c.SUID})
}

// getresgid is getresgid(2).
func getresgid(t *kernel.Task, rgid, egid, sgid Addr) (uintptr, error) {
	c := t.Creds()
	return 0, copyOutIDs(t, [3]Addr{rgid, egid, sgid}, [3]uint32{c.GID, c.EGID, c.SGID})
}

func copyOutIDs(t *kernel.Task, to [3]Addr, ids [3]uint32) error {
	for i := range ids {
		if err := copyOut(t, to[i], &ids[i]); err != nil {
			return err
		}
	}
	return nil
}

// commit makes c the credentials of t. Whoever changes identity or gains
// capabilities cannot be looked into by what it was (commit_creds).
func commit(t *kernel.Task, c *auth.Creds) {
	old := t.Creds()
	if old.EUID != c.EUID || old.EGID != c.EGID || old.FSUID != c.FSUID || old.FSGID != c.FSGID ||
		c.Permitted&^old.Permitted != 0 {
		t.Group().SetDumpable(linux.SUID_DUMP_DISABLE)
		t.PDeathSig().Store(0)
	}
	t.SetCreds(c)
}

// setUIDs changes the user ids that are not sameID, and the capabilities with
// them.
func setUIDs(t *kernel.Task, r, e, s ID) error {
	old := t.Creds()
	c := old.Clone()
	set(&c.UID, r)
	set(&c.EUID, e)
	set(&c.SUID, s)
	c.FSUID = c.EUID
	c.FixUIDs(old)
	commit(t, c)
	return nil
}

func set(to *uint32, id ID) {
	if id != sameID {
		*to = uint32(id)
	}
}

// oneOf reports whether id is none at all or one of have.
func oneOf(id ID, have ...uint32) bool {
	return id == sameID || slices.Contains(have, uint32(id))
}

// setuid is setuid(2).
func setuid(t *kernel.Task, uid ID) (uintptr, error) {
	c := t.Creds()
	switch {
	case uid == sameID:
		return 0, linux.EINVAL
	case c.Has(auth.CapSetuid):
		return 0, setUIDs(t, uid, uid, uid)
	case oneOf(uid, c.UID, c.SUID):
		return 0, setUIDs(t, sameID, uid, sameID)
	}
	return 0, linux.EPERM
}

// setreuid is setreuid(2).
func setreuid(t *kernel.Task, r, e ID) (uintptr, error) {
	c := t.Creds()
	if !c.Has(auth.CapSetuid) && (!oneOf(r, c.UID, c.EUID) || !oneOf(e, c.UID, c.EUID, c.SUID)) {
		return 0, linux.EPERM
	}
	s := sameID
	if r != sameID || e != sameID && uint32(e) != c.UID {
		s = e
		if e == sameID {
			s = ID(c.EUID)
		}
	}
	return 0, setUIDs(t, r, e, s)
}

// setresuid is setresuid(2).
func setresuid(t *kernel.Task, r, e, s ID) (uintptr, error) {
	c := t.Creds()
	have := []uint32{c.UID, c.EUID, c.SUID}
	if !c.Has(auth.CapSetuid) && (!oneOf(r, have...) || !oneOf(e, have...) || !oneOf(s, have...)) {
		return 0, linux.EPERM
	}
	return 0, setUIDs(t, r, e, s)
}

// setGIDs changes the group ids that are not sameID.
func setGIDs(t *kernel.Task, r, e, s ID) error {
	c := t.Creds().Clone()
	set(&c.GID, r)
	set(&c.EGID, e)
	set(&c.SGID, s)
	c.FSGID = c.EGID
	commit(t, c)
	return nil
}

// setgid is setgid(2).
func setgid(t *kernel.Task, gid ID) (uintptr, error) {
	c := t.Creds()
	switch {
	case gid == sameID:
		return 0, linux.EINVAL
	case c.Has(auth.CapSetgid):
		return 0, setGIDs(t, gid, gid, gid)
	case oneOf(gid, c.GID, c.SGID):
		return 0, setGIDs(t, sameID, gid, sameID)
	}
	return 0, linux.EPERM
}

// setregid is setregid(2).
func setregid(t *kernel.Task, r, e ID) (uintptr, error) {
	c := t.Creds()
	if !c.Has(auth.CapSetgid) && (!oneOf(r, c.GID, c.EGID) || !oneOf(e, c.GID, c.EGID, c.SGID)) {
		return 0, linux.EPERM
	}
	s := sameID
	if r != sameID || e != sameID && uint32(e) != c.GID {
		s = e
		if e == sameID {
			s = ID(c.EGID)
		}
	}
	return 0, setGIDs(t, r, e, s)
}

// setresgid is setresgid(2).
func setresgid(t *kernel.Task, r, e, s ID) (uintptr, error) {
	c := t.Creds()
	have := []uint32{c.GID, c.EGID, c.SGID}
	if !c.Has(auth.CapSetgid) && (!oneOf(r, have...) || !oneOf(e, have...) || !oneOf(s, have...)) {
		return 0, linux.EPERM
	}
	return 0, setGIDs(t, r, e, s)
}

// setfsuid is setfsuid(2), which returns the old id, whatever happens.
func setfsuid(t *kernel.Task, uid ID) (uintptr, error) {
	old := t.Creds()
	if uid != sameID && (old.Has(auth.CapSetuid) || oneOf(uid, old.UID, old.EUID, old.SUID, old.FSUID)) {
		c := old.Clone()
		c.FSUID = uint32(uid)
		c.FixFSUID(old)
		commit(t, c)
	}
	return uintptr(old.FSUID), nil
}

// setfsgid is setfsgid(2), which returns the old id, whatever happens.
func setfsgid(t *kernel.Task, gid ID) (uintptr, error) {
	old := t.Creds()
	if gid != sameID && (old.Has(auth.CapSetgid) || oneOf(gid, old.GID, old.EGID, old.SGID, old.FSGID)) {
		c := old.Clone()
		c.FSGID = uint32(gid)
		commit(t, c)
	}
	return uintptr(old.FSGID), nil
}

// getgroups is getgroups(2).
func getgroups(t *kernel.Task, size Int, list Addr) (uintptr, error) {
	g := t.Creds().Groups
	if size < 0 {
		return 0, linux.EINVAL
	}
	if size == 0 {
		return uintptr(len(g)), nil
	}
	if len(g) > int(size) {
		return 0, linux.EINVAL
	}
	for i := range g {
		if err := copyOut(t, list+Addr(4*i), &g[i]); err != nil {
			return 0, err
		}
	}
	return uintptr(len(g)), nil
}

// setgroups is setgroups(2).
func setgroups(t *kernel.Task, size Int, list Addr) (uintptr, error) {
	if !t.Creds().Has(auth.CapSetgid) {
		return 0, linux.EPERM
	}
	if uint32(size) > maxGroups {
		return 0, linux.EINVAL
	}
	g := make([]uint32, size)
	for i := range g {
		if err := copyIn(t, list+Addr(4*i), &g[i]); err != nil {
			return 0, err
		}
		if ID(g[i]) == sameID {
			return 0, linux.EINVAL
		}
	}
	slices.Sort(g)
	c := t.Creds().Clone()
	c.Groups = g
	commit(t, c)
	return 0, nil
}
