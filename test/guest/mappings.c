// Mappings of files, and the limits and corners of address spaces.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#define PAGE 4096
#define RW (PROT_READ | PROT_WRITE)
#define NOMAP(call, e) CHECK((call) == MAP_FAILED && errno == (e))

static sigjmp_buf back;
static siginfo_t seen;

static void caught(int sig, siginfo_t *info, void *ctx)
{
	seen = *info;
	siglongjmp(back, 1);
}

// fault touches p and returns the signal that this raises, or 0.
static int fault(volatile char *p, int write)
{
	memset(&seen, 0, sizeof seen);
	if (sigsetjmp(back, 1))
		return seen.si_signo;
	if (write)
		*p = 1;
	else
		(void)*p;
	return 0;
}

#define FAULT(p, write, signo, code) \
	CHECK(fault(p, write) == (signo) && seen.si_code == (code) && seen.si_addr == (void *)(p))

static int file(const char *name, size_t n, int fill)
{
	int fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0644);
	CHECK(fd >= 0);
	char b[PAGE];
	memset(b, fill, PAGE);
	for (; n > 0; n -= n < PAGE ? n : PAGE)
		CHECK(write(fd, b, n < PAGE ? n : PAGE) > 0);
	return fd;
}

static void shared_files(void)
{
	int fd = file("/map", 2 * PAGE + 100, 'a');
	char *p = mmap(0, 4 * PAGE, RW, MAP_SHARED, fd, 0), *q = mmap(0, 3 * PAGE, PROT_READ, MAP_SHARED, fd, 0), b[PAGE];
	CHECK(p != MAP_FAILED && q != MAP_FAILED);
	CHECK(p[0] == 'a' && p[2 * PAGE + 99] == 'a' && p[2 * PAGE + 100] == 0);
	p[5] = 'b';
	CHECK(q[5] == 'b' && pread(fd, b, 10, 0) == 10 && b[5] == 'b');
	CHECK(pwrite(fd, "c", 1, PAGE) == 1 && p[PAGE] == 'c' && q[PAGE] == 'c');
	CHECK(msync(p, 3 * PAGE, MS_SYNC) == 0 && msync(p, PAGE, MS_ASYNC) == 0);
	FAILS(msync(p, PAGE, MS_SYNC | MS_ASYNC), EINVAL);
	FAILS(msync(p + 1, PAGE, MS_SYNC), EINVAL);
	// Behind the file's last page there is nothing.
	FAULT(p + 3 * PAGE, 0, SIGBUS, BUS_ADRERR);
	FAULT(p + 3 * PAGE + 17, 1, SIGBUS, BUS_ADRERR);
	CHECK(ftruncate(fd, 4 * PAGE) == 0);
	CHECK(fault(p + 3 * PAGE, 1) == 0);
	// What was cut off is gone, and zeros when the file grows again.
	CHECK(ftruncate(fd, 10) == 0 && p[5] == 'b' && p[10] == 0);
	CHECK(ftruncate(fd, 4 * PAGE) == 0 && p[PAGE] == 0);
	FAULT(q, 1, SIGSEGV, SEGV_ACCERR);
	// A child shares it.
	pid_t c = fork();
	if (c == 0) {
		p[7] = 'd';
		_exit(0);
	}
	CHECK(waitpid(c, 0, 0) == c && p[7] == 'd' && q[7] == 'd');
	CHECK(close(fd) == 0 && p[7] == 'd' && unlink("/map") == 0 && p[7] == 'd');
	munmap(p, 4 * PAGE), munmap(q, 3 * PAGE);
}

static void private_files(void)
{
	int fd = file("/map", 3 * PAGE, 'a');
	char *p = mmap(0, 3 * PAGE, RW, MAP_PRIVATE, fd, 0), b[1];
	CHECK(p != MAP_FAILED);
	p[0] = 'x';
	CHECK(pread(fd, b, 1, 0) == 1 && b[0] == 'a');
	CHECK(pwrite(fd, "yy", 2, 0) == 2 && p[0] == 'x');
	CHECK(madvise(p, PAGE, MADV_DONTNEED) == 0 && p[0] == 'y');
	CHECK(mmap(p + PAGE, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 2 * PAGE) == p + PAGE && p[PAGE] == 'a');
	FAULT(p + PAGE, 1, SIGSEGV, SEGV_ACCERR);
	pid_t c = fork();
	if (c == 0) {
		p[1] = 'c';
		_exit(p[0] == 'y' ? 0 : 1);
	}
	int status;
	CHECK(waitpid(c, &status, 0) == c && status == 0 && p[1] == 'y');
	munmap(p, 3 * PAGE);
	close(fd);
}

