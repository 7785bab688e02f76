// Signals: what handlers get, flags, queues, stacks, restarted calls.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <immintrin.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/select.h>
#include <sys/sem.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>

enum { MAX = 100 };
static siginfo_t got[MAX];
static volatile int n, depth, deepest, total, on_stack;
static char *stack;

static void note(int signo, siginfo_t *i, void *ctx)
{
	char here;
	got[n++ % MAX] = *i;
	on_stack = &here >= stack && &here < stack + 65536;
}

static void install(int signo, void (*f)(int, siginfo_t *, void *), int flags)
{
	struct sigaction a = {.sa_sigaction = f, .sa_flags = SA_SIGINFO | flags};
	CHECK(sigaction(signo, &a, 0) == 0);
}

static void nest(int signo, siginfo_t *i, void *ctx)
{
	if (++depth > deepest)
		deepest = depth;
	if (depth < 3 && total++ < 4)
		raise(signo);
	depth--;
}

static void flags(void)
{
	install(SIGUSR1, nest, SA_NODEFER);
	raise(SIGUSR1);
	CHECK(deepest == 3);
	deepest = total = 0;
	install(SIGUSR1, nest, 0);
	raise(SIGUSR1); // the inner one comes when the handler is through
	CHECK(deepest == 1);

	install(SIGUSR1, note, SA_RESETHAND);
	n = 0;
	raise(SIGUSR1);
	struct sigaction a;
	CHECK(n == 1 && sigaction(SIGUSR1, 0, &a) == 0 && a.sa_handler == SIG_DFL);

	sigset_t mask, old, now;
	struct sigaction m = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
	sigaddset(&m.sa_mask, SIGUSR2);
	CHECK(sigaction(SIGUSR1, &m, 0) == 0 && sigaction(SIGUSR1, 0, &a) == 0 && sigismember(&a.sa_mask, SIGUSR2));
	FAILS(sigaction(SIGKILL, &m, 0), EINVAL);
	FAILS(sigaction(SIGSTOP, &m, 0), EINVAL);
	CHECK(sigaction(SIGKILL, 0, &a) == 0);
	sigfillset(&mask);
	CHECK(sigprocmask(SIG_SETMASK, &mask, &old) == 0 && sigprocmask(SIG_SETMASK, &old, &now) == 0);
	CHECK(!sigismember(&now, SIGKILL) && !sigismember(&now, SIGSTOP) && sigismember(&now, SIGUSR1));
	FAILS(sigprocmask(99, &mask, 0), EINVAL);
}

static void queues(void)
{
	sigset_t set, pending;
	sigemptyset(&set);
	for (int s = SIGRTMIN; s < SIGRTMIN + 3; s++) {
		install(s, note, 0);
		sigaddset(&set, s);
	}
	install(SIGUSR1, note, 0);
	sigaddset(&set, SIGUSR1);
	CHECK(sigprocmask(SIG_BLOCK, &set, 0) == 0);
	n = 0;
	union sigval v;
	for (int i = 0; i < 9; i++) {
		v.sival_int = i;
		CHECK(sigqueue(getpid(), SIGRTMIN + 2 - i % 3, v) == 0);
	}
	kill(getpid(), SIGUSR1);
	kill(getpid(), SIGUSR1);
	CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGUSR1) && sigismember(&pending, SIGRTMIN) && n == 0);
	// A wait takes the lowest first, in order of arrival.
	siginfo_t i;
	struct timespec none = {0, 0};
	CHECK(sigwaitinfo(&set, &i) == SIGUSR1 && i.si_code == SI_USER && i.si_pid == getpid() && i.si_uid == getuid());
	int order[] = {2, 5, 8, 1, 4, 7, 0, 3, 6};
	for (int k = 0; k < 9; k++)
		CHECK(sigtimedwait(&set, &i, &none) == SIGRTMIN + k / 3 && i.si_code == SI_QUEUE && i.si_value.sival_int == order[k]);
	FAILS(sigtimedwait(&set, &i, &none), EAGAIN); // SIGUSR1 came once only
	for (int k = 0; k < 4; k++) {
		v.sival_int = k;
		sigqueue(getpid(), SIGRTMIN + k % 2, v);
	}
	CHECK(sigprocmask(SIG_UNBLOCK, &set, 0) == 0 && n == 4);
	syscall(SYS_tgkill, getpid(), gettid(), SIGUSR1);
	CHECK(n == 5 && got[4].si_code == SI_TKILL);
	FAILS(syscall(SYS_tgkill, getpid(), 1 << 20, SIGUSR1), ESRCH);
	FAILS(syscall(SYS_tgkill, 0, gettid(), SIGUSR1), EINVAL);
	siginfo_t fake = {.si_code = SI_USER, .si_signo = SIGUSR1};
	FAILS(syscall(SYS_rt_sigqueueinfo, getppid() ? getppid() : 1 << 20, SIGUSR1, &fake), EPERM);
}

