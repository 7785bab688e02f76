// Guest programs check what they see and exit with 0 if all of it is right.
// They are ordinary Linux programs: run them natively to check the checks.
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int failures, checks;
static volatile int checked; // the line of the last one that was begun

#define CHECK(c)                                                               \
	do {                                                                   \
		checks++;                                                      \
		checked = __LINE__;                                            \
		if (!(c)) {                                                    \
			printf("%s:%d: %s: errno %d\n", __FILE__, __LINE__, #c, errno); \
			fflush(stdout);                                        \
			failures++;                                            \
		}                                                              \
	} while (0)

// FAILS checks that a call fails with an errno.
#define FAILS(call, e) CHECK((call) == -1 && errno == (e))

// in_child runs f in a child and returns its wait status; a check that fails
// there makes the status 1.
static inline int in_child(void (*f)(void))
{
	int status = -1;
	fflush(stdout);
	pid_t p = fork();
	if (p == 0) {
		failures = 0;
		f();
		_exit(failures != 0);
	}
	CHECK(waitpid(p, &status, 0) == p);
	if (status != 0)
		printf("child's wait status %#x\n", status);
	return status;
}

static inline long now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}
