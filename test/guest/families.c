// Processes: the ways to make them, to wait for them, and what they belong to.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <fenv.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <termios.h>

struct clone_args3 { uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup; };

static long clone3(struct clone_args3 *a, size_t n) { return syscall(SYS_clone3, a, n); }

static void clones(void)
{
	int pidfd = -1, status;
	pid_t parent = 0, child = 0;
	struct clone_args3 a = {
		.flags = CLONE_PIDFD | CLONE_PARENT_SETTID | CLONE_CHILD_SETTID, .pidfd = (uint64_t)&pidfd,
		.parent_tid = (uint64_t)&parent, .child_tid = (uint64_t)&child, .exit_signal = SIGCHLD,
	};
	pid_t p = clone3(&a, sizeof a);
	if (p == 0)
		_exit(child == getpid() ? 5 : 1);
	CHECK(p > 0 && parent == p && child == 0 && pidfd >= 0 && fcntl(pidfd, F_GETFD) == FD_CLOEXEC);
	struct pollfd f = {pidfd, POLLIN};
	CHECK(poll(&f, 1, 5000) == 1 && f.revents & POLLIN);
	siginfo_t i;
	CHECK(waitid(P_PIDFD, pidfd, &i, WEXITED | WNOWAIT) == 0 && i.si_status == 5 && i.si_pid == p);
	CHECK(waitid(P_PIDFD, pidfd, &i, WEXITED) == 0);
	FAILS(waitid(P_PIDFD, pidfd, &i, WEXITED), ECHILD);
	FAILS(syscall(SYS_pidfd_send_signal, pidfd, 0, 0, 0), ESRCH);
	close(pidfd);
	struct clone_args3 bad = {.flags = CLONE_THREAD, .exit_signal = SIGCHLD};
	FAILS(clone3(&bad, sizeof bad), EINVAL);
	bad.flags = CLONE_SIGHAND;
	FAILS(clone3(&bad, sizeof bad), EINVAL);
	bad.flags = CLONE_FS | CLONE_NEWNS;
	FAILS(clone3(&bad, sizeof bad), EINVAL);
	bad.flags = 1ULL << 62;
	FAILS(clone3(&bad, sizeof bad), EINVAL);
	FAILS(clone3(&bad, 8), EINVAL);
	FAILS(clone3((void *)16, sizeof bad), EFAULT);
	// Another signal, or none, at the end.
	p = syscall(SYS_clone, 0, 0, 0, 0, 0);
	if (p == 0)
		_exit(0);
	FAILS(waitpid(p, &status, 0), ECHILD);
	CHECK(waitpid(p, &status, __WCLONE) == p);
	// Files are shared as the flags say.
	p = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (p == 0)
		_exit(dup2(1, 77) != 77);
	CHECK(waitpid(p, &status, 0) == p && status == 0 && fcntl(77, F_GETFD) == 0 && close(77) == 0);
	p = syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0);
	if (p == 0)
		_exit(chdir("/proc"));
	char cwd[100];
	CHECK(waitpid(p, &status, 0) == p && !strcmp(getcwd(cwd, sizeof cwd), "/proc") && chdir("/") == 0);
}

// The child of a vfork shares its parent's memory, not its registers, and
// outlives it.
static void lent(void)
{
	int status, line[2];
	pid_t p = vfork();
	if (p == 0) {
		fesetround(FE_UPWARD);
		pid_t own = getpid(), q = vfork();
		if (q == 0)
			_exit(getppid() != own || fesetround(FE_TOWARDZERO));
		_exit(fegetround() != FE_UPWARD || waitpid(q, &status, 0) != q || status || getpid() != own);
	}
	CHECK(waitpid(p, &status, 0) == p && status == 0 && fegetround() == FE_TONEAREST && getpid() == gettid());

	CHECK(pipe(line) == 0);
	p = fork();
	if (p == 0) {
		if (vfork() == 0) {
			char c = 0;
			write(line[1], &c, 1);
			usleep(50000);
			for (int i = 0; i < 100; i++) // calls and faults of its own
				getppid();
			*(volatile char *)malloc(100000) = 1;
			write(line[1], &c, 1);
			_exit(0);
		}
		_exit(1);
	}
	char c;
	CHECK(close(line[1]) == 0 && read(line[0], &c, 1) == 1);
	CHECK(kill(p, SIGKILL) == 0 && waitpid(p, &status, 0) == p && WTERMSIG(status) == SIGKILL);
	CHECK(read(line[0], &c, 1) == 1 && read(line[0], &c, 1) == 0 && close(line[0]) == 0);
	while (waitpid(-1, &status, 0) > 0)
		; // the orphan is ours, if we are init
}

