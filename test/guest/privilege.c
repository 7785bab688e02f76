#define _GNU_SOURCE
#include "check.h"

#include <grp.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

// filter makes getppid do what action says.
static void filter(unsigned action, int flags)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, action),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog p = {4, f};
	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &p) == 0);
}

static void seccomp_errno(void)
{
	filter(SECCOMP_RET_ERRNO | 77, 0);
	FAILS(syscall(SYS_getppid), 77);
	CHECK(prctl(PR_GET_SECCOMP) == SECCOMP_MODE_FILTER);
}

static void seccomp_kill(void)
{
	filter(SECCOMP_RET_KILL_PROCESS, 0);
	syscall(SYS_getppid);
}

static volatile int call, code;

static void trapped(int signo, siginfo_t *i, void *context)
{
	(void)signo, (void)context;
	call = i->si_syscall;
	code = i->si_code;
}

static void seccomp_trap(void)
{
	struct sigaction a = {.sa_sigaction = trapped, .sa_flags = SA_SIGINFO};
	CHECK(sigaction(SIGSYS, &a, 0) == 0);
	filter(SECCOMP_RET_TRAP, 0);
	syscall(SYS_getppid);
	CHECK(call == SYS_getppid && code == 1 /* SYS_SECCOMP */);
}

static volatile int go;

static void *follower(void *arg)
{
	(void)arg;
	while (!go)
		sched_yield();
	return (void *)(long)(syscall(SYS_getppid) == -1 && errno == 78);
}

static void seccomp_all_threads(void)
{
	pthread_t t;
	void *filtered;
	pthread_create(&t, 0, follower, 0);
	filter(SECCOMP_RET_ERRNO | 78, SECCOMP_FILTER_FLAG_TSYNC);
	go = 1;
	pthread_join(t, &filtered);
	CHECK(filtered == (void *)1);
}

static void drop_root(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	CHECK(setgroups(0, 0) == 0);
	CHECK(setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
	FAILS(setuid(0), EPERM);
	FAILS(setgroups(0, 0), EPERM);
	FAILS(sethostname("x", 1), EPERM);
	CHECK(syscall(SYS_capget, &h, d) == 0);
	CHECK(d[0].effective == 0 && d[0].permitted == 0 && d[1].permitted == 0);
	FAILS(kill(getppid(), 0), EPERM);
}

static void keep_caps(void)
{
	struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct d[2];
	CHECK(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) == 0);
	CHECK(setresuid(1000, 1000, 1000) == 0);
	CHECK(syscall(SYS_capget, &h, d) == 0);
	CHECK(d[0].effective == 0 && d[0].permitted != 0);
}

int main(void)
{
	CHECK(in_child(seccomp_errno) == 0);
	int status = in_child(seccomp_kill);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
	CHECK(in_child(seccomp_trap) == 0);
	CHECK(in_child(seccomp_all_threads) == 0);
	CHECK(in_child(drop_root) == 0);
	CHECK(in_child(keep_caps) == 0);
	return failures != 0;
}
