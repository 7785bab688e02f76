/* A guest that has taken over its stub: it makes the host calls that the stub's
 * filter allows, by itself, and looks for what is not its own. It runs only
 * inside, and knows systrap's layout (sentry/platform/systrap/layout.h). */
#define _GNU_SOURCE
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include "check.h"

#define TEXT 0x7ff000000000UL
#define CTL 0x7ff010000000UL
#define SCRATCH ((char *)0x10000000UL)

static char *gate; /* the stub's loop over operations, at its call */

/* host makes a host call through the stub, which returns by way of the
 * registers in the slot. */
static long host(long nr, long a, long b, long c, long d, long e, long f)
{
	volatile long op[8] = { nr, a, b, c, d, e, f, 0 };
	asm volatile(
		"mov %%gs:0x68, %%rax\n"
		"movl $4, 0x10(%%rax)\n" /* CMD_RETURN */
		"movl $0, 0x24(%%rax)\n" /* NEEDSEQ */
		"mov %%rbx, 0xb58(%%rax)\n"
		"mov %%rbp, 0xb50(%%rax)\n"
		"mov %%r12, 0xb20(%%rax)\n"
		"mov %%r13, 0xb28(%%rax)\n"
		"mov %%r14, 0xb30(%%rax)\n"
		"mov %%r15, 0xb38(%%rax)\n"
		"mov %%rsp, 0xb78(%%rax)\n"
		"movq $0x202, 0xb88(%%rax)\n"
		"lea 1f(%%rip), %%rcx\n"
		"mov %%rcx, 0xb80(%%rax)\n"
		"mov %[gate], %%r11\n"
		"mov %[op], %%r14\n"
		"mov %%rax, %%rbx\n"
		"mov $1, %%r13d\n"
		"xor %%r12d, %%r12d\n"
		"mov %[ctl], %%r15\n"
		"mov 8(%%r14), %%rdi\n"
		"mov 16(%%r14), %%rsi\n"
		"mov 24(%%r14), %%rdx\n"
		"mov 32(%%r14), %%r10\n"
		"mov 40(%%r14), %%r8\n"
		"mov 48(%%r14), %%r9\n"
		"mov (%%r14), %%rax\n"
		"jmp *%%r11\n"
		"1:\n"
		: : [gate] "m"(gate), [op] "r"(op), [ctl] "i"(CTL)
		: "rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11", "memory", "cc");
	return op[0];
}

static int findGate(void)
{
	/* syscall; mov 56(%r14),%ecx */
	static const unsigned char want[] = { 0x0f, 0x05, 0x41, 0x8b, 0x4e, 0x38 };
	for (char *p = (char *)TEXT; p < (char *)TEXT + 4000; p++)
		if (!memcmp(p, want, sizeof want)) {
			gate = p;
			return 1;
		}
	return 0;
}

static sigjmp_buf fault;
static void on_fault(int sig) { siglongjmp(fault, 1); }

/* holds and spoil touch SCRATCH, which may lie behind its file's end. */
static int holds(const char *word)
{
	return !sigsetjmp(fault, 1) && memmem(SCRATCH, 4096, word, strlen(word)) != 0;
}
static void spoil(void)
{
	if (!sigsetjmp(fault, 1))
		memset(SCRATCH, 0xee, 64);
}

/* look maps every descriptor of the stub at offset off, and reports whether a
 * page there holds word. What can be mapped for writing is written to. */
static int look(uint64_t off, const char *word)
{
	int found = 0;
	for (int fd = 0; fd < 100; fd++) {
		long r = host(SYS_mmap, (long)SCRATCH, 4096, PROT_READ, MAP_FIXED | MAP_SHARED, fd, off);
		if (r == (long)SCRATCH && holds(word))
			found = 1;
		r = host(SYS_mmap, (long)SCRATCH, 4096, PROT_READ | PROT_WRITE, MAP_FIXED | MAP_SHARED, fd, off);
		if (r == (long)SCRATCH)
			spoil();
	}
	host(SYS_munmap, (long)SCRATCH, 4096, 0, 0, 0, 0);
	return found;
}

static void sync_to(int fd) { CHECK(write(fd, "x", 1) == 1); }
static void sync_from(int fd) { char c; CHECK(read(fd, &c, 1) == 1); }