static void vforks(void)
{
	volatile int seen = 0;
	int status;
	pid_t p = vfork();
	if (p == 0) {
		seen = 1;
		usleep(20000);
		seen = 2;
		_exit(3);
	}
	CHECK(seen == 2 && waitpid(p, &status, 0) == p && WEXITSTATUS(status) == 3);
	p = vfork();
	if (p == 0) {
		execl("/none", "none", (char *)0);
		_exit(errno);
	}
	CHECK(waitpid(p, &status, 0) == p && WEXITSTATUS(status) == ENOENT);
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t at;
	posix_spawn_file_actions_init(&fa);
	posix_spawn_file_actions_addopen(&fa, 9, "/plain", O_RDONLY, 0);
	posix_spawn_file_actions_addclose(&fa, 0);
	posix_spawnattr_init(&at);
	posix_spawnattr_setflags(&at, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF);
	char *argv[] = {"guest", "spawned", 0}, *envp[] = {"F=2", 0};
	CHECK(posix_spawn(&p, "/guest", &fa, &at, argv, envp) == 0);
	CHECK(waitpid(p, &status, 0) == p && status == 0);
	CHECK(posix_spawn(&p, "/garbage", 0, 0, argv, envp) == ENOEXEC);
	CHECK(posix_spawn(&p, "/none", 0, 0, argv, envp) == ENOENT);
}

static int spawned(void)
{
	CHECK(getenv("F") && !getenv("E") && getpgrp() == getpid());
	CHECK(fcntl(9, F_GETFD) == 0);
	FAILS(fcntl(0, F_GETFD), EBADF);
	return failures != 0;
}

static pid_t child(int code)
{
	fflush(stdout);
	pid_t p = fork();
	if (p == 0)
		_exit(code);
	return p;
}

static void waits(void)
{
	int status;
	siginfo_t i;
	struct rusage u;
	FAILS(waitpid(-1, &status, 0), ECHILD);
	FAILS(waitpid(1 << 22, &status, 0), ECHILD);
	FAILS(waitpid(-1, &status, 0x40), EINVAL);
	FAILS(waitid(P_ALL, 0, &i, 0), EINVAL);
	FAILS(waitid(P_PID, -5, &i, WEXITED), EINVAL);
	FAILS(waitpid(INT32_MIN, &status, 0), ESRCH);
	pid_t a = child(1), b = child(2);
	CHECK(waitpid(b, &status, 0) == b && WEXITSTATUS(status) == 2);
	CHECK(wait4(-1, &status, 0, &u) == a && WEXITSTATUS(status) == 1 && u.ru_maxrss >= 0);
	fflush(stdout);
	if ((a = fork()) == 0) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	setpgid(a, a);
	memset(&i, 1, sizeof i);
	CHECK(waitid(P_PGID, a, &i, WEXITED | WNOHANG) == 0 && i.si_pid == 0 && i.si_signo == 0);
	CHECK(waitpid(a, &status, WNOHANG) == 0 && waitpid(0, &status, WNOHANG) == -1 && errno == ECHILD);
	CHECK(waitpid(-a, &status, WNOHANG) == 0);
	kill(a, SIGSTOP);
	CHECK(waitid(P_PID, a, &i, WSTOPPED | WNOWAIT) == 0 && i.si_code == CLD_STOPPED && i.si_status == SIGSTOP);
	CHECK(waitid(P_PID, a, &i, WSTOPPED) == 0 && waitpid(a, &status, WUNTRACED | WNOHANG) == 0);
	kill(-a, SIGCONT);
	CHECK(waitid(P_PGID, a, &i, WCONTINUED) == 0 && i.si_code == CLD_CONTINUED && i.si_signo == SIGCHLD);
	kill(a, SIGTERM);
	CHECK(waitid(P_ALL, 0, &i, WEXITED) == 0 && i.si_code == CLD_KILLED && i.si_status == SIGTERM && i.si_uid == getuid());
	struct rlimit none = {};
	setrlimit(RLIMIT_CORE, &none);
	if ((a = fork()) == 0)
		abort();
	CHECK(waitpid(a, &status, 0) == a && WTERMSIG(status) == SIGABRT && !WCOREDUMP(status));
}

