// Waiting: pipes, FIFOs, poll, select, epoll, eventfd, timerfd, signalfd.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

static volatile int handled;
static void handler(int s) { handled = s; }

static void *later(void *fd)
{
	usleep(30000);
	write((int)(long)fd, "x", 1);
	return NULL;
}

static void write_later(int fd)
{
	pthread_t t;
	pthread_create(&t, NULL, later, (void *)(long)fd);
	pthread_detach(t);
}

static void pipes(void)
{
	int p[2];
	char b[100];
	CHECK(pipe2(p, O_NONBLOCK | O_CLOEXEC) == 0);
	FAILS(pipe2(p, 0x1), EINVAL);
	FAILS(pipe((int *)8), EFAULT);
	FAILS(read(p[0], b, 1), EAGAIN);
	FAILS(lseek(p[0], 0, SEEK_SET), ESPIPE);
	FAILS(write(p[0], b, 1), EBADF);
	CHECK(write(p[1], "abc", 3) == 3);
	int n;
	CHECK(ioctl(p[0], FIONREAD, &n) == 0 && n == 3);
	CHECK(fcntl(p[0], F_GETPIPE_SZ) == 65536 && fcntl(p[0], F_SETPIPE_SZ, 4096) == 4096);
	fcntl(p[0], F_SETFL, 0);
	CHECK(read(p[0], b, 100) == 3);
	write_later(p[1]);
	CHECK(read(p[0], b, 100) == 1);
	signal(SIGPIPE, handler);
	close(p[0]);
	FAILS(write(p[1], "x", 1), EPIPE);
	CHECK(handled == SIGPIPE);
	close(p[1]);

	// An interrupted read: restarted or not, as the handler says.
	pipe(p);
	struct sigaction sa = {.sa_handler = handler};
	sigaction(SIGALRM, &sa, NULL);
	ualarm(20000, 0);
	FAILS(read(p[0], b, 1), EINTR);
	sa.sa_flags = SA_RESTART;
	sigaction(SIGALRM, &sa, NULL);
	handled = 0;
	ualarm(10000, 0);
	write_later(p[1]);
	CHECK(read(p[0], b, 1) == 1 && handled == SIGALRM);
	close(p[1]);
	CHECK(read(p[0], b, 1) == 0);
	close(p[0]);

	CHECK(mkfifo("/fifo", 0600) == 0);
	FAILS(open("/fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	int r = open("/fifo", O_RDONLY | O_NONBLOCK), w = open("/fifo", O_WRONLY);
	CHECK(r >= 0 && w >= 0 && write(w, "f", 1) == 1 && read(r, b, 9) == 1);
	close(r), close(w);
	if (fork() == 0) {
		int w = open("/fifo", O_WRONLY);
		_exit(write(w, "child", 5) != 5);
	}
	r = open("/fifo", O_RDONLY);
	CHECK(read(r, b, 9) == 5 && read(r, b, 9) == 0);
	close(r);
	int status;
	CHECK(wait(&status) > 0 && status == 0);
}

static void polls(void)
{
	int p[2], none = 50;
	pipe(p);
	struct pollfd f[] = {{p[0], POLLIN}, {p[1], POLLOUT}, {-1, POLLIN}, {none, POLLIN}};
	CHECK(poll(f, 3, 0) == 1 && f[0].revents == 0 && f[1].revents == POLLOUT && f[2].revents == 0);
	CHECK(poll(f, 4, -1) == 2 && f[3].revents == POLLNVAL);
	long t = now_ms();
	CHECK(poll(f, 1, 50) == 0 && now_ms() - t >= 49 && now_ms() - t < 1000);
	CHECK(poll(NULL, 0, 10) == 0);
	write_later(p[1]);
	CHECK(poll(f, 1, -1) == 1 && f[0].revents == POLLIN);
	FAILS(poll((void *)8, 1, 0), EFAULT);
	FAILS(poll(f, 1 << 30, 0), EINVAL);
	fd_set in, out;
	FD_ZERO(&in);
	FD_ZERO(&out);
	FD_SET(p[0], &in);
	FD_SET(p[1], &out);
	CHECK(select(p[1] + 1, &in, &out, NULL, NULL) == 2 && FD_ISSET(p[0], &in) && FD_ISSET(p[1], &out));
	char b[10];
	read(p[0], b, 10);
	struct timeval tv = {0, 30000};
	CHECK(select(p[0] + 1, &in, NULL, NULL, &tv) == 0 && !FD_ISSET(p[0], &in) && tv.tv_sec == 0 && tv.tv_usec == 0);
	FD_SET(none, &in);
	FAILS(select(none + 1, &in, NULL, NULL, NULL), EBADF);
	FAILS(select(-1, NULL, NULL, NULL, NULL), EINVAL);
	close(p[1]);
	CHECK(poll(f, 1, -1) == 1 && f[0].revents == POLLHUP);
	close(p[0]);

	// ppoll lets a signal in just while it waits.
	sigset_t all, empty;
	sigfillset(&all), sigemptyset(&empty);
	sigprocmask(SIG_SETMASK, &all, NULL);
	struct sigaction sa = {.sa_handler = handler};
	sigaction(SIGUSR1, &sa, NULL);
	handled = 0;
	kill(getpid(), SIGUSR1);
	CHECK(handled == 0);
	FAILS(ppoll(NULL, 0, NULL, &empty), EINTR);
	CHECK(handled == SIGUSR1);
	kill(getpid(), SIGUSR1);
	handled = 0;
	FAILS(pselect(0, NULL, NULL, NULL, NULL, &empty), EINTR);
	CHECK(handled == SIGUSR1);
	int e = epoll_create1(0);
	struct epoll_event ev;
	kill(getpid(), SIGUSR1);
	handled = 0;
	FAILS(epoll_pwait(e, &ev, 1, -1, &empty), EINTR);
	CHECK(handled == SIGUSR1);
	sigset_t now;
	sigprocmask(SIG_SETMASK, NULL, &now);
	CHECK(sigismember(&now, SIGUSR1));
	sigprocmask(SIG_SETMASK, &empty, NULL);
	close(e);
}

static void epolls(void)
{
	int e = epoll_create1(EPOLL_CLOEXEC), p[2];
	FAILS(epoll_create1(1), EINVAL);
	FAILS(epoll_create(0), EINVAL);
	pipe(p);
	struct epoll_event ev = {EPOLLIN, {.u64 = 0x1234567890}}, got[4];
	CHECK(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev) == 0);
	FAILS(epoll_ctl(e, EPOLL_CTL_ADD, p[0], &ev), EEXIST);
	FAILS(epoll_ctl(e, EPOLL_CTL_ADD, e, &ev), EINVAL);
	FAILS(epoll_ctl(e, EPOLL_CTL_DEL, p[1], &ev), ENOENT);
	FAILS(epoll_ctl(e, 9, p[1], &ev), EINVAL);
	int f = open("/plain", O_RDONLY);
	FAILS(epoll_ctl(e, EPOLL_CTL_ADD, f, &ev), EPERM);
	close(f);
	FAILS(epoll_wait(e, got, 0, 0), EINVAL);
	FAILS(epoll_wait(p[0], got, 1, 0), EINVAL);
	CHECK(epoll_wait(e, got, 4, 0) == 0);
	write_later(p[1]);
	CHECK(epoll_wait(e, got, 4, -1) == 1 && got[0].events == EPOLLIN && got[0].data.u64 == 0x1234567890);
	CHECK(epoll_wait(e, got, 4, 0) == 1);
	FAILS(epoll_wait(e, (void *)8, 4, 0), EFAULT);
	CHECK(epoll_wait(e, got, 4, 0) == 1);
	ev.events = EPOLLIN | EPOLLET;
	CHECK(epoll_ctl(e, EPOLL_CTL_MOD, p[0], &ev) == 0);
	CHECK(epoll_wait(e, got, 4, 0) == 1 && epoll_wait(e, got, 4, 0) == 0);
	write(p[1], "y", 1);
	CHECK(epoll_wait(e, got, 4, 0) == 1 && epoll_wait(e, got, 4, 20) == 0);
	ev.events = EPOLLIN | EPOLLONESHOT;
	CHECK(epoll_ctl(e, EPOLL_CTL_MOD, p[0], &ev) == 0);
	CHECK(epoll_wait(e, got, 4, 0) == 1 && epoll_wait(e, got, 4, 0) == 0);
	int outer = epoll_create1(0);
	ev.events = EPOLLIN;
	CHECK(epoll_ctl(outer, EPOLL_CTL_ADD, e, &ev) == 0);
	FAILS(epoll_ctl(e, EPOLL_CTL_ADD, outer, &ev), ELOOP);
	CHECK(epoll_ctl(e, EPOLL_CTL_MOD, p[0], &ev) == 0 && epoll_wait(outer, got, 4, 0) == 1);
	close(p[0]);
	CHECK(epoll_wait(e, got, 4, 0) == 0);
	close(p[1]), close(e), close(outer);
}

static void events(void)
{
	uint64_t v = 5;
	int f = eventfd(3, EFD_NONBLOCK);
	CHECK(write(f, &v, 8) == 8 && read(f, &v, 8) == 8 && v == 8);
	FAILS(read(f, &v, 8), EAGAIN);
	FAILS(read(f, &v, 4), EINVAL);
	v = -1;
	FAILS(write(f, &v, 8), EINVAL);
	v = -2;
	CHECK(write(f, &v, 8) == 8);
	v = 1;
	FAILS(write(f, &v, 8), EAGAIN);
	close(f);
	f = eventfd(2, EFD_SEMAPHORE);
	CHECK(read(f, &v, 8) == 8 && v == 1);
	close(f);

	int t = timerfd_create(CLOCK_MONOTONIC, 0);
	FAILS(timerfd_create(77, 0), EINVAL);
	struct itimerspec s = {{0, 10000000}, {0, 20000000}}, old;
	long from = now_ms();
	CHECK(timerfd_settime(t, 0, &s, NULL) == 0 && timerfd_gettime(t, &old) == 0);
	CHECK(old.it_interval.tv_nsec == 10000000 && old.it_value.tv_nsec > 0);
	CHECK(read(t, &v, 8) == 8 && v >= 1 && now_ms() - from >= 19);
	struct pollfd pf = {t, POLLIN};
	CHECK(poll(&pf, 1, 1000) == 1);
	close(t);

	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGUSR2);
	sigprocmask(SIG_BLOCK, &set, NULL);
	int g = signalfd(-1, &set, SFD_NONBLOCK);
	struct signalfd_siginfo i;
	FAILS(read(g, &i, sizeof i), EAGAIN);
	pf.fd = g;
	CHECK(poll(&pf, 1, 0) == 0);
	kill(getpid(), SIGUSR2);
	CHECK(poll(&pf, 1, 0) == 1);
	CHECK(read(g, &i, sizeof i) == sizeof i && i.ssi_signo == SIGUSR2 && i.ssi_pid == getpid());
	FAILS(signalfd(99, &set, 0), EBADF);
	close(g);
}

// epoll_wait returns as many events as there is room for.
static void many(void) {
	static struct epoll_event ev[1500];
	struct rlimit l;
	getrlimit(RLIMIT_NOFILE, &l);
	if (l.rlim_max < 3200) return;
	l.rlim_cur = 3200;
	setrlimit(RLIMIT_NOFILE, &l);
	int ep = epoll_create1(0), f = eventfd(1, 0), n = 0;
	for (; n < 1500; n++) {
		struct epoll_event e = {EPOLLIN, {.u32 = n}};
		if (epoll_ctl(ep, EPOLL_CTL_ADD, dup(f), &e) != 0) break;
	}
	CHECK(n == 1500 && epoll_wait(ep, ev, 1500, 0) == 1500);
	static char seen[1500];
	for (int i = 0; i < 1500; i++) seen[ev[i].data.u32]++;
	CHECK(memchr(seen, 0, sizeof seen) == NULL);
	CHECK(epoll_wait(ep, ev, 1200, 0) == 1200);
	for (int fd = ep; fd < 3200; fd++) close(fd);
}

int main(void)
{
	pipes();
	polls();
	epolls();
	events();
	many();
	return failures != 0;
}
