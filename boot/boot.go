// Package boot assembles a Sentry out of its parts: the one place that knows
// all of them.
package boot

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"

	"glovebox/control"
	"glovebox/host"
	"glovebox/sentry/kernel"
	"glovebox/sentry/platform"
	"glovebox/sentry/sys"
	"glovebox/sentry/vdso"
)

// Failed is the status of a Sentry that could not do its work: a runtime's own
// failure, as callers of runsc expect it.
const Failed = 128

// Main runs the container that cfg describes and returns how it ended: with the status
// that the process is to exit with. Errors go to descriptor 2, as a line.
func Main(cfg *Config) End {
	// Whoever prints a time would look for the host's zone, which there is not: the
	// call would be the last.
	time.Local = time.UTC
	e, err := run(cfg)
	if err != nil {
		fmt.Fprintln(os.Stderr, "runsc:", err)
		return End{Status: Failed}
	}
	return e
}

func run(cfg *Config) (End, error) {
	k, p, err := newKernel(cfg)
	if err != nil {
		return End{}, err
	}
	if err := host.KeepReopen(cfg.ProcFD); err != nil {
		return End{}, err
	}
	if cfg.TSC {
		if k.VDSO, err = vdso.New(kernel.Times, host.ReopenMemory); err != nil {
			return End{}, err
		}
	}
	l, err := control.Listen(cfg.ControlFD)
	if err != nil {
		return End{}, fmt.Errorf("control socket: %w", err)
	}
	net, err := openNetwork(cfg)
	if err != nil {
		return End{}, err
	}
	seal := host.SealSentry
	if cfg.Network == hostNetwork {
		seal = host.SealInetSentry
	}
	if err := seal(cfg.ProcFD); err != nil {
		return End{}, err
	}
	s, err := newSandbox(cfg, k, p, net)
	if err != nil {
		return End{}, err
	}
	return s.serve(l)
}

// newKernel makes a kernel, and the platform that cfg names. It is not sealed yet.
func newKernel(cfg *Config) (*kernel.Kernel, platform.Platform, error) {
	p, err := newPlatform(cfg.Platform, cfg.ProcFD)
	if err != nil {
		return nil, nil, err
	}
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return nil, nil, fmt.Errorf("sysinfo: %w", err)
	}
	k := &kernel.Kernel{
		Syscall: sys.Dispatch,
		FPSize:  p.FPSize(),
		CPUs:    runtime.NumCPU(),
	}
	cfg.hostMemory = info.Totalram * uint64(info.Unit)
	if k.HWCap, k.HWCap2, err = hwCaps(); err != nil {
		return nil, nil, err
	}
	if cfg.LogFD >= 0 {
		k.Logf = cfg.LogFormat.warnings(fdWriter(cfg.LogFD))
	}
	return k, p, nil
}

// hwCaps returns what the processor and the host allow programs (getauxval(3)).
func hwCaps() (hwcap, hwcap2 uint64, err error) {
	const atHWCap, atHWCap2 = 16, 26
	aux, err := unix.Auxv()
	if err != nil {
		return 0, 0, fmt.Errorf("auxiliary vector: %w", err)
	}
	for _, a := range aux {
		switch a[0] {
		case atHWCap:
			hwcap = uint64(a[1])
		case atHWCap2:
			// Programs are not to change GS without the Sentry's
			// knowing: systrap uses it.
			const fsgsbase = 1 << 1
			hwcap2 = uint64(a[1]) &^ fsgsbase
		}
	}
	return hwcap, hwcap2, nil
}

// fdWriter writes to a descriptor opened with O_APPEND, one write a line.
type fdWriter int

func (w fdWriter) Write(b []byte) (int, error) { return unix.Write(int(w), b) }