static void refusals(void)
{
	int fd = file("/map", PAGE, 'a'), r = open("/map", O_RDONLY), w = open("/map", O_WRONLY), d = open("/", O_RDONLY);
	NOMAP(mmap(0, PAGE, RW, MAP_SHARED, r, 0), EACCES);
	CHECK(mmap(0, PAGE, RW, MAP_PRIVATE, r, 0) != MAP_FAILED);
	NOMAP(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, w, 0), EACCES);
	NOMAP(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, d, 0), ENODEV);
	NOMAP(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, 99, 0), EBADF);
	NOMAP(mmap(0, PAGE, PROT_READ, 0, fd, 0), EINVAL);
	NOMAP(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, fd, 100), EINVAL);
	NOMAP(mmap((void *)100, PAGE, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd, 0), EINVAL);
	NOMAP(mmap(0, 1UL << 60, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0), ENOMEM);
	NOMAP(mmap((void *)(1UL << 48), PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0), ENOMEM);
	char *p = mmap(0, PAGE, PROT_READ, MAP_SHARED, r, 0);
	FAILS(mprotect(p, PAGE, RW), EACCES);
	FAILS(mprotect(p + 1, PAGE, PROT_READ), EINVAL);
	FAILS(mprotect(p, PAGE, 0x100), EINVAL);
	FAILS(munmap(p + 1, PAGE), EINVAL);
	FAILS(munmap(p, 0), EINVAL);
	int q[2];
	pipe(q);
	NOMAP(mmap(0, PAGE, PROT_READ, MAP_PRIVATE, q[0], 0), ENODEV);
	close(q[0]), close(q[1]), close(fd), close(r), close(w), close(d);
}

static void moves(void)
{
	int fd = file("/map", 4 * PAGE, 'a');
	char *p = mmap(0, 2 * PAGE, RW, MAP_SHARED, fd, 0), *to = mmap(0, 8 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	p[0] = 'm';
	NOMAP(mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_FIXED, to), EINVAL);
	NOMAP(mremap(p, 2 * PAGE, 0, 0), EINVAL);
	NOMAP(mremap(p + 1, PAGE, PAGE, 0), EINVAL);
	NOMAP(mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p + PAGE), EINVAL);
	char *q = mremap(p, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);
	CHECK(q == to && q[0] == 'm' && q[3 * PAGE] == 'a');
	FAULT(p, 0, SIGSEGV, SEGV_MAPERR);
	FAULT(to + 4 * PAGE, 0, SIGSEGV, SEGV_ACCERR);
	char *twice = mremap(q, 0, 2 * PAGE, MREMAP_MAYMOVE); // a shared mapping once more
	CHECK(twice != MAP_FAILED && twice[0] == 'm');
	twice[1] = 't';
	CHECK(q[1] == 't');
	char *hole = mmap(0, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(hole, PAGE);
	NOMAP(mremap(hole, PAGE, 2 * PAGE, MREMAP_MAYMOVE), EFAULT);
	close(fd);
}

