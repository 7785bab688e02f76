// POSIX message queues: mq_overview(7).
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <mqueue.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

static char name[64], buf[8192];
static volatile int signals;
static siginfo_t last;

static void note(int signo, siginfo_t *i, void *ctx) { signals++; last = *i; }

static void basics(void)
{
	struct mq_attr a = {.mq_maxmsg = 3, .mq_msgsize = 100}, got;
	FAILS(mq_open(name, O_RDWR), ENOENT);
	FAILS(mq_open("/a/b", O_RDWR | O_CREAT, 0600, 0), EACCES);
	FAILS(mq_open("/", O_RDWR | O_CREAT, 0600, 0), ENOENT);
	mqd_t q = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &a);
	CHECK(q >= 0 && fcntl(q, F_GETFD) == FD_CLOEXEC);
	FAILS(mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &a), EEXIST);
	CHECK(mq_getattr(q, &got) == 0 && got.mq_maxmsg == 3 && got.mq_msgsize == 100 && got.mq_curmsgs == 0 && got.mq_flags == 0);
	FAILS(mq_send(q, buf, 101, 0), EMSGSIZE);
	FAILS(mq_send(q, buf, 1, 32768), EINVAL);
	FAILS(mq_receive(q, buf, 99, 0), EMSGSIZE);
	// By priority, then by age.
	CHECK(mq_send(q, "low", 3, 1) == 0 && mq_send(q, "high", 4, 7) == 0 && mq_send(q, "", 0, 7) == 0);
	struct timespec past = {1, 0}, bad = {1, -1};
	FAILS(mq_timedsend(q, "x", 1, 0, &past), ETIMEDOUT);
	FAILS(mq_timedsend(q, "x", 1, 0, &bad), EINVAL);
	struct pollfd p = {q, POLLIN | POLLOUT};
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLIN);
	unsigned prio = 0;
	CHECK(mq_receive(q, buf, 100, &prio) == 4 && prio == 7 && !memcmp(buf, "high", 4));
	CHECK(mq_receive(q, buf, 8192, &prio) == 0 && prio == 7);
	CHECK(mq_receive(q, buf, 100, &prio) == 3 && prio == 1 && !memcmp(buf, "low", 3));
	CHECK(poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
	FAILS(mq_timedreceive(q, buf, 100, 0, &past), ETIMEDOUT);
	struct mq_attr set = {.mq_flags = O_NONBLOCK};
	CHECK(mq_setattr(q, &set, &got) == 0 && got.mq_flags == 0);
	FAILS(mq_receive(q, buf, 100, 0), EAGAIN);
	set.mq_flags = O_APPEND;
	FAILS(mq_setattr(q, &set, 0), EINVAL);
	mqd_t r = mq_open(name, O_RDONLY), w = mq_open(name, O_WRONLY);
	FAILS(mq_send(r, "x", 1, 0), EBADF);
	FAILS(mq_receive(w, buf, 100, 0), EBADF);
	FAILS(mq_getattr(0, &got), EBADF);
	CHECK(mq_unlink(name) == 0);
	FAILS(mq_unlink(name), ENOENT);
	CHECK(mq_send(w, "still", 5, 0) == 0 && mq_receive(r, buf, 100, 0) == 5);
	mq_close(q), mq_close(r), mq_close(w);
	// Defaults, and what is too much.
	q = mq_open(name, O_RDWR | O_CREAT, 0640, 0);
	CHECK(mq_getattr(q, &got) == 0 && got.mq_maxmsg == 10 && got.mq_msgsize == 8192);
	struct stat st;
	CHECK(fstat(q, &st) == 0);
	mq_close(q);
	mq_unlink(name);
	a.mq_maxmsg = 0;
	FAILS(mq_open(name, O_RDWR | O_CREAT, 0600, &a), EINVAL);
	a.mq_maxmsg = 65537;
	FAILS(mq_open(name, O_RDWR | O_CREAT, 0600, &a), EINVAL);
	struct rlimit none = {0, 0};
	CHECK(setrlimit(RLIMIT_MSGQUEUE, &none) == 0);
	FAILS(mq_open(name, O_RDWR | O_CREAT, 0600, 0), EMFILE);
}

// A child that waits is woken by a message, and one that is full by room.
static void waits(void)
{
	struct mq_attr a = {.mq_maxmsg = 1, .mq_msgsize = 8};
	mqd_t q = mq_open(name, O_RDWR | O_CREAT, 0600, &a);
	if (fork() == 0) {
		int sum = 0;
		for (int i = 0; i < 100; i++)
			sum += mq_receive(q, buf, 8, 0);
		_exit(sum == 300 ? 0 : 1);
	}
	for (int i = 0; i < 100; i++)
		CHECK(mq_send(q, "abc", 3, i) == 0);
	int status;
	CHECK(wait(&status) > 0 && status == 0);
	mq_close(q);
	mq_unlink(name);
}

static void notifies(void)
{
	struct sigaction s = {.sa_sigaction = note, .sa_flags = SA_SIGINFO};
	sigaction(SIGUSR1, &s, 0);
	struct mq_attr a = {.mq_maxmsg = 4, .mq_msgsize = 8};
	mqd_t q = mq_open(name, O_RDWR | O_CREAT, 0600, &a);
	struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 42};
	CHECK(mq_notify(q, &ev) == 0);
	FAILS(mq_notify(q, &ev), EBUSY);
	CHECK(mq_send(q, "a", 1, 0) == 0 && signals == 1);
	CHECK(last.si_code == SI_MESGQ && last.si_value.sival_int == 42 && last.si_pid == getpid() && last.si_uid == getuid());
	// Once only, and only of a queue that was empty.
	CHECK(mq_send(q, "b", 1, 0) == 0 && signals == 1);
	CHECK(mq_notify(q, &ev) == 0);
	CHECK(mq_send(q, "c", 1, 0) == 0 && signals == 1);
	CHECK(mq_notify(q, 0) == 0 && mq_notify(q, &ev) == 0);
	while (mq_receive(q, buf, 8, 0) == 1 && mq_getattr(q, &a) == 0 && a.mq_curmsgs > 0);
	CHECK(mq_send(q, "d", 1, 0) == 0 && signals == 2);
	mq_close(q);
	mq_unlink(name);
}

int main(void)
{
	snprintf(name, sizeof name, "/glovebox-%d", getpid());
	CHECK(in_child(basics) == 0);
	CHECK(in_child(waits) == 0);
	CHECK(in_child(notifies) == 0);
	mq_unlink(name);
	return failures != 0;
}