static void sessions(void)
{
	pid_t me = getpid(), p;
	int gate[2], status;
	CHECK(setsid() == me && getsid(0) == me && getpgrp() == me);
	FAILS(setsid(), EPERM);
	FAILS(setpgid(0, 0) == -1 ? -1 : (errno = EPERM, -1), EPERM); // a leader stays
	FAILS(setpgid(1 << 22, 0), ESRCH);
	FAILS(setpgid(0, -1), EINVAL);
	FAILS(getsid(1 << 22), ESRCH);
	FAILS(getpgid(1 << 22), ESRCH);
	pipe(gate);
	if ((p = fork()) == 0) {
		char c;
		read(gate[0], &c, 1);
		setsid();
		write(gate[1], "xx", 2);
		for (;;)
			pause();
	}
	CHECK(getpgid(p) == me && setpgid(p, p) == 0 && getpgid(p) == p && setpgid(p, me) == 0);
	FAILS(setpgid(p, 1 << 20), EPERM);
	write(gate[1], "x", 1);
	while (getsid(p) != p)
		usleep(1000);
	FAILS(setpgid(p, me), EPERM);
	kill(p, SIGKILL);
	waitpid(p, &status, 0);
	// A terminal of the session's own.
	int m = open("/dev/ptmx", O_RDWR | O_NOCTTY);
	if (m < 0)
		return; // not in this file system
	close(m);
}

// orphan leaves a grandchild behind, which tells who its parent becomes.
static pid_t orphan(int report)
{
	fflush(stdout);
	pid_t p = fork();
	if (p == 0) {
		pid_t me = getpid();
		if (fork() == 0) {
			while (getppid() == me)
				usleep(1000);
			pid_t now = getppid();
			write(report, &now, sizeof now);
			_exit(9);
		}
		_exit(0);
	}
	return p;
}

static void subreaping(void)
{
	int r[2], status, on = -1;
	pid_t now = 0;
	pipe(r);
	CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && prctl(PR_GET_CHILD_SUBREAPER, &on) == 0 && on == 1);
	pid_t p = orphan(r[1]);
	CHECK(waitpid(p, &status, 0) == p);
	CHECK(read(r[0], &now, sizeof now) == sizeof now && now == getpid());
	CHECK(waitpid(-1, &status, 0) > 0 && WEXITSTATUS(status) == 9);
}

static volatile sig_atomic_t told;
static void tell(int s) { told = s; }

static void death_signal(void)
{
	int r[2], s = -1;
	char c = 0;
	pipe(r);
	if (fork() == 0) {
		pid_t p = getpid();
		if (fork() == 0) {
			close(r[0]);
			signal(SIGUSR1, tell);
			prctl(PR_SET_PDEATHSIG, SIGUSR1);
			prctl(PR_GET_PDEATHSIG, &s);
			write(r[1], s == SIGUSR1 ? "s" : "?", 1);
			for (int i = 0; i < 5000 && !told; i++)
				usleep(1000);
			write(r[1], told == SIGUSR1 ? "t" : "?", 1);
			_exit(0);
		}
		read(r[0], &c, 1);
		write(r[1], &c, 1);
		_exit(0);
	}
	close(r[1]);
	int status;
	CHECK(wait(&status) > 0 && status == 0);
	CHECK(read(r[0], &c, 1) == 1 && read(r[0], &c, 1) == 1 && c == 't');
	FAILS(prctl(PR_SET_PDEATHSIG, 99), EINVAL);
}

static void names(void)
{
	char b[17] = {};
	CHECK(prctl(PR_SET_NAME, "a name that is long") == 0 && prctl(PR_GET_NAME, b) == 0 && !strcmp(b, "a name that is "));
	CHECK(prctl(PR_SET_DUMPABLE, 0) == 0 && prctl(PR_GET_DUMPABLE) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
	FAILS(prctl(PR_SET_DUMPABLE, 7), EINVAL);
	CHECK(prctl(PR_SET_TIMERSLACK, 1000) == 0 && prctl(PR_GET_TIMERSLACK) == 1000);
	FAILS(prctl(12345), EINVAL);
	CHECK(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 0 && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1);
	cpu_set_t set;
	CHECK(sched_getaffinity(0, sizeof set, &set) == 0 && CPU_COUNT(&set) >= 1 && sched_setaffinity(0, sizeof set, &set) == 0);
	CPU_ZERO(&set);
	FAILS(sched_setaffinity(0, sizeof set, &set), EINVAL);
	FAILS(sched_getaffinity(1 << 22, sizeof set, &set), ESRCH);
	CHECK(sched_getscheduler(0) == SCHED_OTHER && sched_get_priority_max(SCHED_FIFO) == 99 && sched_yield() == 0);
	int nice = getpriority(PRIO_PROCESS, 0);
	CHECK(setpriority(PRIO_PROCESS, 0, nice + 1) == 0 && getpriority(PRIO_PROCESS, 0) == nice + 1);
	FAILS(setpriority(9, 0, 0), EINVAL);
	FAILS(getpriority(PRIO_PROCESS, 1 << 22), ESRCH);
}

int main(int argc, char **argv)
{
	if (argc > 1)
		return spawned();
	clones();
	vforks();
	lent();
	waits();
	CHECK(in_child(sessions) == 0);
	CHECK(in_child(subreaping) == 0);
	CHECK(in_child(death_signal) == 0);
	CHECK(in_child(names) == 0);
	return failures != 0;
}
