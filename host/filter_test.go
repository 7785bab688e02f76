package host

import (
	"testing"

	"golang.org/x/sys/unix"
)

// run interprets a filter over one call, as the kernel does.
func run(t *testing.T, p []unix.SockFilter, arch, no uint32, args ...uint64) uint32 {
	t.Helper()
	data := map[uint32]uint32{offNo: no, offArch: arch}
	for i, a := range args {
		data[uint32(offArgs+8*i)] = uint32(a)
		data[uint32(offArgs+8*i+4)] = uint32(a >> 32)
	}
	var acc uint32
	for pc := 0; pc < len(p); pc++ {
		in := p[pc]
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			acc = data[in.K]
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			acc &= in.K
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(in.K)
		case unix.BPF_RET | unix.BPF_K:
			return in.K
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			hit := acc == in.K
			if in.Code&unix.BPF_JGE == unix.BPF_JGE {
				hit = acc >= in.K
			}
			if hit {
				pc += int(in.Jt)
			} else {
				pc += int(in.Jf)
			}
		default:
			t.Fatalf("instruction %d has code %#x", pc, in.Code)
		}
	}
	t.Fatal("the filter ran off its end")
	return 0
}

const deny = unix.SECCOMP_RET_TRAP

func TestFilterDecides(t *testing.T) {
	p, err := assemble(sentryRules, deny)
	if err != nil {
		t.Fatal(err)
	}
	const amd64 = unix.AUDIT_ARCH_X86_64
	for _, c := range []struct {
		name string
		arch uint32
		no   uint32
		args []uint64
		want uint32
	}{
		{"read", amd64, unix.SYS_READ, nil, unix.SECCOMP_RET_ALLOW},
		{"execve", amd64, unix.SYS_EXECVE, nil, deny},
		{"openat", amd64, unix.SYS_OPENAT, nil, deny},
		{"socket", amd64, unix.SYS_SOCKET, []uint64{unix.AF_INET}, deny},
		{"mount", amd64, unix.SYS_MOUNT, nil, deny},
		{"ptrace", amd64, unix.SYS_PTRACE, nil, deny},
		{"futex wait", amd64, unix.SYS_FUTEX, []uint64{0, 0x80}, unix.SECCOMP_RET_ALLOW},
		{"futex wake", amd64, unix.SYS_FUTEX, []uint64{0, 1}, unix.SECCOMP_RET_ALLOW},
		{"futex lock_pi", amd64, unix.SYS_FUTEX, []uint64{0, 6}, deny},
		{"mmap rw", amd64, unix.SYS_MMAP, []uint64{0, 0, 3}, unix.SECCOMP_RET_ALLOW},
		{"mmap rwx", amd64, unix.SYS_MMAP, []uint64{0, 0, 7}, deny},
		{"clone thread", amd64, unix.SYS_CLONE, []uint64{threadFlags}, unix.SECCOMP_RET_ALLOW},
		{"clone process", amd64, unix.SYS_CLONE, []uint64{17}, deny},
		{"clone high bits", amd64, unix.SYS_CLONE, []uint64{threadFlags | 1<<33}, deny},
		{"fcntl setlk", amd64, unix.SYS_FCNTL, []uint64{0, unix.F_SETLK}, deny},
		{"fcntl getfl", amd64, unix.SYS_FCNTL, []uint64{0, unix.F_GETFL}, unix.SECCOMP_RET_ALLOW},
		{"ioctl tiocsti", amd64, unix.SYS_IOCTL, []uint64{0, unix.TIOCSTI}, deny},
		{"socketpair unix", amd64, unix.SYS_SOCKETPAIR, []uint64{1}, unix.SECCOMP_RET_ALLOW},
		{"socketpair high bits", amd64, unix.SYS_SOCKETPAIR, []uint64{1 | 1<<40}, unix.SECCOMP_RET_ALLOW},
		{"x32 read", amd64, unix.SYS_READ | x32Bit, nil, unix.SECCOMP_RET_KILL_PROCESS},
		{"i386 read", unix.AUDIT_ARCH_I386, 3, nil, unix.SECCOMP_RET_KILL_PROCESS},
	} {
		if got := run(t, p, c.arch, c.no, c.args...); got != c.want {
			t.Errorf("%s: %#x, want %#x", c.name, got, c.want)
		}
	}
}

func TestEveryRuleIsReached(t *testing.T) {
	for name, rules := range map[string][]rule{"sentry": sentryRules, "gofer": goferRules} {
		p, err := assemble(rules, deny)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, r := range rules {
			alts := r.alts
			if len(alts) == 0 {
				alts = []match{nil}
			}
			for _, m := range alts {
				args := make([]uint64, 6)
				for _, c := range m {
					args[c.arg] |= c.value
				}
				if got := run(t, p, unix.AUDIT_ARCH_X86_64, r.no, args...); got != unix.SECCOMP_RET_ALLOW {
					t.Errorf("%s: call %d with %v: %#x", name, r.no, args, got)
				}
			}
		}
	}
}

func TestNoRuleMakesProcesses(t *testing.T) {
	for name, rules := range map[string][]rule{"sentry": sentryRules, "gofer": goferRules} {
		for _, r := range rules {
			switch r.no {
			case unix.SYS_EXECVE, unix.SYS_EXECVEAT, unix.SYS_FORK, unix.SYS_VFORK, unix.SYS_CLONE3,
				unix.SYS_PTRACE, unix.SYS_PROCESS_VM_WRITEV, unix.SYS_BPF, unix.SYS_MOUNT, unix.SYS_SETNS,
				unix.SYS_UNSHARE, unix.SYS_IO_URING_SETUP, unix.SYS_USERFAULTFD, unix.SYS_KEXEC_LOAD:
				t.Errorf("%s allows call %d", name, r.no)
			}
		}
	}
}

func TestDuplicateRuleIsRefused(t *testing.T) {
	if _, err := assemble([]rule{allow(1), allow(1)}, deny); err == nil {
		t.Error("two rules for one call")
	}
}
