package auth

// Bits of Creds.SecureBits (capabilities(7)).
const (
	NoRoot = 1 << iota
	noRootLocked
	NoSetuidFixup
	noSetuidFixupLocked
	KeepCaps
	keepCapsLocked
	NoAmbientRaise
)

// fsCaps are the capabilities that follow the file system user id
// (CAP_FS_SET of include/linux/capability.h).
const fsCaps = CapSet(1)<<CapChown | 1<<CapMknod | 1<<CapDacOverride | 1<<CapDacReadSearch |
	1<<CapFowner | 1<<CapFsetid | 1<<CapMacOverride | 1<<CapLinuxImmutable

// FixUIDs changes the capabilities of c, whose user ids were old's, as setuid(2)
// and its kin do (cap_emulate_setxuid).
func (c *Creds) FixUIDs(old *Creds) {
	if c.SecureBits&NoSetuidFixup != 0 {
		return
	}
	wasRoot := old.UID == 0 || old.EUID == 0 || old.SUID == 0
	isRoot := c.UID == 0 || c.EUID == 0 || c.SUID == 0
	if wasRoot && !isRoot {
		if c.SecureBits&KeepCaps == 0 {
			c.Permitted, c.Effective = 0, 0
		}
		c.Ambient = 0
	}
	switch {
	case old.EUID == 0 && c.EUID != 0:
		c.Effective = 0
	case old.EUID != 0 && c.EUID == 0:
		c.Effective = c.Permitted
	}
}

// FixFSUID does the same for setfsuid(2).
func (c *Creds) FixFSUID(old *Creds) {
	if c.SecureBits&NoSetuidFixup != 0 {
		return
	}
	switch {
	case old.FSUID == 0 && c.FSUID != 0:
		c.Effective &^= fsCaps
	case old.FSUID != 0 && c.FSUID == 0:
		c.Effective |= c.Permitted & fsCaps
	}
}

// A FileCaps is the capabilities of a file (VFS_CAP_REVISION_2 in
// capabilities(7)).
type FileCaps struct {
	Permitted, Inheritable CapSet
	Effective              bool
}

// A Program is what execve(2) must know of a file's privileges.
type Program struct {
	// SetUID and SetGID are the file's owner and group where its mode has
	// the bit and it counts, else nil.
	SetUID, SetGID *uint32
	// Caps are those of the file, nil if it has none.
	Caps *FileCaps
}

// Exec returns the credentials after execve(2) of p, and whether the program
// gained privilege (AT_SECURE): cap_bprm_creds_from_file in
// security/commoncap.c. EPERM is ok == false: the file asks for capabilities
// that the bounding set denies to it, and does not know how to do without.
func (c *Creds) Exec(p Program) (n *Creds, secure, ok bool) {
	n = c.Clone()
	if !c.NoNewPrivs {
		if p.SetUID != nil {
			n.EUID = *p.SetUID
		}
		if p.SetGID != nil {
			n.EGID = *p.SetGID
		}
	}
	setID := n.EUID != c.UID || n.EGID != c.GID

	var file FileCaps
	if p.Caps != nil {
		file = *p.Caps
		missing := file.Permitted &^ (c.Bounding | c.Inheritable&file.Inheritable)
		if file.Effective && missing != 0 {
			return nil, false, false
		}
	}
	if c.SecureBits&NoRoot == 0 {
		// A file with capabilities that is set-user-ID-root does not make
		// root of another user (handle_privileged_root).
		if !(p.Caps != nil && n.EUID == 0 && n.UID != 0) {
			if n.EUID == 0 || n.UID == 0 {
				file.Permitted, file.Inheritable = AllCaps, AllCaps
			}
			if n.EUID == 0 {
				file.Effective = true
			}
		}
	}
	n.Permitted = c.Bounding&file.Permitted | c.Inheritable&file.Inheritable
	if c.NoNewPrivs && (setID || n.Permitted&^c.Permitted != 0) {
		n.EUID, n.EGID = n.UID, n.GID
		n.Permitted &= c.Permitted
	}
	n.SUID, n.FSUID = n.EUID, n.EUID
	n.SGID, n.FSGID = n.EGID, n.EGID
	if p.Caps != nil || setID {
		n.Ambient = 0
	}
	n.Permitted |= n.Ambient
	n.Effective = n.Ambient
	if file.Effective {
		n.Effective = n.Permitted
	}
	n.SecureBits &^= KeepCaps
	secure = setID || n.UID != 0 && (file.Effective || n.Permitted&^n.Ambient != 0)
	return n, secure, true
}
