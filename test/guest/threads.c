#define _GNU_SOURCE
#include "check.h"

#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

enum { THREADS = 4, ROUNDS = 1000 };

static pthread_mutex_t mu = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int counter;

static void *count(void *arg)
{
	for (int i = 0; i < ROUNDS; i++) {
		pthread_mutex_lock(&mu);
		counter++;
		pthread_mutex_unlock(&mu);
	}
	pthread_mutex_lock(&mu);
	pthread_cond_signal(&changed);
	pthread_mutex_unlock(&mu);
	return arg;
}

static void mutexes(void)
{
	static int names[THREADS];
	pthread_t t[THREADS];
	void *result;
	pthread_mutex_lock(&mu);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_create(&t[i], 0, count, &names[i]) == 0);
	while (counter < THREADS * ROUNDS)
		pthread_cond_wait(&changed, &mu);
	pthread_mutex_unlock(&mu);
	for (int i = 0; i < THREADS; i++)
		CHECK(pthread_join(t[i], &result) == 0 && result == &names[i]);
}

static void *lock_and_die(void *m)
{
	pthread_mutex_lock(m);
	return 0;
}

// A robust mutex tells who locks it next that its owner died.
static void robust(void)
{
	static pthread_mutex_t m;
	pthread_mutexattr_t a;
	pthread_t t;
	pthread_mutexattr_init(&a);
	pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
	pthread_mutex_init(&m, &a);
	pthread_create(&t, 0, lock_and_die, &m);
	pthread_join(t, 0);
	CHECK(pthread_mutex_lock(&m) == EOWNERDEAD);
	CHECK(pthread_mutex_consistent(&m) == 0 && pthread_mutex_unlock(&m) == 0);
}

static void *spin(void *arg)
{
	for (;;)
		;
	return arg;
}

static void exit_with_spinning_threads(void)
{
	pthread_t t;
	pthread_create(&t, 0, spin, 0);
	pthread_create(&t, 0, spin, 0);
	exit(0);
}

static void wait_forever(void)
{
	pthread_t t;
	pthread_create(&t, 0, spin, 0);
	for (;;)
		pause();
}

static void kill_spinning_threads(void)
{
	int status;
	pid_t p = fork();
	if (p == 0)
		wait_forever();
	usleep(10000);
	CHECK(kill(p, SIGTERM) == 0);
	CHECK(waitpid(p, &status, 0) == p && WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
}

static void futex_errors(void)
{
	int word = 1;
	struct timespec soon = {0, 1000000}, bad = {0, 1000000000};
	FAILS(syscall(SYS_futex, &word, FUTEX_WAIT, 0, 0), EAGAIN);
	FAILS(syscall(SYS_futex, &word, FUTEX_WAIT, 1, &soon), ETIMEDOUT);
	FAILS(syscall(SYS_futex, &word, FUTEX_WAIT, 1, &bad), EINVAL);
	FAILS(syscall(SYS_futex, (char *)&word + 1, FUTEX_WAKE, 1), EINVAL);
	FAILS(syscall(SYS_futex, 8, FUTEX_WAIT, 1, 0), EFAULT);
	FAILS(syscall(SYS_futex, &word, 99, 1, 0), ENOSYS);
	CHECK(syscall(SYS_futex, &word, FUTEX_WAKE, 1) == 0);
}

static void barriers(void)
{
	pthread_t t;
	CHECK(syscall(SYS_membarrier, 0, 0, 0) > 0);
	FAILS(syscall(SYS_membarrier, 8, 0, 0), EPERM);
	CHECK(syscall(SYS_membarrier, 16, 0, 0) == 0);
	pthread_create(&t, 0, spin, 0);
	for (int i = 0; i < 10; i++)
		CHECK(syscall(SYS_membarrier, 8, 0, 0) == 0);
}

int main(void)
{
	mutexes();
	robust();
	CHECK(in_child(exit_with_spinning_threads) == 0);
	kill_spinning_threads();
	futex_errors();
	CHECK(in_child(barriers) == 0);
	return failures != 0;
}
