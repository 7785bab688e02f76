package seccomp

import (
	"encoding/json"
	"errors"
	"math/rand/v2"
	"strings"
	"testing"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
	"glovebox/lib/bpf"
)

// A call is one as a filter sees it.
type call struct {
	no   uint32
	args [maxArgs]uint64
}

// run returns what prog says of a call.
func run(t *testing.T, prog []bpf.Insn, c call) uint32 {
	t.Helper()
	p, ok := bpf.Check(prog, offArgs/4+2*maxArgs)
	if !ok {
		t.Fatalf("not a program: %v", prog)
	}
	in := []uint32{c.no, linux.AUDIT_ARCH_X86_64, 0, 0}
	for _, a := range c.args {
		in = append(in, uint32(a), uint32(a>>32))
	}
	return p.Run(in)
}

func compile(t *testing.T, profile string) []bpf.Insn {
	t.Helper()
	var p specs.LinuxSeccomp
	if err := json.Unmarshal([]byte(profile), &p); err != nil {
		t.Fatal(err)
	}
	prog, err := Compile(&p)
	if err != nil {
		t.Fatal(err)
	}
	return prog
}

const (
	allow  = linux.SECCOMP_RET_ALLOW
	errno  = linux.SECCOMP_RET_ERRNO
	eperm  = errno | uint32(linux.EPERM)
	enosys = errno | uint32(linux.ENOSYS)
)

