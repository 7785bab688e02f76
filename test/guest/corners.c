// Corners of memory and files where kernels go wrong: ranges that wrap, mappings that
// replace themselves, memory that a fork must not show, files that show themselves.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#define MAP(p, n, how) mmap(p, n, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | how, -1, 0)
#define AT(n) ((char *)(n##ULL << 40))

// Without the C library, which writes to its own memory.
static inline __attribute__((always_inline)) long raw(long n, long a, long b, long c, long d)
{
	long r;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = 0;
	__asm__ volatile("syscall" : "=a"(r) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8) : "rcx", "r11", "memory");
	return r;
}

static void remaps(void)
{
	char *p = MAP(0, 16384, MAP_SHARED);
	CHECK(mremap(p, 0, 16384, MREMAP_MAYMOVE | MREMAP_FIXED, p) == MAP_FAILED && errno == EFAULT);
	p = MAP(0, 4096, MAP_PRIVATE);
	*p = 1;
	CHECK(mremap(p, 4096, 0x1000 - (uintptr_t)p, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK(mremap(p, 4096, 0x1000 - (uintptr_t)p, 0) == MAP_FAILED);
	CHECK(*p == 1 && munmap(p, 4096) == 0);
	// What was moved away is in use where it lay; what comes in its place is not it.
	char *x = MAP(AT(16), 8192, MAP_PRIVATE | MAP_FIXED);
	*x = 2;
	CHECK(mremap(x, 8192, 8192, MREMAP_MAYMOVE | MREMAP_FIXED, AT(5)) == AT(5));
	for (int i = 0; i < 20; i++) {
		char *r = MAP(AT(16) - 4096, 1UL << 46, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE);
		CHECK(r != MAP_FAILED && *r == 0);
		*r = 1;
		munmap(r, 1UL << 46);
	}
	CHECK(*AT(5) == 2);
}

static char alternate[65536];

static void guarded(int signo) { _exit(0); }

// A stack does not grow to where another mapping is, nor over it.
static void stack(void)
{
	stack_t ss = {.ss_sp = alternate, .ss_size = sizeof alternate};
	sigaltstack(&ss, 0);
	struct sigaction sa = {.sa_handler = guarded, .sa_flags = SA_ONSTACK};
	sigaction(SIGSEGV, &sa, 0);
	char line[500];
	uintptr_t low = 0, high, here = (uintptr_t)__builtin_frame_address(0);
	FILE *f = fopen("/proc/self/maps", "r");
	if (!f)
		_exit(0); // no /proc: nothing to look at
	while (fgets(line, sizeof line, f))
		if (strstr(line, "[stack]"))
			sscanf(line, "%lx-%lx", &low, &high);
	fclose(f);
	uintptr_t end = (here & ~4095UL) - 0x4000;
	munmap((void *)low, end - low);
	MAP((void *)(end - 0x101000), 0x100000, MAP_PRIVATE | MAP_FIXED);
	*(volatile char *)(end - 0x800) = 5;
	CHECK(!"the stack grew");
}

static struct timespec child = {0, 100000000}, after = {0, 50000000};

// Memory that was unmapped while a child had it is zeros when it is mapped again, and
// no two mappings are one.
static void shared(void)
{
	char *x1 = AT(32), *x2 = AT(33), *y1 = AT(34), *y2 = AT(35), *a = AT(36);
	MAP(x1, 8192, MAP_PRIVATE | MAP_FIXED), MAP(x2, 8192, MAP_PRIVATE | MAP_FIXED);
	strcpy(x1, "x1"), strcpy(x2, "x2");
	mremap(x1, 8192, 8192, 3, y1), mremap(x2, 8192, 8192, 3, y2);
	MAP(x1, 8192, MAP_PRIVATE | MAP_FIXED), MAP(a, 8192, MAP_PRIVATE | MAP_FIXED);
	strcpy(x1, "mine"), strcpy(a, "old secret");
	register long pid = raw(SYS_clone, SIGCHLD, 0, 0, 0);
	if (pid == 0) {
		raw(SYS_nanosleep, (long)&child, 0, 0, 0);
		raw(SYS_exit_group, 0, 0, 0, 0);
	}
	raw(SYS_munmap, (long)a, 8192, 0, 0);
	raw(SYS_wait4, -1, 0, 0, 0);
	raw(SYS_nanosleep, (long)&after, 0, 0, 0);
	volatile char use[200000];
	memset((char *)use, 1, sizeof use);
	MAP(a, 8192, MAP_PRIVATE | MAP_FIXED);
	CHECK(*a == 0);
	MAP(x2, 8192, MAP_PRIVATE | MAP_FIXED);
	strcpy(x2, "other");
	CHECK(!strcmp(x1, "mine") && !strcmp(y1, "x1") && !strcmp(y2, "x2"));
}

// A child sees nothing of what MADV_DONTFORK and MADV_WIPEONFORK keep from it, and its
// parent all of it.
static void apart(void)
{
	char *x = AT(40), *w = AT(41);
	MAP(x, 8192, MAP_PRIVATE | MAP_FIXED), MAP(w, 8192, MAP_PRIVATE | MAP_FIXED);
	strcpy(x, "not for children"), strcpy(w, "wiped");
	madvise(x, 8192, MADV_DONTFORK), madvise(w, 8192, MADV_WIPEONFORK);
	for (int i = 0; i < 3; i++) {
		int fds[2], status;
		char c;
		pipe(fds);
		pid_t mid = fork();
		if (mid == 0) {
			if (fork() == 0) { // outlives its parent
				close(fds[1]);
				read(fds[0], &c, 1);
				volatile char use[200000];
				memset((char *)use, 1, sizeof use);
				MAP(x, 8192, MAP_PRIVATE | MAP_FIXED);
				_exit(*x != 0 || *w != 0);
			}
			_exit(0);
		}
		CHECK(waitpid(mid, &status, 0) == mid && status == 0);
		close(fds[0]), close(fds[1]);
		CHECK(!strcmp(x, "not for children") && !strcmp(w, "wiped"));
		strcpy(x, "not for children"), strcpy(w, "wiped");
	}
}

// /dev/zero is memory, shared or not.
static void zero(void)
{
	int f = open("/dev/zero", O_RDWR);
	if (f < 0)
		return;
	char *s = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, f, 4096);
	char *p = mmap(0, 1UL << 36, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, f, 0);
	CHECK(s != MAP_FAILED && p != MAP_FAILED && *s == 0 && p[1UL << 35] == 0);
	if (fork() == 0) {
		*s = *p = 7;
		_exit(0);
	}
	wait(0);
	CHECK(*s == 7 && *p == 0);
}

// Files of proc that show themselves, and that do not go through pipes.
static void proc(void)
{
	int f = open("/proc/self/fdinfo/0", O_RDONLY), fds[2];
	if (f < 0)
		return;
	dup2(f, 60);
	int self = open("/proc/self/fdinfo/60", O_RDONLY);
	dup2(self, 60);
	char buf[4096];
	CHECK(read(60, buf, sizeof buf) > 0 && !strncmp(buf, "pos:\t0\n", 7));
	pipe(fds);
	CHECK(splice(f, 0, fds[1], 0, 100, 0) == -1 && errno == EINVAL);
}

int main(void)
{
	CHECK(in_child(remaps) == 0);
	CHECK(in_child(stack) == 0);
	CHECK(in_child(shared) == 0);
	CHECK(in_child(apart) == 0);
	CHECK(in_child(zero) == 0);
	CHECK(in_child(proc) == 0);
	return failures != 0;
}
