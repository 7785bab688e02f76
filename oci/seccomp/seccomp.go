// Package seccomp turns the seccomp profile of a config.json (runtime-spec,
// config-linux.md) into the program that seccomp(2) takes.
//
// The program compares the call's number with bounds, in a binary search, and
// what it finds is the code of all numbers between two of them: the rules that
// look at arguments, then what happens if none of them fits. Numbers beyond the
// last that a profile names are ENOSYS, if it does not allow everything: a
// program that tries a call that is newer than the profile is to take the older
// one, as with runc.
//
// Of a call's rules, one without arguments counts alone (as libseccomp has it),
// the first of several such; else the first that fits.
package seccomp

import (
	"fmt"
	"slices"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/lib/bpf"
)

// A FieldError is what is wrong with a field, named as seen from the profile.
type FieldError struct {
	Field string
	Err   error
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Err.Error() }
func (e *FieldError) Unwrap() error { return e.Err }

func errorf(field, format string, args ...any) error {
	return &FieldError{field, fmt.Errorf(format, args...)}
}

// Actions, Operators, Archs and Flags return the names that Compile knows.
func Actions() []string   { return sorted(actions) }
func Operators() []string { return sorted(operators) }
func Archs() []string     { return sorted(archs) }
func Flags() []string     { return sorted(flags) }

func sorted[K ~string, V any](m map[K]V) []string {
	var names []string
	for k := range m {
		names = append(names, string(k))
	}
	slices.Sort(names)
	return names
}

// An action is what SECCOMP_RET_* a name stands for, and how large a number may
// go with it; 0 is none.
type action struct {
	ret     uint32
	maxData uint
}

// maxErrno is MAX_ERRNO.
const maxErrno = 4095

var actions = map[specs.LinuxSeccompAction]action{
	specs.ActKill:        {linux.SECCOMP_RET_KILL_THREAD, 0},
	specs.ActKillThread:  {linux.SECCOMP_RET_KILL_THREAD, 0},
	specs.ActKillProcess: {linux.SECCOMP_RET_KILL_PROCESS, 0},
	specs.ActTrap:        {linux.SECCOMP_RET_TRAP, 0},
	specs.ActErrno:       {linux.SECCOMP_RET_ERRNO, maxErrno},
	specs.ActTrace:       {linux.SECCOMP_RET_TRACE, linux.SECCOMP_RET_DATA},
	specs.ActLog:         {linux.SECCOMP_RET_LOG, 0},
	specs.ActAllow:       {linux.SECCOMP_RET_ALLOW, 0},
}

// flags are those of seccomp(2): the first process has one thread, all that is
// not allowed is logged or not by the Sentry, and speculation is the host's.
var flags = map[specs.LinuxSeccompFlag]bool{
	"SECCOMP_FILTER_FLAG_TSYNC":     true,
	specs.LinuxSeccompFlagLog:       true,
	specs.LinuxSeccompFlagSpecAllow: true,
}

// archs are the names of architectures. Programs are x86-64's alone, which is
// always among them.
var archs = map[specs.Arch]bool{
	specs.ArchX86: true, specs.ArchX86_64: true, specs.ArchX32: true, specs.ArchARM: true, specs.ArchAARCH64: true,
	specs.ArchMIPS: true, specs.ArchMIPS64: true, specs.ArchMIPS64N32: true, specs.ArchMIPSEL: true,
	specs.ArchMIPSEL64: true, specs.ArchMIPSEL64N32: true, specs.ArchPPC: true, specs.ArchPPC64: true,
	specs.ArchPPC64LE: true, specs.ArchS390: true, specs.ArchS390X: true, specs.ArchPARISC: true,
	specs.ArchPARISC64: true, specs.ArchRISCV64: true, specs.ArchLOONGARCH64: true, specs.ArchM68K: true,
	specs.ArchSH: true, specs.ArchSHEB: true,
}

// Compile makes the program of a profile; errors are *FieldError.
func Compile(p *specs.LinuxSeccomp) ([]bpf.Insn, error) {
	for i, f := range p.Flags {
		if !flags[f] {
			return nil, errorf(index("flags", i), "%q is not implemented", f)
		}
	}
	for i, a := range p.Architectures {
		if !archs[a] {
			return nil, errorf(index("architectures", i), "%q is unknown", a)
		}
	}
	fallback, err := result("defaultAction", p.DefaultAction, "defaultErrnoRet", p.DefaultErrnoRet)
	if err != nil {
		return nil, err
	}
	c := &calls{fallback: fallback, newest: -1}
	for i := range p.Syscalls {
		if err := c.add(index("syscalls", i), &p.Syscalls[i]); err != nil {
			return nil, err
		}
	}
	prog := assemble(c.ranges(slices.Contains(p.Architectures, specs.ArchX32)))
	if len(prog) > bpf.MaxInsns {
		return nil, errorf("syscalls", "need %d instructions, more than the %d that a filter may have", len(prog), bpf.MaxInsns)
	}
	return prog, nil
}

