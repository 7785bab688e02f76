/* Traps: breakpoints, single steps (across system calls, too), and the faults of
 * single instructions, with their codes and addresses (sigaction(2)). */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <ucontext.h>
#include "check.h"

static siginfo_t last;
static uint64_t at;
static volatile int traps;
static sigjmp_buf out;

static void note(int sig, siginfo_t *i, void *c)
{
	last = *i;
	at = ((ucontext_t *)c)->uc_mcontext.gregs[REG_RIP];
	traps++;
}

static void leave(int sig, siginfo_t *i, void *c)
{
	note(sig, i, c);
	siglongjmp(out, 1);
}

static void handle(int sig, void (*f)(int, siginfo_t *, void *))
{
	struct sigaction a = { .sa_sigaction = f, .sa_flags = SA_SIGINFO };
	CHECK(sigaction(sig, &a, 0) == 0);
}

static void breakpoint(void)
{
	uint64_t next;
	handle(SIGTRAP, note);
	asm volatile("lea 1f(%%rip), %0; int3; 1:" : "=r"(next));
	CHECK(traps == 1 && last.si_signo == SIGTRAP && last.si_code == SI_KERNEL && at == next);
}

/* The handler of a step sees each instruction of the loop, and no other. */
static uint64_t lo, hi;
static volatile int strange, steps;

static void step(int sig, siginfo_t *i, void *c)
{
	ucontext_t *u = c;
	uint64_t rip = u->uc_mcontext.gregs[REG_RIP];
	steps++;
	if (i->si_code != TRAP_TRACE)
		strange++;
	if (rip < lo || rip > hi)
		strange++;
	if (rip == hi)
		u->uc_mcontext.gregs[REG_EFL] &= ~0x100;
}

static long stepped(int round)
{
	long pids = 0, n = 5;
	strange = steps = 0;
	asm volatile(
		"lea 1f(%%rip), %%rax; mov %%rax, %[lo]\n"
		"lea 3f(%%rip), %%rax; mov %%rax, %[hi]\n"
		"pushfq; orq $0x100, (%%rsp); popfq\n"
		"1: nop\n"
		"2: mov $110, %%eax; syscall\n" /* getppid */
		"cmp $-4096, %%rax\n"
		"ja 3f\n"
		"add $1, %[pids]\n"
		"mov $39, %%edx; mov %%edx, %%eax; syscall\n" /* getpid */
		"cmp $-4096, %%rax\n"
		"ja 3f\n"
		"add $1, %[pids]\n"
		"sub $1, %[n]\n"
		"jnz 2b\n"
		"3: nop\n"
		: [lo] "=m"(lo), [hi] "=m"(hi), [pids] "+r"(pids), [n] "+r"(n)
		: : "rax", "rcx", "rdx", "r11", "memory", "cc");
	CHECK(pids == 10);
	CHECK(strange == 0);
	/* A step over a call may end behind the instruction that follows. */
	CHECK(steps >= 45 && steps <= 90);
	return pids;
}

static void steppings(void)
{
	handle(SIGTRAP, step);
	for (int i = 0; i < 5; i++)
		stepped(i);
}

static void faults(void)
{
	handle(SIGILL, leave);
	handle(SIGFPE, leave);
	handle(SIGSEGV, leave);
	handle(SIGBUS, leave);
	uint64_t want;
	traps = 0;
	if (!sigsetjmp(out, 1)) {
		asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; 1: ud2" : "=m"(want) : : "rax");
	}
	CHECK(traps == 1 && last.si_signo == SIGILL && last.si_code == ILL_ILLOPN && at == want && (uint64_t)last.si_addr == want);
	if (!sigsetjmp(out, 1)) {
		asm volatile("lea 1f(%%rip), %%rax; mov %%rax, %0; xor %%ecx, %%ecx; xor %%edx, %%edx; 1: div %%ecx" : "=m"(want) : : "rax", "rcx", "rdx");
	}
	CHECK(traps == 2 && last.si_signo == SIGFPE && last.si_code == FPE_INTDIV && (uint64_t)last.si_addr == want);
	if (!sigsetjmp(out, 1))
		*(volatile char *)0x1234 = 1;
	CHECK(traps == 3 && last.si_signo == SIGSEGV && last.si_code == SEGV_MAPERR && (uint64_t)last.si_addr == 0x1234);
	if (!sigsetjmp(out, 1))
		*(volatile char *)0xdead000000000000 = 1; /* not canonical */
	CHECK(traps == 4 && last.si_signo == SIGSEGV && last.si_code == SI_KERNEL && last.si_addr == 0);
	if (!sigsetjmp(out, 1))
		asm volatile("hlt");
	CHECK(traps == 5 && last.si_signo == SIGSEGV && last.si_code == SI_KERNEL);
	if (!sigsetjmp(out, 1))
		asm volatile("cli");
	CHECK(traps == 6 && last.si_signo == SIGSEGV);
}

/* What no handler takes kills with the signal. */
static void dies_int3(void) { asm volatile("int3"); }
static void dies_ud2(void) { asm volatile("ud2"); }
static void dies_step(void) { asm volatile("pushfq; orq $0x100, (%rsp); popfq; nop; nop"); }

static void kills(void (*f)(void), int sig)
{
	fflush(stdout);
	pid_t p = fork();
	if (p == 0) {
		signal(SIGTRAP, SIG_DFL);
		signal(SIGILL, SIG_DFL);
		f();
		_exit(0);
	}
	int status;
	CHECK(waitpid(p, &status, 0) == p && WIFSIGNALED(status) && WTERMSIG(status) == sig);
}

/* int $0x80 and x32 numbers are no way in where the kernel has none; here the
 * host may have them, so only that nothing breaks is checked. */
static void gates(void)
{
	long r = syscall(0x40000000 | SYS_getpid);
	CHECK(r == getpid() || (r == -1 && errno == ENOSYS));
}

int main(void)
{
	breakpoint();
	steppings();
	faults();
	kills(dies_int3, SIGTRAP);
	kills(dies_ud2, SIGILL);
	kills(dies_step, SIGTRAP);
	gates();
	return failures != 0;
}
