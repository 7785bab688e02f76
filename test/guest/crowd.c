// Processes with many threads that end in every way there is, while the
// threads run guest code, call, map memory, fork and execute.
// Arguments: rounds, threads.
#define _GNU_SOURCE
#include "check.h"
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>

enum way { SPIN, CALL, MAP, ALLOCATE, SLEEP, YIELD, EXECUTE, EXIT, FORK, WAYS };

static enum way way;
static volatile long sink;
static pthread_barrier_t all;

static void step(enum way w, int first)
{
	char *p;
	pid_t child;
	switch (w) {
	case CALL:
		getppid();
		break;
	case MAP:
		p = mmap(0, 65536, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		p[4096] = 1;
		munmap(p, 65536);
		break;
	case ALLOCATE:
		p = malloc(200000);
		memset(p, 1, 200000);
		free(p);
		break;
	case SLEEP:
		usleep(100);
		break;
	case YIELD:
		sched_yield();
		break;
	case EXECUTE:
		if (first)
			execl("/proc/self/exe", "guest", "ends", (char *)0);
		sink++;
		break;
	case EXIT:
		if (first)
			exit(0);
		getppid();
		break;
	case FORK:
		if (!first) {
			getppid();
			break;
		}
		if ((child = fork()) == 0)
			_exit(0);
		waitpid(child, 0, 0);
		break;
	default:
		sink++;
	}
}

static void *thread(void *first)
{
	pthread_barrier_wait(&all);
	for (;;)
		step(way, first != 0);
	return 0;
}

static void crowd(enum way w, int threads)
{
	way = w;
	pthread_barrier_init(&all, 0, threads + 1);
	for (int i = 0; i < threads; i++) {
		pthread_t t;
		if (pthread_create(&t, 0, thread, i == 0 ? &way : 0) != 0)
			_exit(9);
	}
	pthread_barrier_wait(&all);
	if (w == EXECUTE || w == EXIT)
		pause();
	usleep(rand() % 3000);
	if (w == MAP)
		kill(getpid(), SIGKILL);
	if (w % 2)
		_exit(0);
	exit(0);
}

int main(int argc, char **argv)
{
	if (argc == 2)
		return 0; // executed
	int rounds = argc > 2 ? atoi(argv[1]) : 3, threads = argc > 2 ? atoi(argv[2]) : 8;
	for (int i = 0; i < rounds * WAYS; i++) {
		enum way w = i % WAYS;
		srand(i);
		fflush(stdout);
		pid_t p = fork();
		if (p == 0)
			crowd(w, threads);
		int status;
		CHECK(waitpid(p, &status, 0) == p);
		int want = w == MAP ? SIGKILL : 0;
		if (status != want)
			printf("round %d, way %d: status %#x\n", i / WAYS, w, status);
		CHECK(status == want);
	}
	return failures != 0;
}
