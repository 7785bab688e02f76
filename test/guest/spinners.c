/* spinners N: N threads that compute without end are let go at once; the process
 * then ends with 7. The kernel below must live through it. */
#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sys/syscall.h>
#include "check.h"

static volatile int go, spun;

static void *spin(void *unused)
{
	while (!go)
		syscall(SYS_futex, &go, FUTEX_WAIT, 0, 0, 0, 0);
	__sync_fetch_and_add(&spun, 1);
	for (;;)
		;
}

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 100;
	pthread_attr_t a;
	pthread_t t;
	pthread_attr_init(&a);
	pthread_attr_setstacksize(&a, 16384);
	for (int i = 0; i < n; i++)
		if ((errno = pthread_create(&t, &a, spin, 0))) {
			printf("thread %d: errno %d\n", i, errno);
			return 1;
		}
	go = 1;
	syscall(SYS_futex, &go, FUTEX_WAKE, INT_MAX, 0, 0, 0);
	usleep(500000);
	printf("%s\n", spun ? "they spin" : "none spins");
	fflush(stdout);
	_exit(7);
}