static void stacks(void)
{
	stack = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	stack_t ss = {.ss_sp = stack, .ss_size = 65536}, old;
	CHECK(sigaltstack(&ss, 0) == 0);
	install(SIGUSR1, note, SA_ONSTACK);
	raise(SIGUSR1);
	CHECK(on_stack == 1);
	install(SIGUSR1, note, 0);
	raise(SIGUSR1);
	CHECK(on_stack == 0);
	ss.ss_size = 100;
	FAILS(sigaltstack(&ss, 0), ENOMEM);
	ss.ss_flags = 99;
	FAILS(sigaltstack(&ss, 0), EINVAL);
	CHECK(sigaltstack(0, &old) == 0 && old.ss_sp == stack && old.ss_size == 65536 && old.ss_flags == 0);
	ss.ss_flags = SS_DISABLE;
	CHECK(sigaltstack(&ss, 0) == 0);
}

// The handler clobbers what it can of the vector and x87 state.
__attribute__((target("avx2"))) static void clobber_avx(void)
{
	__asm__ volatile("vpcmpeqd %%ymm0,%%ymm0,%%ymm0; vmovdqa %%ymm0,%%ymm7; vmovdqa %%ymm0,%%ymm15" ::: "xmm0", "xmm7", "xmm15");
}

static void clobber(int signo, siginfo_t *i, void *ctx)
{
	n++;
	if (__builtin_cpu_supports("avx2"))
		clobber_avx();
	__asm__ volatile("fninit; fld1; fld1; fld1");
	unsigned mx = 0x1f80 | 0x6000;
	__asm__ volatile("ldmxcsr %0" ::"m"(mx));
}

__attribute__((target("avx2"))) static void keep_avx(void)
{
	unsigned long in[4] = {1, 2, 3, 0x123456789abcdef}, out[4];
	__asm__ volatile("vmovdqu %1,%%ymm15\n\t"
			 "mov %2,%%edi; mov %3,%%esi; mov $234,%%eax; mov %2,%%edi; mov %4,%%esi; mov %3,%%edx; syscall\n\t"
			 "vmovdqu %%ymm15,%0"
			 : "=m"(out) : "m"(in), "r"(getpid()), "r"(SIGUSR2), "r"(gettid())
			 : "rax", "rcx", "r11", "rdi", "rsi", "rdx", "memory", "xmm15");
	CHECK(memcmp(in, out, sizeof in) == 0);
}

static void floating_point(void)
{
	n = 0;
	install(SIGUSR2, clobber, 0);
	if (__builtin_cpu_supports("avx2"))
		keep_avx();
	long double a = 1.0L / 3, b;
	unsigned before, after;
	int pid = getpid();
	__asm__ volatile("stmxcsr %0" : "=m"(before));
	__asm__ volatile("fldt %1; mov %2,%%edi; mov %3,%%esi; mov $62,%%eax; syscall; fstpt %0"
			 : "=m"(b) : "m"(a), "r"(pid), "r"(SIGUSR2) : "rax", "rcx", "r11", "rdi", "rsi", "memory");
	__asm__ volatile("stmxcsr %0" : "=m"(after));
	CHECK(a == b && before == after && n >= 1);
	// Whole registers, asynchronously: a timer while sums are made.
	install(SIGALRM, clobber, SA_RESTART);
	struct itimerval it = {{0, 2000}, {0, 2000}}, off = {};
	setitimer(ITIMER_REAL, &it, 0);
	double sum = 0;
	for (n = 0; n < 20;)
		for (int i = 0; i < 1000; i++)
			sum += 0.5, sum -= 0.5;
	setitimer(ITIMER_REAL, &off, 0);
	CHECK(sum == 0);
}

static void edit(int signo, siginfo_t *i, void *ctx)
{
	ucontext_t *u = ctx;
	n++;
	u->uc_mcontext.gregs[REG_RIP] += 2; // over the ud2
	u->uc_mcontext.gregs[REG_RBX] = 77;
	sigaddset(&u->uc_sigmask, SIGUSR1);
}

static void traps(void)
{
	long rbx = 0;
	install(SIGILL, edit, 0);
	n = 0;
	__asm__ volatile("ud2; mov %%rbx,%0" : "=r"(rbx)::"rbx");
	sigset_t now;
	sigprocmask(SIG_BLOCK, 0, &now);
	CHECK(n == 1 && rbx == 77 && sigismember(&now, SIGUSR1));
	sigemptyset(&now);
	sigprocmask(SIG_SETMASK, &now, 0);
	install(SIGTRAP, note, 0);
	n = 0;
	__asm__ volatile("int3");
	CHECK(n == 1 && got[0].si_code == SI_KERNEL);
}