/* After a fork neither side sees, or changes, what the other writes. */
static void fork_secrets(void)
{
	char *page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	char *kept = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int down[2], up[2];
	CHECK(pipe(down) == 0 && pipe(up) == 0);
	strcpy(page, "before");
	strcpy(kept, "the parent's");
	pid_t p = fork();
	if (p == 0) {
		failures = 0;
		strcpy(page, "only the child's");
		sync_from(down[0]);
		/* The literal is in the text of both: look for what is not. */
		char secret[] = "tne!raw(r&ecs%s"; /* never written as it stands */
		for (char *s = secret; *s; s++)
			*s ^= 0x20;
		CHECK(!look((uint64_t)page, secret));
		/* What was shared at the fork cannot be written to. */
		CHECK(host(SYS_mprotect, (long)kept & ~0xfffL, 4096, PROT_READ | PROT_WRITE, 0, 0, 0) != 0 || *kept);
		sync_to(up[1]);
		sync_from(down[0]);
		_exit(failures != 0);
	}
	char secret[] = "tne!raw(r&ecs%s";
	for (char *s = secret; *s; s++)
		*s ^= 0x20;
	strcpy(page, secret);
	sync_to(down[1]);
	sync_from(up[0]);
	CHECK(!strcmp(page, secret));
	CHECK(!strcmp(kept, "the parent's"));
	CHECK(!look((uint64_t)page, "only the child's"));
	sync_to(down[1]);
	int status;
	CHECK(waitpid(p, &status, 0) == p && status == 0);
}

/* A file that may only be read stays as it is, in whatever it lies. */
static void read_only(const char *dir)
{
	char name[200], b[64] = "";
	snprintf(name, sizeof name, "%s/hostile-%d", dir, getpid());
	int fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0444);
	CHECK(fd >= 0 && write(fd, "as it was", 9) == 9);
	close(fd);
	pid_t p = fork();
	if (p == 0) {
		failures = 0;
		CHECK(setgid(65534) == 0 && setuid(65534) == 0);
		FAILS(open(name, O_RDWR), EACCES);
		int fd = open(name, O_RDONLY);
		char *m = mmap(0, 4096, PROT_READ, MAP_SHARED, fd, 0);
		CHECK(m != MAP_FAILED && !memcmp(m, "as it was", 9));
		look(0, "x");
		host(SYS_mprotect, (long)m, 4096, PROT_READ | PROT_WRITE, 0, 0, 0);
		if (!sigsetjmp(fault, 1))
			memset(m, 0xee, 9);
		/* Mapped and dropped, by what the Sentry was told. */
		munmap(m, 4096);
		look(0, "x");
		_exit(failures != 0);
	}
	int status;
	CHECK(waitpid(p, &status, 0) == p && status == 0);
	fd = open(name, O_RDONLY);
	CHECK(read(fd, b, sizeof b) == 9 && !memcmp(b, "as it was", 9));
	close(fd);
	unlink(name);
}

/* Program text, here and in every other process, is not to be changed. */
static void text(const char *self)
{
	static unsigned char was[1 << 16], is[1 << 16];
	int fd = open(self, O_RDONLY);
	ssize_t n = read(fd, was, sizeof was);
	for (int i = 0; i < 5; i++)
		getppid(); /* rewritten by now */
	look(0, "x");
	look(4096, "x");
	CHECK(pread(fd, is, sizeof is, 0) == n && !memcmp(was, is, n));
	close(fd);
	pid_t p = fork();
	if (p == 0)
		_exit(getppid() <= 0);
	int status;
	CHECK(waitpid(p, &status, 0) == p && status == 0);
}

/* Threads of the host's that the Sentry does not know have a limit. */
static void threads(void)
{
	pid_t p = fork();
	if (p == 0) {
		for (int i = 0; i < 200; i++) {
			/* It starts in the stub, waits for a turn, and never gets one. */
			long r = host(SYS_clone, CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM | CLONE_PARENT_SETTID,
				      CTL + 0x8000 * 100 + 0x8000, CTL + 0x8000 * 100, 0, 0, 0);
			if (r < 0)
				break;
		}
		pause();
	}
	usleep(100000);
	CHECK(kill(p, SIGKILL) == 0);
	int status;
	CHECK(waitpid(p, &status, 0) == p && WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

int main(int argc, char **argv)
{
	signal(SIGBUS, on_fault);
	signal(SIGSEGV, on_fault);
	CHECK(findGate());
	CHECK(host(SYS_munmap, (long)SCRATCH, 4096, 0, 0, 0, 0) == 0);
	fork_secrets();
	if (getuid() == 0) {
		read_only("/dev/shm");
		read_only("/tmp");
	}
	text(argv[0]);
	threads();
	fork_secrets();
	return failures != 0;
}
