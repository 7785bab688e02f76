// Address spaces: mmap(2), mremap(2), madvise(2), brk(2), fork's copies.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

#define PAGE 4096

static sigjmp_buf back;
static siginfo_t seen;

static void caught(int sig, siginfo_t *info, void *ctx) {
	seen = *info;
	siglongjmp(back, 1);
}

// fault writes (or reads) at p and returns the signal that this raises, or 0.
static int fault(volatile char *p, int write) {
	if (sigsetjmp(back, 1))
		return seen.si_signo;
	if (write)
		*p = 1;
	else
		(void)*p;
	return failures != 0;
}

static char *anon(size_t n, int prot, int flags) {
	return mmap(0, n, prot, MAP_ANONYMOUS | flags, -1, 0);
}

static void maps(void) {
	char *p = anon(4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	CHECK(p != MAP_FAILED);
	CHECK(p[0] == 0 && p[4 * PAGE - 1] == 0);
	memset(p, 7, 4 * PAGE);
	CHECK(munmap(p + PAGE, PAGE) == 0);
	CHECK(fault(p + PAGE, 0) == SIGSEGV && seen.si_code == SEGV_MAPERR && seen.si_addr == p + PAGE);
	CHECK(p[0] == 7 && p[2 * PAGE] == 7);
	CHECK(mmap(p + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p + PAGE);
	CHECK(p[PAGE] == 0);
	CHECK(mprotect(p, PAGE, PROT_READ) == 0);
	CHECK(fault(p, 1) == SIGSEGV && seen.si_code == SEGV_ACCERR);
	CHECK(p[0] == 7);
	CHECK(mprotect(p, PAGE, PROT_NONE) == 0);
	CHECK(fault(p, 0) == SIGSEGV && seen.si_code == SEGV_ACCERR);
	CHECK(mprotect(p, PAGE, PROT_READ | PROT_WRITE) == 0);
	CHECK(p[0] == 7 && fault(p, 1) == 0);
	CHECK(mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == MAP_FAILED && errno == EEXIST);
	CHECK(madvise(p, 4 * PAGE, MADV_DONTNEED) == 0);
	CHECK(p[0] == 0 && p[3 * PAGE] == 0);
	CHECK(munmap(p, 4 * PAGE) == 0);
	CHECK(mmap(0, 0, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED && errno == EINVAL);
	CHECK(mprotect(p, PAGE, PROT_READ) == -1 && errno == ENOMEM);
}

static void remaps(void) {
	char *p = anon(17 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	for (int i = 0; i < 16; i++)
		p[i * PAGE] = i + 1;
	CHECK(mprotect(p + 16 * PAGE, PAGE, PROT_READ) == 0); // a wall
	CHECK(mremap(p, 16 * PAGE, 32 * PAGE, 0) == MAP_FAILED && errno == ENOMEM);
	char *q = mremap(p, 16 * PAGE, 32 * PAGE, MREMAP_MAYMOVE);
	CHECK(q != MAP_FAILED && q != p);
	for (int i = 0; i < 16; i++)
		CHECK(q[i * PAGE] == i + 1);
	CHECK(q[31 * PAGE] == 0);
	CHECK(fault(p, 0) == SIGSEGV);
	// The old addresses are new memory when they are mapped again.
	CHECK(mmap(p, 16 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p);
	CHECK(p[0] == 0);
	p[0] = 99;
	CHECK(q[0] == 1);
	CHECK(mremap(q, 32 * PAGE, 2 * PAGE, 0) == q && q[PAGE] == 2);
	CHECK(fault(q + 2 * PAGE, 0) == SIGSEGV);
}

static int child(int pid) {
	int st;
	CHECK(waitpid(pid, &st, 0) == pid);
	return WIFEXITED(st) ? WEXITSTATUS(st) : -WTERMSIG(st);
}

static void forks(void) {
	size_t n = 64 * PAGE;
	char *priv = anon(n, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	char *shared = anon(n, PROT_READ | PROT_WRITE, MAP_SHARED);
	memset(priv, 1, n);
	for (int i = 0; i < 5; i++) {
		int pid = fork();
		if (pid == 0) {
			int ok = 1;
			for (size_t k = 0; k < n; k += PAGE)
				ok &= priv[k] == i + 1;
			memset(priv, 50 + i, n);
			shared[i] = 10 + i;
			int grandchild = fork();
			if (grandchild == 0)
				_exit(priv[3 * PAGE] == 50 + i ? 3 : 4);
			ok &= child(grandchild) == 3;
			_exit(ok ? 42 : 1);
		}
		// The parent writes while the child runs.
		memset(priv, i + 2, n / 2);
		CHECK(child(pid) == 42);
		memset(priv, i + 2, n);
		CHECK(shared[i] == 10 + i);
		CHECK(priv[0] == i + 2 && priv[n - 1] == i + 2);
	}
	char *wiped = anon(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE), *kept = anon(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	wiped[0] = kept[0] = 5;
	CHECK(madvise(wiped, PAGE, MADV_WIPEONFORK) == 0 && madvise(kept, PAGE, MADV_DONTFORK) == 0);
	int pid = fork();
	if (pid == 0)
		_exit(wiped[0] == 0 && fault(kept, 0) == SIGSEGV ? 42 : 1);
	CHECK(child(pid) == 42);
	CHECK(wiped[0] == 5 && kept[0] == 5);
	wiped[0] = kept[0] = 6;
	CHECK(wiped[0] == 6 && kept[0] == 6);
}

static void breaks(void) {
	char *old = sbrk(0);
	CHECK(sbrk(10 * PAGE) == old);
	memset(old, 3, 10 * PAGE);
	CHECK(sbrk(-10 * PAGE) == old + 10 * PAGE);
	CHECK(sbrk(10 * PAGE) == old);
	CHECK(old[5 * PAGE] == 0);
}

static int deep(int n) {
	volatile char frame[PAGE];
	frame[0] = n;
	return n == 0 ? 0 : deep(n - 1) + frame[0] - (char)n + 1;
}

int main(void) {
	struct sigaction sa = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGSEGV, &sa, 0);
	sigaction(SIGBUS, &sa, 0);
	maps();
	remaps();
	forks();
	breaks();
	CHECK(deep(1500) == 1500); // 6 MiB of stack
	return failures != 0;
}
