package sys

import (
	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/sentry/auth"
	"glovebox/sentry/kernel"
)

// capabilities is the calls of capabilities(7).
var capabilities = family{
	sysno.Capget: call2(capget),
	sysno.Capset: call2(capset),
}

// copyInCapHeader reads the header and how many structs of data belong to its
// version; 0 and our version stored there if we do not know it.
func copyInCapHeader(t *kernel.Task, header Addr) (h linux.CapHeader, n int, err error) {
	if err = copyIn(t, header, &h.Version); err != nil {
		return h, 0, err
	}
	switch h.Version {
	case linux.LINUX_CAPABILITY_VERSION_1:
		n = 1
	case linux.LINUX_CAPABILITY_VERSION_2, linux.LINUX_CAPABILITY_VERSION_3:
		n = 2
	default:
		ours := uint32(linux.LINUX_CAPABILITY_VERSION_3)
		return h, 0, copyOut(t, header, &ours)
	}
	return h, n, copyIn(t, header+4, &h.PID)
}

// capget is capget(2).
func capget(t *kernel.Task, header, data Addr) (uintptr, error) {
	h, n, err := copyInCapHeader(t, header)
	switch {
	case err != nil:
		return 0, err
	case n == 0 && data == 0:
		return 0, nil // it only asked for our version
	case n == 0, h.PID < 0:
		return 0, linux.EINVAL
	}
	of := taskOrSelf(t, PID(h.PID))
	if of == nil {
		return 0, linux.ESRCH
	}
	if data == 0 {
		return 0, nil
	}
	c := of.Creds()
	d := [2]linux.CapData{
		{Effective: uint32(c.Effective), Permitted: uint32(c.Permitted), Inheritable: uint32(c.Inheritable)},
		{Effective: uint32(c.Effective >> 32), Permitted: uint32(c.Permitted >> 32), Inheritable: uint32(c.Inheritable >> 32)},
	}
	for i := range n {
		if err := copyOut(t, data+Addr(i*linux.CapDataSize), &d[i]); err != nil {
			return 0, err
		}
	}
	return 0, nil
}

// capset is capset(2).
func capset(t *kernel.Task, header, data Addr) (uintptr, error) {
	h, n, err := copyInCapHeader(t, header)
	switch {
	case err != nil:
		return 0, err
	case n == 0:
		return 0, linux.EINVAL
	case h.PID != 0 && h.PID != t.TID():
		return 0, linux.EPERM
	}
	var d [2]linux.CapData
	for i := range n {
		if err := copyIn(t, data+Addr(i*linux.CapDataSize), &d[i]); err != nil {
			return 0, err
		}
	}
	join := func(lo, hi uint32) auth.CapSet { return (auth.CapSet(hi)<<32 | auth.CapSet(lo)) & auth.AllCaps }
	old := t.Creds()
	c := old.Clone()
	c.Effective = join(d[0].Effective, d[1].Effective)
	c.Permitted = join(d[0].Permitted, d[1].Permitted)
	c.Inheritable = join(d[0].Inheritable, d[1].Inheritable)
	switch {
	case !old.Has(auth.CapSetpcap) && c.Inheritable&^(old.Inheritable|old.Permitted) != 0,
		c.Inheritable&^(old.Inheritable|old.Bounding) != 0,
		c.Permitted&^old.Permitted != 0,
		c.Effective&^c.Permitted != 0:
		return 0, linux.EPERM
	}
	c.Ambient &= c.Permitted & c.Inheritable
	commit(t, c)
	return 0, nil
}