static sigjmp_buf back;

static void jump(int signo, siginfo_t *i, void *ctx)
{
	got[0] = *i;
	siglongjmp(back, 1);
}

static void arithmetic(void)
{
	install(SIGFPE, jump, 0);
	volatile int one = 5, zero = 0, r;
	if (sigsetjmp(back, 1) == 0)
		r = one / zero;
	CHECK(got[0].si_signo == SIGFPE && got[0].si_code == FPE_INTDIV);
	install(SIGSEGV, jump, 0);
	got[0].si_code = 0;
	if (sigsetjmp(back, 1) == 0)
		*(volatile char *)0x8000000000000000UL = 1;
	CHECK(got[0].si_code == SI_KERNEL && got[0].si_addr == 0);
	if (sigsetjmp(back, 1) == 0)
		__asm__ volatile("hlt");
	CHECK(got[0].si_code == SI_KERNEL);
	void *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (sigsetjmp(back, 1) == 0)
		((void (*)(void))page)();
	CHECK(got[0].si_code == SEGV_ACCERR && got[0].si_addr == page);
}

static void children(void)
{
	install(SIGCHLD, note, SA_RESTART);
	n = 0;
	pid_t p = fork();
	if (p == 0)
		_exit(7);
	int status;
	CHECK(waitpid(p, &status, 0) == p && n == 1);
	CHECK(got[0].si_code == CLD_EXITED && got[0].si_pid == p && got[0].si_status == 7);
	n = 0;
	if ((p = fork()) == 0)
		for (;;)
			pause();
	kill(p, SIGSTOP);
	CHECK(waitpid(p, &status, WUNTRACED) == p && n == 1 && got[0].si_code == CLD_STOPPED && got[0].si_status == SIGSTOP);
	kill(p, SIGCONT);
	CHECK(waitpid(p, &status, WCONTINUED) == p && WIFCONTINUED(status));
	for (int i = 0; n < 2 && i < 1000; i++)
		usleep(1000); // it is sent when the child looks up
	CHECK(n == 2 && got[1].si_code == CLD_CONTINUED);
	install(SIGCHLD, note, SA_NOCLDSTOP);
	kill(p, SIGSTOP);
	CHECK(waitpid(p, &status, WUNTRACED) == p && n == 2);
	kill(p, SIGKILL);
	CHECK(waitpid(p, &status, 0) == p && n == 3 && got[2].si_code == CLD_KILLED && got[2].si_status == SIGKILL);
	install(SIGCHLD, note, SA_NOCLDWAIT);
	if ((p = fork()) == 0)
		_exit(0);
	FAILS(waitpid(p, &status, 0), ECHILD);
	signal(SIGCHLD, SIG_DFL);
}

// Each call that sleeps, interrupted by a handler with and without SA_RESTART.
// What restarts is woken by a second signal, whose handler makes it ready.
static int pipes[2], pair[2], other[2], queue, sem, word, locked, ep;
static pid_t blocker;

static void finish(int signo, siginfo_t *i, void *ctx)
{
	n++;
	if (n < 2)
		return;
	write(pipes[1], "x", 1);
	send(pair[1], "x", 1, 0);
	struct sembuf up = {0, 1, 0};
	semop(sem, &up, 1);
	struct { long type; char c; } m = {1, 'x'};
	msgsnd(queue, &m, 1, 0);
	if (blocker)
		kill(blocker, SIGKILL);
}

static long do_read(void) { char b[9]; return read(pipes[0], b, 9); }
static long do_recv(void) { char b[9]; return recv(pair[0], b, 9, 0); }
static long do_wait(void) { int s; return waitpid(blocker, &s, 0); }
static long do_flock(void) { return flock(locked, LOCK_EX); }
static long do_setlkw(void) { struct flock l = {.l_type = F_WRLCK}; return fcntl(locked, F_SETLKW, &l); }
static long do_futex(void) { struct timespec t = {5, 0}; return syscall(SYS_futex, &word, FUTEX_WAIT, 0, &t); }
static long do_poll(void) { struct pollfd f = {pipes[0], POLLIN}; return poll(&f, 1, 5000); }
static long do_select(void) { fd_set s; FD_ZERO(&s); FD_SET(pipes[0], &s); struct timeval t = {5, 0}; return select(pipes[0] + 1, &s, 0, 0, &t); }
static long do_epoll(void) { struct epoll_event e; return epoll_wait(ep, &e, 1, 5000); }
static long do_semop(void) { struct sembuf d = {0, -1, 0}; return semop(sem, &d, 1); }
static long do_msgrcv(void) { struct { long type; char c[9]; } m; return msgrcv(queue, &m, 9, 0, 0); }
static long do_pause(void) { return pause(); }
static long do_suspend(void) { sigset_t s; sigemptyset(&s); return sigsuspend(&s); }
static long do_wait_signal(void) { sigset_t s; sigemptyset(&s); sigaddset(&s, SIGUSR2); return sigwaitinfo(&s, 0); }
static long do_nanosleep(void) { struct timespec t = {5, 0}; return nanosleep(&t, 0); }
static long do_accept(void) { return accept(other[0], 0, 0); }

