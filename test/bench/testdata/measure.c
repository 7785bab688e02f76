// Times what a kernel is asked for most, and prints a line a row: its name and
// nanoseconds an operation, the median of some batches.
//
//   measure run [quick]    all rows; quick: a few operations each
//   measure exit           nothing: what "run" executes
//   measure idle           says "ready", then waits for the end of its input

#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { batches = 5, megabyte = 1 << 20 };

static int quick;
static const char *self; // this program's file, which is read and executed

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static void must(int ok, const char *what)
{
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

// Each operation is a function, so that a row is a line of the table below.

static void op_getpid(void) { syscall(SYS_getpid); }
static void op_getppid(void) { syscall(SYS_getppid); }
static void op_umask(void) { umask(022); }

static int file;
static char buf[4096];

static void op_pread(void) { must(pread(file, buf, sizeof buf, 0) == sizeof buf, "pread"); }

static void op_open(void)
{
	int fd = open(self, O_RDONLY);
	must(fd >= 0 && close(fd) == 0, "open and close");
}

static void op_stat(void)
{
	struct stat st;
	must(stat(self, &st) == 0, "stat");
}

static void op_clock(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
}

static int there[2], back[2];

static void op_pipe(void) { must(write(there[1], buf, 1) == 1 && read(there[0], buf, 1) == 1, "pipe"); }
static void op_pingpong(void) { must(write(there[1], buf, 1) == 1 && read(back[0], buf, 1) == 1, "ping-pong"); }

static pid_t partner;

static void start_partner(void)
{
	partner = fork();
	must(partner >= 0, "fork");
	if (partner == 0) {
		char c;
		close(there[1]);
		while (read(there[0], &c, 1) == 1 && write(back[1], &c, 1) == 1)
			;
		_exit(0);
	}
}

static void end_partner(void)
{
	close(there[1]);
	must(waitpid(partner, NULL, 0) == partner, "the partner's end");
}

// The threads hand a word over and back; neither spins.
static int word;
enum { ours, theirs, over };
static pthread_t thread;

static void hand(int to)
{
	__atomic_store_n(&word, to, __ATOMIC_SEQ_CST);
	syscall(SYS_futex, &word, FUTEX_WAKE_PRIVATE, 1, NULL);
}

static int await(int not)
{
	int w;
	while ((w = __atomic_load_n(&word, __ATOMIC_SEQ_CST)) == not)
		syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, not, NULL);
	return w;
}

static void *other_thread(void *arg)
{
	while (await(ours) != over)
		hand(ours);
	return arg;
}

static void start_thread(void) { must(pthread_create(&thread, NULL, other_thread, NULL) == 0, "pthread_create"); }

static void op_futex(void)
{
	hand(theirs);
	await(theirs);
}

static void end_thread(void)
{
	hand(over);
	pthread_join(thread, NULL);
}

static void op_mmap(void)
{
	void *p = mmap(NULL, 64 << 10, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED && munmap(p, 64 << 10) == 0, "mmap and munmap");
}

static void op_touch(void)
{
	size_t size = 64 * megabyte;
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	must(p != MAP_FAILED, "mmap");
	for (size_t i = 0; i < size; i += 4096)
		p[i] = 1;
	must(munmap(p, size) == 0, "munmap");
}

static void child(const char *program, const char *arg)
{
	int status;
	pid_t pid = fork();
	must(pid >= 0, "fork");
	if (pid == 0) {
		if (program != NULL)
			execl(program, program, arg, (char *)NULL);
		_exit(program != NULL);
	}
	must(waitpid(pid, &status, 0) == pid && status == 0, "a child");
}

static void op_fork(void) { child(NULL, NULL); }
static void op_exec_static(void) { child(self, "exit"); }
static void op_exec_dynamic(void) { child("/bin/true", NULL); }

static const struct {
	const char *name;
	int count; // operations a batch
	void (*op)(void), (*before)(void), (*after)(void);
} rows[] = {
	{"getpid", 20000, op_getpid},
	{"getppid", 20000, op_getppid},
	{"umask", 20000, op_umask},
	{"pread", 10000, op_pread},
	{"open", 3000, op_open},
	{"stat", 5000, op_stat},
	{"clock", 20000, op_clock},
	{"pipe", 5000, op_pipe},
	{"pingpong", 2000, op_pingpong, start_partner, end_partner},
	{"futex", 2000, op_futex, start_thread, end_thread},
	{"mmap", 3000, op_mmap},
	{"touch", 1, op_touch},
	{"fork", 30, op_fork},
	{"exec-static", 30, op_exec_static},
	{"exec-dynamic", 30, op_exec_dynamic},
};

static void measure(void)
{
	file = open(self, O_RDONLY);
	must(file >= 0 && pipe2(there, O_CLOEXEC) == 0 && pipe2(back, O_CLOEXEC) == 0, self);
	for (size_t r = 0; r < sizeof rows / sizeof rows[0]; r++) {
		double took[batches];
		int count = quick ? (rows[r].count + 999) / 1000 : rows[r].count;
		if (rows[r].before)
			rows[r].before();
		for (int b = 0; b < batches; b++) {
			double start = now();
			for (int i = 0; i < count; i++)
				rows[r].op();
			took[b] = (now() - start) / count;
		}
		if (rows[r].after)
			rows[r].after();
		qsort(took, batches, sizeof took[0], ascending);
		printf("%s %.1f\n", rows[r].name, took[batches / 2]);
		fflush(stdout);
	}
}

int main(int argc, char **argv)
{
	self = argv[0];
	const char *verb = argc > 1 ? argv[1] : "";
	quick = argc > 2 && strcmp(argv[2], "quick") == 0;
	if (strcmp(verb, "run") == 0) {
		measure();
	} else if (strcmp(verb, "idle") == 0) {
		char c;
		must(write(1, "ready\n", 6) == 6, "write");
		while (read(0, &c, 1) > 0)
			;
	} else if (strcmp(verb, "exit") != 0) {
		fprintf(stderr, "usage: measure run [quick] | exit | idle\n");
		return 2;
	}
	return 0;
}