func index(field string, i int) string { return fmt.Sprintf("%s[%d]", field, i) }

// result is the value that a filter returns for an action. Where a number goes
// with it, that is EPERM unless the profile says otherwise.
func result(field string, name specs.LinuxSeccompAction, errnoField string, errno *uint) (uint32, error) {
	a, ok := actions[name]
	switch {
	case name == specs.ActNotify:
		return 0, errorf(field, "%s is not implemented", name)
	case name == "":
		return 0, errorf(field, "must be set")
	case !ok:
		return 0, errorf(field, "%q is unknown", name)
	case errno == nil && a.maxData == 0:
		return a.ret, nil
	case errno == nil:
		return a.ret | uint32(linux.EPERM), nil
	case a.maxData == 0:
		return 0, errorf(errnoField, "%s returns no errno", name)
	case *errno > a.maxData:
		return 0, errorf(errnoField, "%d is more than %d", *errno, a.maxData)
	}
	return a.ret | uint32(*errno), nil
}

// calls is what a profile says of each call.
type calls struct {
	fallback uint32
	newest   int // the highest number that is named
	rules    [sysno.Max][]rule
}

// A rule is a result for a call whose arguments fulfil all conditions.
type rule struct {
	conds  []cond
	result uint32
}

// add adds an entry of the list. Names that are unknown are left out, as
// libseccomp and runc do it: profiles name the calls of all architectures.
func (c *calls) add(field string, s *specs.LinuxSyscall) error {
	if len(s.Names) == 0 {
		return errorf(field+".names", "must not be empty")
	}
	res, err := result(field+".action", s.Action, field+".errnoRet", s.ErrnoRet)
	if err != nil {
		return err
	}
	var conds []cond
	twice := false // the same argument
	for i, a := range s.Args {
		at := index(field+".args", i)
		op, ok := operators[a.Op]
		switch {
		case !ok:
			return errorf(at+".op", "%q is unknown", a.Op)
		case a.Index >= maxArgs:
			return errorf(at+".index", "%d is more than %d", a.Index, maxArgs-1)
		}
		twice = twice || slices.ContainsFunc(conds, func(o cond) bool { return o.arg == a.Index })
		conds = append(conds, cond{a.Index, op, a.Value, a.ValueTwo})
	}
	// Conditions on the same argument are alternatives, and then all of them
	// are: runc's way, for profiles older than the rule that all must hold.
	alternatives := [][]cond{conds}
	if twice {
		alternatives = nil
		for i := range conds {
			alternatives = append(alternatives, conds[i:i+1])
		}
	}
	for _, name := range s.Names {
		no := number(name)
		if no < 0 {
			continue
		}
		c.newest = max(c.newest, no)
		if res == c.fallback {
			continue // as libseccomp: such a rule says nothing
		}
		for _, all := range alternatives {
			c.rules[no] = append(c.rules[no], rule{all, res})
		}
	}
	return nil
}

// number returns the number of a call, -1 if there is none of that name.
func number(name string) int {
	if name == "" {
		return -1
	}
	return slices.Index(sysno.Names[:], name)
}

// code is what is done with a call.
func (c *calls) code(no int) []bpf.Insn {
	rules := c.rules[no]
	if i := slices.IndexFunc(rules, func(r rule) bool { return len(r.conds) == 0 }); i >= 0 {
		rules = rules[i : i+1]
	}
	var code []bpf.Insn
	for _, r := range rules {
		code = append(code, r.code()...)
		if len(r.conds) == 0 {
			return code
		}
	}
	return append(code, ret(c.fallback))
}

// x32 is the bit in numbers of the x32 ABI.
const x32 = 0x40000000

// ranges are the numbers from 0 on, in order; neighbours differ.
func (c *calls) ranges(allowX32 bool) []numbers {
	beyond := c.fallback
	if c.newest >= 0 && beyond != linux.SECCOMP_RET_ALLOW && beyond != linux.SECCOMP_RET_LOG {
		beyond = linux.SECCOMP_RET_ERRNO | uint32(linux.ENOSYS)
	}
	var all []numbers
	put := func(from uint32, code ...bpf.Insn) {
		if n := len(all); n == 0 || !slices.Equal(all[n-1].code, code) {
			all = append(all, numbers{from, code})
		}
	}
	for no := range c.newest + 1 {
		put(uint32(no), c.code(no)...)
	}
	put(uint32(c.newest+1), ret(beyond))
	if !allowX32 {
		put(x32, ret(linux.SECCOMP_RET_KILL_THREAD))
		put(^uint32(0), ret(beyond)) // what a tracer makes of a call to skip
	}
	return all
}
