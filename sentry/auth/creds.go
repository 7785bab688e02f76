// Package auth is who a task is: user and group ids, capabilities, and the
// checks made of them (credentials(7), capabilities(7)).
package auth

import "slices"

// A CapSet is a set of capabilities, bit n for capability n.
type CapSet uint64

// A Cap is a capability number (include/uapi/linux/capability.h).
type Cap uint8

// Has reports whether c is in s.
func (s CapSet) Has(c Cap) bool { return s>>c&1 != 0 }

// Creds are the credentials of a task. They are immutable once a task or file
// holds them: change a copy.
type Creds struct {
	UID, EUID, SUID, FSUID uint32
	GID, EGID, SGID, FSGID uint32
	Groups                 []uint32 // supplementary, sorted

	Permitted, Inheritable, Effective, Bounding, Ambient CapSet

	SecureBits uint32
	NoNewPrivs bool
}

// Clone returns a copy to change.
func (c *Creds) Clone() *Creds {
	d := *c
	d.Groups = slices.Clone(c.Groups)
	return &d
}

// Has reports whether c is in the effective set.
func (c *Creds) Has(cp Cap) bool { return c.Effective.Has(cp) }

// InGroup reports whether gid is the filesystem group or a supplementary one.
func (c *Creds) InGroup(gid uint32) bool {
	if c.FSGID == gid {
		return true
	}
	_, ok := slices.BinarySearch(c.Groups, gid)
	return ok
}
