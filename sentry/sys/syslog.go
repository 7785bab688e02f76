package sys

import (
	"fmt"

	"glovebox/abi/linux"
	"glovebox/sentry/auth"
	"glovebox/sentry/kernel"
)

// Actions of syslog(2).
const (
	syslogClose = iota
	syslogOpen
	syslogRead
	syslogReadAll
	syslogReadClear
	syslogClear
	syslogConsoleOff
	syslogConsoleOn
	syslogConsoleLevel
	syslogSizeUnread
	syslogSizeBuffer
)

// syslog is syslog(2): the kernel's log, which says what this kernel is.
func syslog(t *kernel.Task, action Int, to Addr, size Int) (uintptr, error) {
	c := t.Creds()
	if action != syslogReadAll && action != syslogSizeBuffer &&
		!c.Has(auth.CapSyslog) && !c.Has(auth.CapSysAdmin) {
		return 0, linux.EPERM
	}
	switch action {
	case syslogClose, syslogOpen, syslogClear, syslogConsoleOff, syslogConsoleOn:
		return 0, nil
	case syslogRead, syslogReadAll, syslogReadClear:
		if to == 0 || size < 0 {
			return 0, linux.EINVAL
		}
		b := bootLog(t)
		// The last lines are what fits.
		b = b[max(len(b)-int(size), 0):]
		n, err := t.Mem().CopyOut(to.Guest(), b)
		if err != nil {
			return 0, err
		}
		return uintptr(n), nil
	case syslogConsoleLevel:
		return 0, refuseUnless(size >= 1 && size <= 8)
	case syslogSizeUnread:
		return 0, nil
	case syslogSizeBuffer:
		return uintptr(len(bootLog(t))), nil
	}
	return 0, linux.EINVAL
}

// bootLog is what dmesg(1) shows: the boot, every line of which is true, and what
// happened since.
func bootLog(t *kernel.Task) []byte {
	k := t.Kernel()
	lines := [...]string{
		"Linux version " + kernel.Release + " " + kernel.Version + ": its calls, that is; nothing here is Linux",
		"Glovebox: sealing the box",
		fmt.Sprintf("Memory: %dK available, borrowed a page at a time", t.Group().Cgroup().TotalMemory.Load()>>10),
		fmt.Sprintf("smp: %d glove(s) to work with", t.Group().Cgroup().CPUs),
		"random: asked the host, which can be trusted with that much",
		"pci: looked for devices; found a smooth glass wall",
		"acpi: the power button is outside the box",
		"Glovebox: air tight. Handle with gloves; you are being watched, kindly",
		"Run /sbin/init as init process? No: run yours",
	}
	var b []byte
	for i, l := range lines {
		b = fmt.Appendf(b, "<6>[    0.%06d] %s\n", 137*i*i, l)
	}
	for _, l := range k.Klog() {
		b = append(b, l...)
	}
	return b
}
