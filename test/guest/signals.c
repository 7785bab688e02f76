#define _GNU_SOURCE
#include "check.h"

#include <setjmp.h>
#include <signal.h>
#include <sys/time.h>

static volatile int seen;

static void note(int signo) { seen = signo; }

static void handle(int signo, void (*f)(int), int flags)
{
	struct sigaction a = {.sa_handler = f, .sa_flags = flags};
	CHECK(sigaction(signo, &a, 0) == 0);
}

static void alarm_after(long us)
{
	struct itimerval it = {.it_value = {0, us}};
	CHECK(setitimer(ITIMER_REAL, &it, 0) == 0);
}

static void handlers(void)
{
	handle(SIGUSR1, note, 0);
	CHECK(raise(SIGUSR1) == 0 && seen == SIGUSR1);
	handle(SIGALRM, note, 0);
	alarm_after(20000);
	FAILS(pause(), EINTR);
	CHECK(seen == SIGALRM);
}

static void interrupted_sleep(void)
{
	struct timespec want = {0, 50000000}, left = {0, 0};
	handle(SIGALRM, note, SA_RESTART);
	alarm_after(10000);
	FAILS(nanosleep(&want, &left), EINTR);
	CHECK(left.tv_nsec > 0 && left.tv_nsec < want.tv_nsec);
}

// A stop does not lengthen a sleep (restart_syscall(2)).
static void sleeper(void)
{
	struct timespec want = {0, 100000000};
	long from = now_ms();
	CHECK(nanosleep(&want, 0) == 0);
	CHECK(now_ms() - from >= 99 && now_ms() - from < 1000);
}

static void stop_and_continue(void)
{
	int status;
	pid_t p = fork();
	if (p == 0) {
		sleeper();
		_exit(failures != 0);
	}
	usleep(10000);
	CHECK(kill(p, SIGSTOP) == 0);
	CHECK(waitpid(p, &status, WUNTRACED) == p && WIFSTOPPED(status));
	CHECK(kill(p, SIGCONT) == 0);
	CHECK(waitpid(p, &status, 0) == p && status == 0);
}

static sigjmp_buf back;

static void faulted(int signo, siginfo_t *i, void *context)
{
	(void)context;
	CHECK(signo == SIGSEGV && i->si_addr == (void *)16 && i->si_code == SEGV_MAPERR);
	siglongjmp(back, 1);
}

static void faults(void)
{
	struct sigaction a = {.sa_sigaction = faulted, .sa_flags = SA_SIGINFO};
	CHECK(sigaction(SIGSEGV, &a, 0) == 0);
	if (sigsetjmp(back, 1) == 0) {
		*(volatile int *)16 = 1;
		CHECK(!"a write to address 16 faults");
	}
}

static void die_of_fault(void) { *(volatile int *)16 = 1; }

static void timers(void)
{
	timer_t id;
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN};
	struct itimerspec when = {.it_value = {0, 10000000}};
	struct timespec limit = {5, 0}, soon = {0, 1000000};
	siginfo_t info;
	sigset_t set;
	ev.sigev_value.sival_int = 5;
	sigemptyset(&set);
	sigaddset(&set, SIGRTMIN);
	CHECK(sigprocmask(SIG_BLOCK, &set, 0) == 0);
	CHECK(timer_create(CLOCK_MONOTONIC, &ev, &id) == 0);
	CHECK(timer_settime(id, 0, &when, 0) == 0);
	CHECK(sigtimedwait(&set, &info, &limit) == SIGRTMIN);
	CHECK(info.si_code == SI_TIMER && info.si_value.sival_int == 5);
	FAILS(sigtimedwait(&set, 0, &soon), EAGAIN);
}

static void errors(void)
{
	stack_t s;
	FAILS(kill(getpid(), 99), EINVAL);
	FAILS(kill(12345678, 0), ESRCH);
	FAILS(kill(12345678, 99), ESRCH);
	CHECK(sigaltstack(0, &s) == 0 && s.ss_flags == SS_DISABLE);
}

int main(void)
{
	handlers();
	interrupted_sleep();
	stop_and_continue();
	faults();
	signal(SIGSEGV, SIG_DFL);
	int status = in_child(die_of_fault);
	CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
	timers();
	errors();
	return failures != 0;
}
