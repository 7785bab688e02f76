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

// allTables are the filters there are.
var allTables = map[string][]rule{"sentry": sentryRules, "sentry on the host's network": inetRules, "gofer": goferRules}

// TestInetFilter: a Sentry has no call that makes or names a socket of the host, unless
// it was started for that, and then of the Internet's families alone.
func TestInetFilter(t *testing.T) {
	const stream, dgram = unix.SOCK_STREAM | inetType, unix.SOCK_DGRAM | inetType
	const allowed = unix.SECCOMP_RET_ALLOW
	for _, c := range []struct {
		name         string
		no           uint32
		args         []uint64
		sentry, inet uint32
	}{
		{"tcp", unix.SYS_SOCKET, []uint64{unix.AF_INET, stream, 0}, deny, allowed},
		{"tcp6", unix.SYS_SOCKET, []uint64{unix.AF_INET6, stream, unix.IPPROTO_TCP}, deny, allowed},
		{"udp", unix.SYS_SOCKET, []uint64{unix.AF_INET, dgram, unix.IPPROTO_UDP}, deny, allowed},
		{"ping6", unix.SYS_SOCKET, []uint64{unix.AF_INET6, dgram, unix.IPPROTO_ICMPV6}, deny, allowed},
		{"blocking", unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_CLOEXEC, 0}, deny, deny},
		{"inherited", unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_STREAM | unix.SOCK_NONBLOCK, 0}, deny, deny},
		{"mptcp", unix.SYS_SOCKET, []uint64{unix.AF_INET, stream, unix.IPPROTO_MPTCP}, deny, deny},
		{"sctp", unix.SYS_SOCKET, []uint64{unix.AF_INET, stream, unix.IPPROTO_SCTP}, deny, deny},
		{"raw", unix.SYS_SOCKET, []uint64{unix.AF_INET, unix.SOCK_RAW | inetType, unix.IPPROTO_ICMP}, deny, deny},
		{"unix", unix.SYS_SOCKET, []uint64{unix.AF_UNIX, stream, 0}, deny, deny},
		{"unix datagrams", unix.SYS_SOCKET, []uint64{unix.AF_UNIX, dgram, 0}, deny, deny},
		{"netlink", unix.SYS_SOCKET, []uint64{unix.AF_NETLINK, unix.SOCK_RAW | inetType, 0}, deny, deny},
		{"packet", unix.SYS_SOCKET, []uint64{unix.AF_PACKET, dgram, 0}, deny, deny},
		{"vsock", unix.SYS_SOCKET, []uint64{unix.AF_VSOCK, stream, 0}, deny, deny},
		{"alg", unix.SYS_SOCKET, []uint64{unix.AF_ALG, stream, 0}, deny, deny},
		{"pair", unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX, unix.SOCK_SEQPACKET | unix.SOCK_CLOEXEC}, allowed, allowed},
		// One of datagrams can be connected anew.
		{"pair of datagrams", unix.SYS_SOCKETPAIR, []uint64{unix.AF_UNIX, unix.SOCK_DGRAM | unix.SOCK_CLOEXEC}, allowed, deny},
		{"bind", unix.SYS_BIND, nil, deny, allowed},
		{"connect", unix.SYS_CONNECT, nil, deny, allowed},
		{"listen", unix.SYS_LISTEN, nil, deny, allowed},
		{"accept", unix.SYS_ACCEPT, nil, deny, deny},
		{"set nodelay", unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TCP, unix.TCP_NODELAY}, deny, allowed},
		{"set keepalive", unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.SO_KEEPALIVE}, deny, allowed},
		{"set error", unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.SO_ERROR}, deny, deny},
		{"filter", unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER}, deny, deny},
		{"bpf", unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_SOCKET, unix.SO_ATTACH_BPF}, deny, deny},
		{"ulp", unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TCP, unix.TCP_ULP}, deny, deny},
		{"repair", unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_TCP, unix.TCP_REPAIR}, deny, deny},
		{"iptables", unix.SYS_SETSOCKOPT, []uint64{3, unix.SOL_IP, 64}, deny, deny},
		{"get info", unix.SYS_GETSOCKOPT, []uint64{3, unix.SOL_TCP, unix.TCP_INFO}, deny, allowed},
		{"get zerocopy", unix.SYS_GETSOCKOPT, []uint64{3, unix.SOL_TCP, 35}, deny, deny},
		{"get flags", unix.SYS_IOCTL, []uint64{3, unix.SIOCGIFFLAGS}, deny, allowed},
		{"set flags", unix.SYS_IOCTL, []uint64{3, unix.SIOCSIFFLAGS}, deny, deny},
		{"sti", unix.SYS_IOCTL, []uint64{3, unix.TIOCSTI}, deny, deny},
	} {
		for _, f := range []struct {
			name  string
			rules []rule
			want  uint32
		}{{"sentry", sentryRules, c.sentry}, {"inet", inetRules, c.inet}} {
			p, err := assemble(f.rules, deny)
			if err != nil {
				t.Fatal(err)
			}
			if got := run(t, p, unix.AUDIT_ARCH_X86_64, c.no, c.args...); got != f.want {
				t.Errorf("%s: %s: %#x, want %#x", f.name, c.name, got, f.want)
			}
		}
	}
}

// TestInetOptions: every row of the table is what the filter lets through, and no other.
func TestInetOptions(t *testing.T) {
	p, err := assemble(inetRules, deny)
	if err != nil {
		t.Fatal(err)
	}
	rows := map[[2]int]InetOption{}
	for _, o := range InetOptions {
		if _, ok := rows[[2]int{o.Level, o.Name}]; ok {
			t.Errorf("level %d has option %d twice", o.Level, o.Name)
		}
		rows[[2]int{o.Level, o.Name}] = o
	}
	for level := range 300 {
		for name := range 200 {
			o := rows[[2]int{level, name}]
			get := run(t, p, unix.AUDIT_ARCH_X86_64, unix.SYS_GETSOCKOPT, 3, uint64(level), uint64(name)) == unix.SECCOMP_RET_ALLOW
			set := run(t, p, unix.AUDIT_ARCH_X86_64, unix.SYS_SETSOCKOPT, 3, uint64(level), uint64(name)) == unix.SECCOMP_RET_ALLOW
			if get != (o.Get > 0 || level == unix.SOL_SOCKET) || set != (o.Set > 0) {
				t.Errorf("level %d, option %d: get %v, set %v; the table says %+v", level, name, get, set, o)
			}
		}
	}
}

func TestEveryRuleIsReached(t *testing.T) {
	for name, rules := range allTables {
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
					if c.anyOf != nil {
						args[c.arg] = uint64(c.anyOf[len(c.anyOf)-1])
					}
				}
				if got := run(t, p, unix.AUDIT_ARCH_X86_64, r.no, args...); got != unix.SECCOMP_RET_ALLOW {
					t.Errorf("%s: call %d with %v: %#x", name, r.no, args, got)
				}
			}
		}
	}
}

func TestNoRuleMakesProcesses(t *testing.T) {
	for name, rules := range allTables {
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