func TestCompile(t *testing.T) {
	arg := func(no uint32, args ...uint64) call {
		c := call{no: no}
		copy(c.args[:], args)
		return c
	}
	for _, c := range []struct {
		name, profile string
		call          call
		want          uint32
	}{
		{"default", `{"defaultAction":"SCMP_ACT_LOG"}`, arg(0), linux.SECCOMP_RET_LOG},
		{"default errno", `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["openat"],"action":"SCMP_ACT_ALLOW"}]}`, arg(sysno.Mkdir), eperm},
		{"default errno given", `{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":13,"syscalls":[{"names":["openat"],"action":"SCMP_ACT_ALLOW"}]}`, arg(sysno.Mkdir), errno | 13},
		{"newer than the profile", `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["read","openat"],"action":"SCMP_ACT_ALLOW"}]}`, arg(sysno.Openat + 1), enosys},
		{"newer, and killed otherwise", `{"defaultAction":"SCMP_ACT_KILL","syscalls":[{"names":["openat"],"action":"SCMP_ACT_ALLOW"}]}`, arg(9999), enosys},
		{"newer, and allowed", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["openat"],"action":"SCMP_ACT_KILL"}]}`, arg(9999), allow},
		{"named with the default's action", `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO"}]}`, arg(sysno.Mkdir), eperm},
		{"kill", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_KILL"}]}`, arg(sysno.Mkdir), linux.SECCOMP_RET_KILL_THREAD},
		{"kill process", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_KILL_PROCESS"}]}`, arg(sysno.Mkdir), linux.SECCOMP_RET_KILL_PROCESS},
		{"trap", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_TRAP"}]}`, arg(sysno.Mkdir), linux.SECCOMP_RET_TRAP},
		{"trace", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_TRACE","errnoRet":77}]}`, arg(sysno.Mkdir), linux.SECCOMP_RET_TRACE | 77},
		{"unknown names", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["nothing","","_llseek","mkdir"],"action":"SCMP_ACT_ERRNO"}]}`, arg(sysno.Mkdir), eperm},
		{"first of two", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":5},{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":6}]}`, arg(sysno.Mkdir), errno | 5},
		{"without arguments over with", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":5,"args":[{"index":1,"value":511,"op":"SCMP_CMP_EQ"}]},{"names":["mkdir"],"action":"SCMP_ACT_ERRNO","errnoRet":6}]}`, arg(sysno.Mkdir, 0, 511), errno | 6},
		{"x32", `{"defaultAction":"SCMP_ACT_ALLOW"}`, arg(x32 | 1), linux.SECCOMP_RET_KILL_THREAD},
		{"x32 wanted", `{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_X86_64","SCMP_ARCH_X32"]}`, arg(x32 | 1), allow},
		{"skipped", `{"defaultAction":"SCMP_ACT_ALLOW"}`, arg(^uint32(0)), allow},
		{"all of several arguments", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["socket"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":16,"op":"SCMP_CMP_EQ"},{"index":2,"value":9,"op":"SCMP_CMP_EQ"}]}]}`, arg(sysno.Socket, 16, 0, 9), eperm},
		{"not all of several arguments", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["socket"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":16,"op":"SCMP_CMP_EQ"},{"index":2,"value":9,"op":"SCMP_CMP_EQ"}]}]}`, arg(sysno.Socket, 16, 0, 8), allow},
		{"one of an argument's", `{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["socket"],"action":"SCMP_ACT_ERRNO","args":[{"index":0,"value":16,"op":"SCMP_CMP_EQ"},{"index":0,"value":9,"op":"SCMP_CMP_EQ"}]}]}`, arg(sysno.Socket, 9), eperm},
		{"masked", `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2114060288,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]}]}`, arg(sysno.Clone, 0x1200011), allow},
		{"masked away", `{"defaultAction":"SCMP_ACT_ERRNO","syscalls":[{"names":["clone"],"action":"SCMP_ACT_ALLOW","args":[{"index":0,"value":2114060288,"valueTwo":0,"op":"SCMP_CMP_MASKED_EQ"}]}]}`, arg(sysno.Clone, 0x10000000), eperm},
	} {
		if got := run(t, compile(t, c.profile), c.call); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
		}
	}
}

// holds is what the operators mean.
func (c *cond) holds(v uint64) bool {
	switch c.op {
	case equal:
		return v == c.value
	case notEqual:
		return v != c.value
	case less:
		return v < c.value
	case lessEqual:
		return v <= c.value
	case greater:
		return v > c.value
	case greaterEqual:
		return v >= c.value
	}
	return v&c.value == c.two&c.value
}

// TestRandom compares programs with the rules that they were made of.
func TestRandom(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	values := []uint64{0, 1, 2, 0xffffffff, 0x100000000, 0x100000001, 1 << 63, ^uint64(0), ^uint64(0) - 1}
	pick := func() uint64 { return values[r.IntN(len(values))] }
	acts := []specs.LinuxSeccompAction{specs.ActAllow, specs.ActErrno, specs.ActTrap, specs.ActKillProcess, specs.ActLog}
	var ops []specs.LinuxSeccompOperator
	for o := range operators {
		ops = append(ops, o)
	}
	for range 150 {
		p := specs.LinuxSeccomp{DefaultAction: acts[r.IntN(len(acts))]}
		last := 0
		for range r.IntN(120) {
			no := r.IntN(334)
			s := specs.LinuxSyscall{Names: []string{sysno.Names[no]}, Action: acts[r.IntN(len(acts))]}
			if sysno.Names[no] == "" {
				continue
			}
			last = max(last, no)
			for arg := range uint(maxArgs) {
				if r.IntN(4) == 0 {
					s.Args = append(s.Args, specs.LinuxSeccompArg{Index: arg, Op: ops[r.IntN(len(ops))], Value: pick(), ValueTwo: pick()})
				}
			}
			p.Syscalls = append(p.Syscalls, s)
		}
		prog, err := Compile(&p)
		if err != nil {
			t.Fatal(err)
		}
		for range 300 {
			c := call{no: uint32(r.IntN(last + 1))}
			for i := range c.args {
				c.args[i] = pick()
			}
			if got, want := run(t, prog, c), meant(&p, c); got != want {
				t.Fatalf("%+v\n%+v: %#x, want %#x", p, c, got, want)
			}
		}
	}
}

// meant is what a profile says of a call that is not newer than it.
func meant(p *specs.LinuxSeccomp, c call) uint32 {
	data := func(a specs.LinuxSeccompAction) uint32 {
		if a == specs.ActErrno {
			return eperm
		}
		return actions[a].ret
	}
	result := data(p.DefaultAction)
	found := false
	for _, s := range p.Syscalls {
		if s.Names[0] != sysno.Names[c.no] || s.Action == p.DefaultAction {
			continue
		}
		all := true
		for _, a := range s.Args {
			all = all && (&cond{a.Index, operators[a.Op], a.Value, a.ValueTwo}).holds(c.args[a.Index])
		}
		if len(s.Args) == 0 {
			return data(s.Action)
		}
		if all && !found {
			result, found = data(s.Action), true
		}
	}
	return result
}

// TestMany: jumps over more than 255 instructions.
func TestMany(t *testing.T) {
	p := specs.LinuxSeccomp{DefaultAction: specs.ActErrno}
	for no := range 300 {
		for _, v := range []uint64{uint64(no), 1000} {
			p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{
				Names: []string{sysno.Names[no]}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Op: specs.OpEqualTo, Value: v}},
			})
		}
	}
	prog, err := Compile(&p)
	if err != nil {
		t.Fatal(err)
	}
	for no := range uint32(300) {
		for v, want := range map[uint64]uint32{uint64(no): allow, 1000: allow, 1001: eperm} {
			if got := run(t, prog, call{no: no, args: [maxArgs]uint64{v}}); got != want {
				t.Errorf("call %d, %d: %#x, want %#x", no, v, got, want)
			}
		}
	}
	for v := range uint64(900) {
		p.Syscalls = append(p.Syscalls, specs.LinuxSyscall{
			Names: []string{"read"}, Action: specs.ActAllow, Args: []specs.LinuxSeccompArg{{Op: specs.OpEqualTo, Value: v}},
		})
	}
	if _, err = Compile(&p); err == nil || !strings.Contains(err.Error(), "more than the 4096") {
		t.Errorf("too long: %v", err)
	}
}

