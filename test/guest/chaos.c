/* Random system calls with arguments that are half sane, from processes with
 * several threads. What they do to themselves is their affair; the kernel must
 * go on to answer others. It runs only inside, as the first process.
 *
 *   chaos SEED ROUNDS [ROUND]   ROUND: that one alone */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <termios.h>
#include "check.h"

enum { CALLS = 120, THREADS = 3, LAST = 462, ARENA = 64 << 12 };

static char *arena; /* readable and writable but for every eighth page */
static int wild;    /* as root, with calls that take the world apart */

/* splitmix64 */
static uint64_t next(uint64_t *s)
{
	uint64_t z = (*s += 0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static uint64_t one_of(uint64_t *s, const uint64_t *v, int n) { return v[next(s) % n]; }

static const char *const paths[] = { "/proc/self/stat", "/proc/self/mem", "/proc/self/fd/3", "/proc/self/task", "/proc/sys/kernel/hostname", "/dev/null",
	"/dev/zero", "/dev/tty", "/dev/ptmx", "/dev/full", "/tmp", "/tmp/chaos", "/tmp/chaos/a/../b", "/tmp/link", "/", "..", ".", "", "/etc/passwd",
	"/bin/sh", "/usr", "/none/of/this", "/sys/devices", "/dev/shm/x", "/proc/self/exe", "/proc/self/root/proc/self/cwd" };

static uint64_t pointer(uint64_t *s)
{
	static const uint64_t bad[] = { 0, 1, 8, 0xfff, 0x7ffffffff000, 0x7fffffffffff, 0x800000000000, 0xffff800000000000, -1, -4096, 0x7ff000000000, 0x7ff010000000, 0x10000 };
	switch (next(s) % 8) {
	case 0:
		return one_of(s, bad, sizeof bad / 8);
	case 1: /* near the end of a page */
		return (uint64_t)arena + (next(s) % (ARENA >> 12) << 12) + 4096 - next(s) % 64;
	case 2:
		return (uint64_t)paths[next(s) % (sizeof paths / sizeof *paths)];
	}
	return (uint64_t)arena + next(s) % ARENA / 8 * 8;
}

static uint64_t argument(uint64_t *s)
{
	static const uint64_t numbers[] = { 0, 1, 2, 3, 4, 7, 8, 16, 64, 255, 512, 4096, 65536, 1 << 20, 0x7fffffff, 0x80000000, 0xffffffff, -1, -2, -100,
		(uint64_t)1 << 32, (uint64_t)1 << 62, (uint64_t)1 << 63, INT64_MAX };
	switch (next(s) % 6) {
	case 0:
		return one_of(s, numbers, sizeof numbers / 8);
	case 1:
		return next(s) % 48; /* a descriptor, a signal, a command */
	case 2:
		return (uint64_t)1 << next(s) % 32 | (uint64_t)1 << next(s) % 32;
	case 3:
		return next(s);
	}
	return pointer(s);
}

/* What would only end the round, or wait for long. */
static const short never[] = { SYS_exit, SYS_exit_group, SYS_pause, SYS_rt_sigsuspend, SYS_vfork, SYS_fork };
/* What hurts who checks. */
static const short taking_apart[] = { SYS_kill, SYS_tkill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo, SYS_pidfd_send_signal, SYS_umount2,
	SYS_pivot_root, SYS_mount, SYS_move_mount, SYS_reboot, SYS_mount_setattr, SYS_prlimit64, SYS_unlinkat, SYS_rename, SYS_renameat, SYS_renameat2,
	SYS_unlink, SYS_rmdir, SYS_fchmodat, SYS_chmod, SYS_setpriority, SYS_ioctl, SYS_msgctl, SYS_semctl, SYS_shmctl, SYS_vhangup };

static int listed(const short *v, int n, long nr)
{
	for (int i = 0; i < n; i++)
		if (v[i] == nr)
			return 1;
	return 0;
}

static void *calls(void *seed)
{
	uint64_t s = (uint64_t)seed;
	for (int i = 0; i < CALLS; i++) {
		long nr = next(&s) % (LAST + 1), a[6];
		int root = geteuid() == 0;
		for (int k = 0; k < 6; k++)
			a[k] = argument(&s);
		if (listed(never, sizeof never / 2, nr) || (root && !wild && listed(taking_apart, sizeof taking_apart / 2, nr)))
			continue;
		if (next(&s) % 4 == 0) /* other contents for pointers to lead to */
			((uint64_t *)arena)[next(&s) % (7 * 512)] = argument(&s);
		syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]);
	}
	return 0;
}

