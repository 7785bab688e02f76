#define _GNU_SOURCE
#include "check.h"

#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/utsname.h>

static void forks(void)
{
	int status;
	pid_t p = fork();
	if (p == 0)
		_exit(7);
	CHECK(waitpid(p, &status, 0) == p && WIFEXITED(status) && WEXITSTATUS(status) == 7);
	FAILS(waitpid(-1, &status, 0), ECHILD);
	FAILS(waitpid(-2147483647 - 1, &status, 0), ESRCH);
	FAILS(waitpid(-1, &status, 0x1000), EINVAL);
	p = vfork();
	if (p == 0)
		_exit(3);
	CHECK(waitpid(p, &status, 0) == p && WEXITSTATUS(status) == 3);
}

// A child's memory is its own.
static void memory(void)
{
	static int word = 1;
	static char big[1 << 20];
	int status;
	memset(big, 1, sizeof big);
	pid_t p = fork();
	if (p == 0) {
		word = 2;
		memset(big, 2, sizeof big);
		_exit(big[12345] != 2);
	}
	CHECK(waitpid(p, &status, 0) == p && status == 0);
	CHECK(word == 1 && big[0] == 1 && big[sizeof big - 1] == 1);
}

static void pidfds(void)
{
	siginfo_t info = {0};
	pid_t p = fork();
	if (p == 0) {
		pause();
		_exit(0);
	}
	int fd = syscall(SYS_pidfd_open, p, 0);
	CHECK(fd >= 0);
	CHECK(syscall(SYS_pidfd_send_signal, fd, SIGTERM, 0, 0) == 0);
	CHECK(waitid(3 /* P_PIDFD */, fd, &info, WEXITED) == 0);
	CHECK(info.si_pid == p && info.si_status == SIGTERM && info.si_code == CLD_KILLED);
	FAILS(syscall(SYS_pidfd_send_signal, fd, 0, 0, 0), ESRCH);
	close(fd);
}

static void foreign_memory(void)
{
	static char mine[20000], theirs[20000];
	struct iovec l = {mine, sizeof mine}, r = {theirs, sizeof theirs}, bad = {(void *)8, 8};
	int status, gate[2];
	CHECK(pipe(gate) == 0);
	pid_t p = fork();
	if (p == 0) {
		memset(theirs, 'x', sizeof theirs);
		CHECK(write(gate[1], "", 1) == 1);
		pause();
	}
	CHECK(read(gate[0], mine, 1) == 1);
	CHECK(process_vm_readv(p, &l, 1, &r, 1, 0) == sizeof mine);
	CHECK(mine[0] == 'x' && mine[sizeof mine - 1] == 'x' && theirs[0] == 0);
	FAILS(process_vm_readv(p, &l, 1, &bad, 1, 0), EFAULT);
	mine[0] = 'y';
	CHECK(process_vm_writev(p, &l, 1, &r, 1, 0) == sizeof mine);
	mine[0] = 0;
	CHECK(process_vm_readv(p, &l, 1, &r, 1, 0) == sizeof mine && mine[0] == 'y');
	kill(p, SIGKILL);
	CHECK(waitpid(p, &status, 0) == p);
	FAILS(process_vm_readv(p, &l, 1, &r, 1, 0), ESRCH);
}

static void groups(void)
{
	CHECK(in_child((void (*)(void))setsid) == 0);
	pid_t p = fork();
	if (p == 0) {
		CHECK(setpgid(0, 0) == 0 && getpgrp() == getpid());
		FAILS(setsid(), EPERM);
		FAILS(setpgid(0, 12345), EPERM);
		_exit(failures != 0);
	}
	int status;
	CHECK(waitpid(p, &status, 0) == p && status == 0);
}

static void system_information(void)
{
	struct utsname u;
	struct rlimit l;
	cpu_set_t cpus;
	struct rusage use;
	CHECK(uname(&u) == 0 && !strcmp(u.sysname, "Linux") && !strcmp(u.machine, "x86_64"));
	CHECK(getrlimit(RLIMIT_STACK, &l) == 0 && l.rlim_cur >= 1 << 20);
	l.rlim_max = 0;
	FAILS(setrlimit(RLIMIT_STACK, &l), EINVAL);
	CHECK(sched_getaffinity(0, sizeof cpus, &cpus) == 0 && CPU_COUNT(&cpus) > 0);
	CHECK(setpriority(PRIO_PROCESS, 0, 5) == 0 && getpriority(PRIO_PROCESS, 0) == 5);
	CHECK(getrusage(RUSAGE_SELF, &use) == 0);
}

// RLIMIT_CPU: a signal every second at the soft limit, SIGKILL at the hard one.
static volatile sig_atomic_t warned;
static void warn(int s) { warned++; }

static void spin_soft(void)
{
	signal(SIGXCPU, warn);
	struct rlimit l = {1, RLIM_INFINITY};
	CHECK(setrlimit(RLIMIT_CPU, &l) == 0);
	while (!warned)
		;
	CHECK(getrlimit(RLIMIT_CPU, &l) == 0 && l.rlim_cur == 2);
	CHECK(clock() >= CLOCKS_PER_SEC / 2);
}

static void spin_hard(void)
{
	struct rlimit l = {1, 1};
	CHECK(setrlimit(RLIMIT_CPU, &l) == 0);
	if (fork() == 0) // inherits it
		for (;;)
			;
	int status;
	CHECK(wait(&status) > 0 && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void cpu_limit(void)
{
	CHECK(in_child(spin_soft) == 0);
	CHECK(in_child(spin_hard) == 0);
}

static void clocks(void)
{
	struct timespec a, b;
	clockid_t mine;
	CHECK(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a) == 0);
	CHECK(clock_getcpuclockid(getpid(), &mine) == 0 && clock_gettime(mine, &b) == 0);
	CHECK(b.tv_sec > a.tv_sec || b.tv_nsec >= a.tv_nsec);
	FAILS(clock_gettime(99, &a), EINVAL);
	a.tv_nsec = -1;
	CHECK(clock_nanosleep(CLOCK_MONOTONIC, 0, &a, 0) == EINVAL);
}

int main(void)
{
	forks();
	memory();
	pidfds();
	foreign_memory();
	groups();
	CHECK(in_child(system_information) == 0);
	cpu_limit();
	clocks();
	return failures != 0;
}