func TestCompileRefuses(t *testing.T) {
	for profile, want := range map[string]string{
		`{}`:                                  "defaultAction: must be set",
		`{"defaultAction":"ALLOW"}`:           `defaultAction: "ALLOW" is unknown`,
		`{"defaultAction":"SCMP_ACT_NOTIFY"}`: "defaultAction: SCMP_ACT_NOTIFY is not implemented",
		`{"defaultAction":"SCMP_ACT_ALLOW","defaultErrnoRet":1}`:                                                                                           "defaultErrnoRet: SCMP_ACT_ALLOW returns no errno",
		`{"defaultAction":"SCMP_ACT_ERRNO","defaultErrnoRet":4096}`:                                                                                        "defaultErrnoRet: 4096 is more than 4095",
		`{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_LOG","FOO"]}`:                                                                     `flags[1]: "FOO" is not implemented`,
		`{"defaultAction":"SCMP_ACT_ALLOW","architectures":["SCMP_ARCH_PDP11"]}`:                                                                           `architectures[0]: "SCMP_ARCH_PDP11" is unknown`,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":[],"action":"SCMP_ACT_LOG"}]}`:                                                             "syscalls[0].names: must not be empty",
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_LOG"},{"names":["read"]}]}`:                                    "syscalls[1].action: must be set",
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_KILL","errnoRet":1}]}`:                                         "syscalls[0].errnoRet: SCMP_ACT_KILL returns no errno",
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_LOG","args":[{"index":6,"value":1,"op":"SCMP_CMP_EQ"}]}]}`:     "syscalls[0].args[0].index: 6 is more than 5",
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_LOG","args":[{"index":0,"value":1,"op":"=="}]}]}`:              `syscalls[0].args[0].op: "==" is unknown`,
		`{"defaultAction":"SCMP_ACT_ALLOW","syscalls":[{"names":["read"],"action":"SCMP_ACT_NOTIFY"}],"listenerPath":"/run/listener"}`:                     "syscalls[0].action: SCMP_ACT_NOTIFY is not implemented",
		`{"defaultAction":"SCMP_ACT_ALLOW","flags":["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"],"syscalls":[{"names":["read"],"action":"SCMP_ACT_NOTIFY"}]}`: `flags[0]: "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" is not implemented`,
	} {
		var p specs.LinuxSeccomp
		if err := json.Unmarshal([]byte(profile), &p); err != nil {
			t.Fatal(err)
		}
		_, err := Compile(&p)
		var f *FieldError
		if !errors.As(err, &f) || err.Error() != want {
			t.Errorf("%s: %v, want %s", profile, err, want)
		}
	}
}