static void limit(int what, rlim_t n)
{
	struct rlimit l = { n, n };
	setrlimit(what, &l);
}

static void descriptors(void)
{
	int fds[2];
	pipe(fds);
	socketpair(AF_UNIX, SOCK_STREAM, 0, fds);
	socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds);
	epoll_create1(0);
	eventfd(3, EFD_NONBLOCK);
	timerfd_create(CLOCK_MONOTONIC, 0);
	memfd_create("chaos", MFD_ALLOW_SEALING);
	open("/tmp/chaos", O_RDWR | O_CREAT, 0600);
	open("/tmp", O_RDONLY | O_DIRECTORY);
	open("/proc/self/mem", O_RDWR);
	open("/dev/ptmx", O_RDWR | O_NOCTTY);
	open("/etc", O_PATH);
	syscall(SYS_pidfd_open, getpid(), 0);
	sigset_t all;
	sigfillset(&all);
	syscall(SYS_signalfd4, -1, &all, 8, 0);
}

static void nothing(int signo) {}

static void round_(uint64_t seed)
{
	setsid();
	/* What blocks is interrupted. */
	struct sigaction wake = { .sa_handler = nothing };
	struct itimerval often = { { 0, 2000 }, { 0, 2000 } };
	sigaction(SIGALRM, &wake, 0);
	setitimer(ITIMER_REAL, &often, 0);
	limit(RLIMIT_FSIZE, 1 << 20);
	limit(RLIMIT_AS, 512 << 20);
	limit(RLIMIT_NOFILE, 256);
	limit(RLIMIT_CPU, 2);
	limit(RLIMIT_CORE, 0);
	arena = mmap(0, ARENA, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t s = seed;
	for (int i = 0; i < ARENA / 8; i++)
		((uint64_t *)arena)[i] = argument(&s);
	for (int i = 7; i < ARENA >> 12; i += 8)
		mprotect(arena + (i << 12), 4096, i & 8 ? PROT_READ : PROT_NONE);
	descriptors();
	if (!wild && next(&s) % 3) {
		limit(RLIMIT_NPROC, 64);
		setresgid(1000, 1000, 1000);
		setresuid(1000, 1000, 1000);
	}
	pthread_t t[THREADS];
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], 0, calls, (void *)next(&s));
	calls((void *)next(&s));
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], 0);
	_exit(0);
}

/* Whether the kernel does what it should for somebody else. */
static void answers(void)
{
	int status, fds[2];
	char c = 7;
	CHECK(pipe(fds) == 0 && write(fds[1], &c, 1) == 1 && read(fds[0], &c, 1) == 1 && c == 7);
	close(fds[0]), close(fds[1]);
	char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	memset(p, 1, 1 << 20);
	CHECK(munmap(p, 1 << 20) == 0);
	pid_t q = fork();
	if (q == 0)
		_exit(42);
	CHECK(waitpid(q, &status, 0) == q && WEXITSTATUS(status) == 42);
}

/* reap waits for a round's process, and everything that it left behind, which is
 * killed: this is the first process, and there are no others. */
static void reap(pid_t p)
{
	int status;
	struct timespec ms = { 0, 1000000 };
	for (int i = 0; waitpid(-1, &status, WNOHANG) != -1 && i < 10000; i++) {
		if (kill(p, 0) != 0 || i > 300)
			kill(-1, SIGKILL);
		if (waitpid(-1, &status, WNOHANG) == 0)
			nanosleep(&ms, 0);
		else if (i == 9999)
			CHECK(!"all can be killed");
	}
}

int main(int argc, char **argv)
{
	if (argc < 3 || getpid() != 1)
		return 2;
	setvbuf(stdout, 0, _IOLBF, 0);
	uint64_t seed = strtoull(argv[1], 0, 0);
	int rounds = atoi(argv[2]), only = argc > 3 ? atoi(argv[3]) : -1;
	printf("seed %llu, %d rounds\n", (unsigned long long)seed, rounds);
	for (int i = 0; i < rounds && !failures; i++) {
		if (only >= 0 && i != only)
			continue;
		/* The last ones may take the world apart. */
		wild = i >= rounds - rounds / 10;
		pid_t p = fork();
		CHECK(p >= 0);
		if (p == 0) {
			int null = open("/dev/null", O_RDWR);
			for (int fd = 0; fd < 3; fd++)
				dup2(null, fd);
			uint64_t s = seed + i;
			round_(next(&s));
		}
		reap(p);
		answers();
		if (failures)
			printf("after round %d\n", i);
	}
	return failures != 0;
}
