/* The vDSO (vdso(7)): the linker finds its functions by version, and they tell
 * the same time as the calls do, never a step back. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include "check.h"

static int (*gettime)(clockid_t, struct timespec *);
static int (*timeofday)(struct timeval *, struct timezone *);
static time_t (*seconds)(time_t *);

static long long ns(const struct timespec *ts) { return ts->tv_sec * 1000000000LL + ts->tv_nsec; }

static long long asked(clockid_t id)
{
	struct timespec ts;
	CHECK(syscall(SYS_clock_gettime, id, &ts) == 0);
	return ns(&ts);
}

static long long told(clockid_t id)
{
	struct timespec ts;
	CHECK(gettime(id, &ts) == 0);
	CHECK(ts.tv_nsec >= 0 && ts.tv_nsec < 1000000000);
	return ns(&ts);
}

static void *same(void *unused)
{
	clockid_t ids[] = { CLOCK_MONOTONIC, CLOCK_REALTIME, CLOCK_BOOTTIME, CLOCK_MONOTONIC_RAW, CLOCK_TAI };
	long long start = told(CLOCK_MONOTONIC);
	while (told(CLOCK_MONOTONIC) - start < 300000000) {
		for (int i = 0; i < 5; i++) {
			long long a = told(ids[i]), b = asked(ids[i]), c = told(ids[i]);
			CHECK(a <= b && b <= c);
		}
		struct timespec ts;
		struct timeval tv;
		struct timezone tz = { 5, 5 };
		CHECK(gettime(CLOCK_REALTIME, &ts) == 0);
		CHECK(timeofday(&tv, &tz) == 0 && tz.tz_minuteswest == 0);
		CHECK(tv.tv_sec * 1000000LL + tv.tv_usec >= ns(&ts) / 1000);
		time_t t, r = seconds(&t);
		CHECK(t == r && r >= ts.tv_sec - 1 && r <= ts.tv_sec + 1);
		CHECK(seconds(0) >= t);
		CHECK(timeofday(0, 0) == 0);
	}
	return 0;
}

int main(void)
{
	CHECK(getauxval(AT_SYSINFO_EHDR) != 0);
	void *h = dlopen("linux-vdso.so.1", RTLD_NOW | RTLD_NOLOAD);
	CHECK(h != 0);
	gettime = dlvsym(h, "__vdso_clock_gettime", "LINUX_2.6");
	timeofday = dlvsym(h, "__vdso_gettimeofday", "LINUX_2.6");
	seconds = dlvsym(h, "__vdso_time", "LINUX_2.6");
	CHECK(gettime && timeofday && seconds);
	CHECK(dlvsym(h, "__vdso_clock_gettime", "LINUX_9.9") == 0);

	/* A clock that it does not tell is asked for. */
	long long cpu = told(CLOCK_PROCESS_CPUTIME_ID);
	CHECK(cpu >= 0 && cpu <= asked(CLOCK_PROCESS_CPUTIME_ID));
	struct timespec ts;
	CHECK(gettime(99, &ts) == -EINVAL);

	pthread_t t[3];
	for (int i = 0; i < 3; i++)
		CHECK(pthread_create(&t[i], 0, same, 0) == 0);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], 0);

	/* After a pause longer than what it knows ahead. */
	long long before = told(CLOCK_MONOTONIC);
	struct timespec nap = { 2, 100000000 };
	nanosleep(&nap, 0);
	long long after = told(CLOCK_MONOTONIC);
	CHECK(after - before >= 2100000000LL);
	same(0);
	return failures != 0;
}
