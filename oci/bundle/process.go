package bundle

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/boot"
	"glovebox/sentry/auth"
)

// defaultUmask is what runc leaves its containers with.
const defaultUmask = 0o022

// Process turns one process into what the Sentry takes: that of exec, which is
// not from a config.json. The second result says what is not honoured.
func Process(p *specs.Process) (boot.Process, []string, error) {
	b := &Bundle{Spec: &specs.Spec{Process: p}}
	for _, check := range []func(*specs.Spec) error{checkProcess, checkUser, checkRlimits, checkScheduling} {
		if err := check(b.Spec); err != nil {
			return boot.Process{}, nil, bare(err)
		}
	}
	for _, f := range ignored {
		if f.is(b.Spec) {
			b.warnf(f.field, "ignored: %s", f.why)
		}
	}
	out := b.process()
	if a := p.ExecCPUAffinity; a != nil {
		// Its processors before it is in the container are nobody's.
		out.CPUs, _ = cpuList(a.Final)
	}
	for i, w := range b.Warnings {
		b.Warnings[i] = strings.TrimPrefix(w, ConfigName+": ")
	}
	return out, b.Warnings, nil
}

// bare is an error without the name of a file that it is not about.
func bare(err error) error {
	var f *FieldError
	if errors.As(err, &f) {
		return fmt.Errorf("%s: %w", f.Field, f.Err)
	}
	return err
}

// ParseProcess reads a process as exec --process is given it.
func ParseProcess(file string) (*specs.Process, error) {
	data, err := read(file)
	if err != nil {
		return nil, err
	}
	p := new(specs.Process)
	if err := json.Unmarshal(data, p); err != nil {
		return nil, fmt.Errorf("%s: %w", file, bare(jsonError(data, err)))
	}
	return p, nil
}

// process is the first process for the Sentry.
func (b *Bundle) process() boot.Process {
	p := b.Spec.Process
	out := boot.Process{
		Args: p.Args, Env: p.Env, Cwd: p.Cwd, MakeCwd: true,
		UID: p.User.UID, GID: p.User.GID, ExtraGIDs: p.User.AdditionalGids, Umask: defaultUmask,
		NoNewPrivileges: p.NoNewPrivileges,
	}
	if p.User.Umask != nil {
		out.Umask = *p.User.Umask
	}
	if p.OOMScoreAdj != nil {
		out.OOMScoreAdj = *p.OOMScoreAdj
	}
	if c := p.Capabilities; c != nil {
		out.Caps = boot.Caps{
			Bounding: b.caps("bounding", c.Bounding), Effective: b.caps("effective", c.Effective),
			Inheritable: b.caps("inheritable", c.Inheritable), Permitted: b.caps("permitted", c.Permitted),
			Ambient: b.caps("ambient", c.Ambient),
		}
		b.fitCaps(&out.Caps)
	}
	out.Scheduler = b.scheduler()
	for _, r := range p.Rlimits {
		out.Rlimits = append(out.Rlimits, boot.Rlimit{Resource: rlimit(r.Type), Cur: r.Soft, Max: r.Hard})
	}
	return out
}

// caps is a set of capabilities by their names. One that is unknown is left out,
// as the specification has it: the container has less then.
func (b *Bundle) caps(set string, names []string) uint64 {
	var bits uint64
	for _, name := range names {
		c, ok := auth.CapByName(name)
		if !ok {
			b.warnf("process.capabilities."+set, "ignored: %q is unknown", name)
			continue
		}
		bits |= 1 << c
	}
	return bits
}

// fitCaps makes the sets what a kernel would let them be (capabilities(7)):
// effective is within permitted, ambient within permitted and inheritable.
func (b *Bundle) fitCaps(c *boot.Caps) {
	fit := func(set string, bits *uint64, within uint64) {
		if more := *bits &^ within; more != 0 {
			*bits &= within
			b.warnf("process.capabilities."+set, "left out what is not permitted as well")
		}
	}
	fit("effective", &c.Effective, c.Permitted)
	fit("ambient", &c.Ambient, c.Permitted&c.Inheritable)
}

// hasDev reports whether something is mounted on /dev.
func (b *Bundle) hasDev() bool {
	return slices.ContainsFunc(b.Boot.Mounts, func(m boot.Mount) bool { return m.Destination == "/dev" })
}