static void restarts(void)
{
	static const struct { const char *name; long (*call)(void); int restarts; } table[] = {
		{"read", do_read, 1}, {"recv", do_recv, 1}, {"waitpid", do_wait, 1}, {"flock", do_flock, 1},
		{"F_SETLKW", do_setlkw, 1}, {"futex", do_futex, 0}, {"poll", do_poll, 0}, {"select", do_select, 0},
		{"epoll_wait", do_epoll, 0}, {"semop", do_semop, 0}, {"msgrcv", do_msgrcv, 0}, {"pause", do_pause, 0},
		{"sigsuspend", do_suspend, 0}, {"sigwaitinfo", do_wait_signal, 0}, {"nanosleep", do_nanosleep, 0},
	};
	pipe(pipes), socketpair(AF_UNIX, SOCK_STREAM, 0, pair);
	queue = msgget(IPC_PRIVATE, 0600), sem = semget(IPC_PRIVATE, 1, 0600), ep = epoll_create1(0);
	struct epoll_event e = {.events = EPOLLIN};
	epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0], &e);
	locked = open("/locked", O_CREAT | O_RDWR, 0600);
	for (int i = 0; i < sizeof table / sizeof table[0]; i++)
		for (int restart = 0; restart < 2; restart++) {
			int ready[2];
			pipe(ready);
			fflush(stdout);
			if ((blocker = fork()) == 0) { // holds the locks
				int fd = open("/locked", O_RDWR);
				struct flock l = {.l_type = F_WRLCK};
				flock(fd, LOCK_EX), fcntl(fd, F_SETLK, &l);
				write(ready[1], "x", 1);
				for (;;)
					pause();
			}
			char c;
			read(ready[0], &c, 1);
			close(ready[0]), close(ready[1]);
			install(SIGALRM, finish, restart ? SA_RESTART : 0);
			struct itimerval it = {{0, 15000}, {0, 15000}}, off = {};
			int again = restart && table[i].restarts, err, tries = 0;
			long r;
			// On a busy machine the next signal may come before the timer is off: that is
			// no restart, unless it happens every time.
			do {
				n = 0;
				setitimer(ITIMER_REAL, &it, 0);
				r = table[i].call();
				err = errno;
				setitimer(ITIMER_REAL, &off, 0);
			} while (!again && r == -1 && err == EINTR && n > 1 && tries++ < 5);
			if (again ? r < 0 || n < 2 : r != -1 || err != EINTR || n != 1) {
				printf("%s, restart %d: %ld, errno %d after %d signals\n", table[i].name, restart, r, err, n);
				failures++;
			}
			CHECK(!again || n >= 2);
			kill(blocker, SIGKILL);
			waitpid(blocker, 0, 0);
			flock(locked, LOCK_UN);
			struct flock un = {.l_type = F_UNLCK};
			fcntl(locked, F_SETLK, &un);
			fcntl(pipes[0], F_SETFL, O_NONBLOCK), fcntl(pair[0], F_SETFL, O_NONBLOCK);
			while (do_read() > 0 || do_recv() > 0)
				;
			fcntl(pipes[0], F_SETFL, 0), fcntl(pair[0], F_SETFL, 0);
			while (msgrcv(queue, &(struct { long t; char c[9]; }){}, 9, 0, IPC_NOWAIT) >= 0)
				;
			semctl(sem, 0, SETVAL, 0);
		}
	msgctl(queue, IPC_RMID, 0), semctl(sem, 0, IPC_RMID);
}

static void inherits(void)
{
	sigset_t set, now;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR1);
	sigprocmask(SIG_BLOCK, &set, 0);
	raise(SIGUSR1);
	pid_t p = fork();
	if (p == 0) { // the mask, not what is pending
		sigpending(&set);
		sigprocmask(SIG_BLOCK, 0, &now);
		_exit(!sigismember(&now, SIGUSR1) || sigismember(&set, SIGUSR1));
	}
	int status;
	CHECK(waitpid(p, &status, 0) == p && status == 0);
	signal(SIGUSR1, SIG_IGN);
	sigpending(&now);
	CHECK(!sigismember(&now, SIGUSR1)); // ignoring discards
	sigprocmask(SIG_UNBLOCK, &set, 0);
}

int main(void)
{
	flags();
	queues();
	stacks();
	floating_point();
	traps();
	arithmetic();
	children();
	restarts();
	inherits();
	return failures != 0;
}