static void advice(void)
{
	char *p = mmap(0, 8 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	for (int kind = MADV_NORMAL; kind <= MADV_WILLNEED; kind++)
		CHECK(madvise(p, 8 * PAGE, kind) == 0);
	memset(p, 5, 8 * PAGE);
	CHECK(madvise(p, PAGE, MADV_FREE) == 0 && (p[0] == 5 || p[0] == 0));
	p[0] = 6;
	CHECK(p[0] == 6);
	CHECK(madvise(p + PAGE, PAGE, MADV_DONTNEED) == 0 && p[PAGE] == 0 && p[2 * PAGE] == 5);
	CHECK(madvise(p, 8 * PAGE, MADV_POPULATE_WRITE) == 0 && madvise(p, 8 * PAGE, MADV_POPULATE_READ) == 0 && p[2 * PAGE] == 5);
	CHECK(madvise(p, 8 * PAGE, MADV_DONTDUMP) == 0 && madvise(p, 8 * PAGE, MADV_DODUMP) == 0);
	FAILS(madvise(p + 1, PAGE, MADV_DONTNEED), EINVAL);
	FAILS(madvise(p, PAGE, 12345), EINVAL);
	CHECK(munmap(p + 4 * PAGE, PAGE) == 0);
	FAILS(madvise(p, 8 * PAGE, MADV_DONTNEED), ENOMEM);
	CHECK(p[7 * PAGE] == 0); // all the same, what is there was advised
	FAILS(madvise(p, 8 * PAGE, MADV_POPULATE_READ), ENOMEM);
	CHECK(mprotect(p, PAGE, PROT_READ) == 0);
	FAILS(madvise(p, PAGE, MADV_POPULATE_WRITE), EINVAL);
	int fd = file("/map", 2 * PAGE, 'r');
	char *s = mmap(0, 2 * PAGE, RW, MAP_SHARED, fd, 0);
	CHECK(s[0] == 'r' && madvise(s, PAGE, MADV_REMOVE) == 0 && s[0] == 0 && s[PAGE] == 'r');
	close(fd);
}

static void residence(void)
{
	unsigned char v[4];
	char *p = mmap(0, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memset(p, 1, PAGE);
	CHECK(mincore(p, 4 * PAGE, v) == 0 && (v[0] & 1) == 1);
	FAILS(mincore(p + 1, PAGE, v), EINVAL);
	FAILS(mincore(p, PAGE, (void *)8), EFAULT);
	munmap(p + PAGE, PAGE);
	FAILS(mincore(p, 2 * PAGE, v), ENOMEM);
	CHECK(mlock(p, PAGE) == 0 && munlock(p, PAGE) == 0 && mlockall(MCL_CURRENT) == 0 && munlockall() == 0);
	FAILS(mlock(p + PAGE, PAGE), ENOMEM);
	FAILS(mlockall(0), EINVAL);
	CHECK(mmap(0, PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE | MAP_LOCKED, -1, 0) != MAP_FAILED);
}

static void address_limit(void)
{
	struct rlimit l = {200 << 20, 200 << 20};
	CHECK(setrlimit(RLIMIT_AS, &l) == 0);
	NOMAP(mmap(0, 300 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	char *p = mmap(0, 100 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	CHECK(p != MAP_FAILED);
	NOMAP(mremap(p, 100 << 20, 250 << 20, MREMAP_MAYMOVE), ENOMEM);
	CHECK(munmap(p, 100 << 20) == 0);
}

static void data_limit(void)
{
	struct rlimit l = {8 << 20, 8 << 20};
	CHECK(setrlimit(RLIMIT_DATA, &l) == 0);
	NOMAP(mmap(0, 20 << 20, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), ENOMEM);
	CHECK(mmap(0, 20 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	CHECK(mmap(0, 20 << 20, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0) != MAP_FAILED);
	CHECK(sbrk(20 << 20) == (void *)-1 && errno == ENOMEM && sbrk(PAGE) != (void *)-1);
}

static int deep(int n)
{
	volatile char frame[PAGE];
	frame[0] = n;
	return n == 0 ? 0 : deep(n - 1) + frame[0] - (char)n + 1;
}

static void stack_limit(void)
{
	static char other[65536];
	stack_t ss = {.ss_sp = other, .ss_size = sizeof other};
	CHECK(sigaltstack(&ss, 0) == 0);
	struct sigaction sa = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	sigaction(SIGSEGV, &sa, 0);
	struct rlimit l = {1 << 20, 1 << 20};
	CHECK(setrlimit(RLIMIT_STACK, &l) == 0);
	CHECK(deep(100) == 100);
	if (sigsetjmp(back, 1) == 0) {
		deep(1000);
		CHECK(!"a stack of 4 MiB");
	}
	CHECK(seen.si_signo == SIGSEGV);
}

static void downwards(void)
{
	char *p = mmap(0, 64 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(p, 64 * PAGE);
	char *g = mmap(p + 60 * PAGE, 4 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
	CHECK(g == p + 60 * PAGE);
	CHECK(fault(g - 1, 1) == 0 && fault(g - 10 * PAGE, 1) == 0);
	NOMAP(mmap(0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS | MAP_GROWSDOWN, -1, 0), EINVAL);
}

// The kernel's own accesses do not fault: EFAULT.
static void calls(void)
{
	char *p = mmap(0, 2 * PAGE, RW, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	mprotect(p + PAGE, PAGE, PROT_NONE);
	int q[2];
	pipe(q);
	memset(p, 'z', PAGE);
	FAILS(write(q[1], p + PAGE, 1), EFAULT);
	CHECK(write(q[1], p + PAGE - 5, 10) == 5 || errno == EFAULT);
	int fd = file("/map", 100, 'f');
	CHECK(pread(fd, p + PAGE - 5, 10, 0) == 5);
	FAILS(pread(fd, p + PAGE, 10, 0), EFAULT);
	FAILS(stat(p + PAGE, (struct stat *)p), EFAULT);
	FAILS(stat("/map", (struct stat *)(p + PAGE)), EFAULT);
	char *b = mmap(0, PAGE, RW, MAP_SHARED, fd, 0);
	ftruncate(fd, 0);
	FAILS(write(q[1], b, 1), EFAULT);
	close(q[0]), close(q[1]), close(fd);
}

int main(void)
{
	struct sigaction sa = {.sa_sigaction = caught, .sa_flags = SA_SIGINFO | SA_NODEFER};
	sigaction(SIGSEGV, &sa, 0);
	sigaction(SIGBUS, &sa, 0);
	shared_files();
	private_files();
	refusals();
	moves();
	advice();
	residence();
	CHECK(in_child(address_limit) == 0);
	CHECK(in_child(data_limit) == 0);
	CHECK(in_child(stack_limit) == 0);
	downwards();
	calls();
	return failures != 0;
}
