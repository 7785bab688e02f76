package unix

import (
	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/vfs"
)

// credOf returns what others learn of c (cred_to_ucred).
func credOf(c *vfs.Ctx) linux.Ucred {
	return linux.Ucred{PID: c.TGID, UID: c.Creds.EUID, GID: c.Creds.EGID}
}

// sentCred returns the credentials that go with a message: those that the
// sender claims, if it may (scm_check_creds), or its own.
func sentCred(c *vfs.Ctx, claim *linux.Ucred) (linux.Ucred, error) {
	k := c.Creds
	if claim == nil {
		return linux.Ucred{PID: c.TGID, UID: k.UID, GID: k.GID}, nil
	}
	uid, gid := claim.UID, claim.GID
	switch {
	case claim.PID != c.TGID && !k.Has(auth.CapSysAdmin),
		uid != k.UID && uid != k.EUID && uid != k.SUID && !k.Has(auth.CapSetuid),
		gid != k.GID && gid != k.EGID && gid != k.SGID && !k.Has(auth.CapSetgid):
		return linux.Ucred{}, linux.EPERM
	case claim.PID < 0:
		return linux.Ucred{}, linux.ESRCH
	}
	return *claim, nil
}
