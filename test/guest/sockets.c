// Sockets of AF_UNIX through system calls.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <linux/sockios.h>

static volatile int handled;
static void handler(int s) { handled = s; }

static socklen_t address(struct sockaddr_un *a, const char *name)
{
	memset(a, 0, sizeof *a);
	a->sun_family = AF_UNIX;
	if (name[0] == '@') {
		memcpy(a->sun_path + 1, name + 1, strlen(name) - 1);
		return offsetof(struct sockaddr_un, sun_path) + strlen(name);
	}
	strcpy(a->sun_path, name);
	return sizeof *a;
}

static void pairs(void)
{
	int s[2];
	static char b[200000];
	FAILS(socket(AF_UNIX, 77, 0), EINVAL);
	FAILS(socket(AF_UNIX, SOCK_STREAM, 77), EPROTONOSUPPORT);
	FAILS(socket(99, SOCK_STREAM, 0), EAFNOSUPPORT);
	FAILS(listen(0, 1), ENOTSOCK);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, s) == 0);
	CHECK(fcntl(s[0], F_GETFL) & O_NONBLOCK && fcntl(s[0], F_GETFD) == FD_CLOEXEC);
	struct stat st;
	CHECK(fstat(s[0], &st) == 0 && S_ISSOCK(st.st_mode));
	FAILS(recv(s[0], b, 1, 0), EAGAIN);
	FAILS(lseek(s[0], 0, SEEK_SET), ESPIPE);
	CHECK(write(s[0], "hello", 5) == 5 && send(s[0], " world", 6, 0) == 6);
	int n;
	CHECK(ioctl(s[1], FIONREAD, &n) == 0 && n == 11);
	CHECK(recv(s[1], b, 3, MSG_PEEK) == 3 && recv(s[1], b, 100, 0) == 11 && !memcmp(b, "hello world", 11));
	ssize_t sent = send(s[0], b, sizeof b, 0), more;
	CHECK(sent > 100000);
	while ((more = send(s[0], b, sizeof b, 0)) > 0)
		sent += more;
	CHECK(errno == EAGAIN);
	struct pollfd p = {s[0], POLLOUT | POLLIN};
	CHECK(poll(&p, 1, 0) == 0);
	while ((more = recv(s[1], b, sizeof b, 0)) > 0)
		sent -= more;
	CHECK(sent == 0 && poll(&p, 1, 0) == 1 && p.revents == POLLOUT);
	CHECK(shutdown(s[0], SHUT_WR) == 0 && recv(s[1], b, 1, 0) == 0);
	signal(SIGPIPE, handler);
	FAILS(send(s[0], b, 1, MSG_NOSIGNAL), EPIPE);
	CHECK(handled == 0);
	FAILS(write(s[0], b, 1), EPIPE);
	CHECK(handled == SIGPIPE);
	FAILS(shutdown(s[0], 5), EINVAL);
	close(s[0]);
	p.fd = s[1];
	CHECK(poll(&p, 1, 0) == 1 && p.revents & POLLHUP);
	close(s[1]);

	// MSG_WAITALL waits for all of it.
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	if (fork() == 0) {
		for (int i = 0; i < 5; i++) {
			write(s[0], "ab", 2);
			usleep(5000);
		}
		_exit(0);
	}
	CHECK(recv(s[1], b, 10, MSG_WAITALL) == 10);
	wait(NULL);
	struct timeval tv = {0, 20000};
	CHECK(setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
	FAILS(recv(s[1], b, 1, 0), EAGAIN);
	int v;
	socklen_t len = sizeof v;
	CHECK(getsockopt(s[1], SOL_SOCKET, SO_TYPE, &v, &len) == 0 && v == SOCK_STREAM && len == 4);
	CHECK(getsockopt(s[1], SOL_SOCKET, SO_ERROR, &v, &len) == 0 && v == 0);
	FAILS(getsockopt(s[1], SOL_SOCKET, 9999, &v, &len), ENOPROTOOPT);
	struct ucred c;
	len = sizeof c;
	CHECK(getsockopt(s[1], SOL_SOCKET, SO_PEERCRED, &c, &len) == 0 && c.pid == getpid() && c.uid == 0);
	v = 10000;
	CHECK(setsockopt(s[1], SOL_SOCKET, SO_SNDBUF, &v, sizeof v) == 0);
	len = sizeof v;
	CHECK(getsockopt(s[1], SOL_SOCKET, SO_SNDBUF, &v, &len) == 0 && v == 20000);
	close(s[0]);
	close(s[1]);
}

static void servers(const char *name)
{
	struct sockaddr_un a, got;
	socklen_t n = address(&a, name), m;
	int l = socket(AF_UNIX, SOCK_STREAM, 0);
	FAILS(connect(l, (void *)&a, n), name[0] == '@' ? ECONNREFUSED : ENOENT);
	CHECK(bind(l, (void *)&a, n) == 0);
	int again = socket(AF_UNIX, SOCK_STREAM, 0);
	FAILS(bind(again, (void *)&a, n), EADDRINUSE);
	FAILS(bind(l, (void *)&a, n), name[0] == '@' ? EINVAL : EADDRINUSE);
	FAILS(connect(again, (void *)&a, n), ECONNREFUSED);
	struct stat st;
	if (name[0] != '@') {
		CHECK(stat(name, &st) == 0 && S_ISSOCK(st.st_mode));
		FAILS(open(name, O_RDWR), ENXIO);
	}
	CHECK(listen(l, 5) == 0);
	fflush(stdout);
	if (fork() == 0) {
		int c = socket(AF_UNIX, SOCK_STREAM, 0);
		char b[10];
		if (connect(c, (void *)&a, n) || write(c, "ping", 4) != 4 || read(c, b, 10) != 4)
			_exit(1);
		_exit(0);
	}
	m = sizeof got;
	int s = accept4(l, (void *)&got, &m, SOCK_CLOEXEC);
	CHECK(s >= 0 && m == 2 && got.sun_family == AF_UNIX);
	m = sizeof got;
	CHECK(getsockname(s, (void *)&got, &m) == 0 && !memcmp(got.sun_path, a.sun_path, strlen(name)));
	char b[10];
	CHECK(read(s, b, 10) == 4 && write(s, "pong", 4) == 4);
	int status;
	CHECK(wait(&status) > 0 && status == 0);
	CHECK(read(s, b, 10) == 0);
	fcntl(l, F_SETFL, O_NONBLOCK);
	FAILS(accept(l, NULL, NULL), EAGAIN);
	close(s);
	close(l);
	close(again);
	if (name[0] != '@') {
		int c = socket(AF_UNIX, SOCK_STREAM, 0);
		FAILS(connect(c, (void *)&a, n), ECONNREFUSED);
		close(c);
		CHECK(unlink(name) == 0);
	}
}

static void datagrams(void)
{
	struct sockaddr_un a, from;
	socklen_t n = address(&a, "/dgram");
	int r = socket(AF_UNIX, SOCK_DGRAM, 0), s = socket(AF_UNIX, SOCK_DGRAM, 0);
	CHECK(bind(r, (void *)&a, n) == 0);
	FAILS(send(s, "x", 1, 0), ENOTCONN);
	CHECK(sendto(s, "first", 5, 0, (void *)&a, n) == 5);
	CHECK(connect(s, (void *)&a, n) == 0 && send(s, "second", 6, 0) == 6);
	char b[10];
	CHECK(recv(r, b, 2, MSG_TRUNC) == 5);
	struct iovec v[2] = {{b, 3}, {b + 3, 7}};
	struct msghdr h = {.msg_name = &from, .msg_namelen = sizeof from, .msg_iov = v, .msg_iovlen = 2};
	CHECK(recvmsg(r, &h, 0) == 6 && h.msg_namelen == 0 && !memcmp(b, "second", 6));
	struct mmsghdr mm[3] = {};
	for (int i = 0; i < 3; i++) {
		mm[i].msg_hdr.msg_iov = v;
		mm[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK(sendmmsg(s, mm, 3, 0) == 3 && mm[2].msg_len == 3);
	CHECK(recvmmsg(r, mm, 3, MSG_DONTWAIT, NULL) == 3);
	FAILS(recvmmsg(r, mm, 3, MSG_DONTWAIT, NULL), EAGAIN);
	close(r);
	close(s);
	unlink("/dgram");
}

static void rights(void)
{
	int s[2], p[2];
	socketpair(AF_UNIX, SOCK_STREAM, 0, s);
	pipe(p);
	int on = 1;
	setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
	union {
		char buf[200];
		struct cmsghdr align;
	} u;
	char b[10] = "hello";
	struct iovec v = {b, 5};
	struct msghdr h = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &u, .msg_controllen = CMSG_SPACE(2 * sizeof(int))};
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);
	*c = (struct cmsghdr){CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	int fds[2] = {p[1], p[0]};
	memcpy(CMSG_DATA(c), fds, sizeof fds);
	CHECK(sendmsg(s[0], &h, 0) == 5);
	fds[0] = 99;
	memcpy(CMSG_DATA(c), fds, sizeof fds);
	FAILS(sendmsg(s[0], &h, 0), EBADF);
	c->cmsg_len = 5;
	FAILS(sendmsg(s[0], &h, 0), EINVAL);
	h.msg_controllen = sizeof u;
	CHECK(recvmsg(s[1], &h, MSG_CMSG_CLOEXEC) == 5);
	c = CMSG_FIRSTHDR(&h);
	CHECK(c && c->cmsg_type == SCM_CREDENTIALS && ((struct ucred *)CMSG_DATA(c))->pid == getpid());
	c = c ? CMSG_NXTHDR(&h, c) : NULL;
	CHECK(c && c->cmsg_type == SCM_RIGHTS && c->cmsg_len == CMSG_LEN(sizeof fds));
	if (c)
		memcpy(fds, CMSG_DATA(c), sizeof fds);
	CHECK(fcntl(fds[0], F_GETFD) == FD_CLOEXEC && write(fds[0], "z", 1) == 1 && read(p[0], b, 1) == 1);
	// No room for the second descriptor.
	h.msg_controllen = CMSG_SPACE(2 * sizeof(int));
	c = CMSG_FIRSTHDR(&h);
	*c = (struct cmsghdr){CMSG_LEN(2 * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
	memcpy(CMSG_DATA(c), p, sizeof p);
	CHECK(sendmsg(s[0], &h, 0) == 5);
	on = 0;
	setsockopt(s[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
	h.msg_controllen = CMSG_LEN(sizeof(int));
	CHECK(recvmsg(s[1], &h, 0) == 5 && h.msg_flags & MSG_CTRUNC);
	close(s[0]);
	close(s[1]);
}

static int u[2], urgings;

static void urged(int signo) { urgings++; }

static void fresh(void)
{
	if (u[1])
		close(u[0]), close(u[1]);
	CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, u) == 0 && fcntl(u[1], F_SETOWN, getpid()) == 0);
}

static int says(const char *what, int flags) { return send(u[0], what, strlen(what), flags) == strlen(what); }

static int hears(const char *what, int flags)
{
	char b[100];
	int n = recv(u[1], b, sizeof b, flags | MSG_DONTWAIT);
	return n == strlen(what) && !memcmp(b, what, n);
}

static int at_mark(void)
{
	int n = -1;
	CHECK(ioctl(u[1], SIOCATMARK, &n) == 0);
	return n;
}

static int events(void)
{
	struct pollfd p = {u[1], POLLIN | POLLPRI};
	poll(&p, 1, 0);
	return p.revents;
}

static void owners(void)
{
	CHECK(setpgid(0, 0) == 0);
	struct f_owner_ex o = {F_OWNER_PGRP, getpid()}, got;
	CHECK(fcntl(u[1], F_SETOWN_EX, &o) == 0 && fcntl(u[1], F_GETOWN_EX, &got) == 0);
	CHECK(got.type == F_OWNER_PGRP && got.pid == getpid() && fcntl(u[1], F_GETOWN) == -getpid());
	urgings = 0;
	fresh();
	CHECK(fcntl(u[1], F_SETOWN, -getpid()) == 0 && says("x", MSG_OOB) && urgings == 1);
	FAILS(fcntl(u[1], F_SETOWN_EX, (o.type = 9, &o)), EINVAL);
	FAILS(fcntl(u[1], F_SETOWN_EX, 8), EFAULT);
}

// Urgent data: a byte with a place in the stream, at which reading stops.
static void urgent(void)
{
	char b[100];
	int n, one = 1, d[2];
	signal(SIGURG, urged);
	fresh();
	FAILS(recv(u[1], b, 1, MSG_OOB), EINVAL);
	FAILS(send(u[0], "", 0, MSG_OOB), EOPNOTSUPP);
	CHECK(says("hello", MSG_OOB) && urgings == 1 && !at_mark() && events() == (POLLIN | POLLPRI));
	CHECK(ioctl(u[1], FIONREAD, &n) == 0 && n == 5);
	CHECK(hears("hell", 0) && at_mark() && events() == (POLLIN | POLLPRI));
	CHECK(hears("o", MSG_OOB | MSG_PEEK) && hears("o", MSG_OOB) && at_mark() && events() == POLLIN);
	FAILS(recv(u[1], b, 1, MSG_OOB), EINVAL);
	FAILS(recv(u[1], b, 1, MSG_DONTWAIT), EAGAIN);
	CHECK(says("more", 0) && hears("more", 0) && events() == 0);

	// Taken before what is before it.
	fresh();
	CHECK(says("hello", MSG_OOB) && says("world", 0) && hears("o", MSG_OOB));
	CHECK(ioctl(u[1], FIONREAD, &n) == 0 && n == 9 && !at_mark());
	CHECK(hears("hell", MSG_PEEK) && hears("hell", 0) && at_mark() && hears("world", 0) && !at_mark());

	// Lost to who reads on.
	fresh();
	CHECK(says("hello", MSG_OOB) && says("world", 0) && hears("hell", MSG_PEEK));
	CHECK(recv(u[1], b, 2, 0) == 2 && !at_mark() && recv(u[1], b, 2, 0) == 2 && at_mark());
	CHECK(hears("world", MSG_PEEK) && hears("world", 0) && !at_mark() && events() == 0);
	FAILS(recv(u[1], b, 1, MSG_OOB), EINVAL);
	CHECK(says("x", MSG_OOB) && at_mark());
	FAILS(recv(u[1], b, 1, MSG_DONTWAIT), EAGAIN);
	FAILS(recv(u[1], b, 1, MSG_OOB), EINVAL);

	// The latest is the mark.
	fresh();
	urgings = 0;
	CHECK(says("ab", MSG_OOB) && says("cd", MSG_OOB) && says("ef", 0) && urgings == 2);
	CHECK(hears("d", MSG_OOB) && hears("abc", 0) && at_mark() && hears("ef", 0));
	fresh();
	CHECK(says("ab", MSG_OOB) && hears("b", MSG_OOB) && says("cd", MSG_OOB) && hears("ac", 0) && at_mark());
	CHECK(hears("d", MSG_OOB));

	fresh();
	CHECK(says("hello", MSG_OOB) && says("world", 0) && recv(u[1], b, 9, MSG_WAITALL) == 4);
	FAILS(recv(u[1], 0, 1, MSG_OOB), EFAULT);
	FAILS(recv(u[1], b, 1, MSG_OOB), EINVAL);
	CHECK(says("o", MSG_OOB));
	struct iovec v = {b, 10};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	CHECK(recvmsg(u[1], &m, MSG_OOB) == 1 && m.msg_flags == MSG_OOB && *b == 'o');

	// In line it is a byte as others.
	fresh();
	CHECK(setsockopt(u[1], SOL_SOCKET, SO_OOBINLINE, &one, sizeof one) == 0 && says("hello", MSG_OOB) && says("world", 0));
	FAILS(recv(u[1], b, 1, MSG_OOB), EINVAL);
	CHECK(events() == (POLLIN | POLLPRI) && hears("hell", 0) && at_mark() && hears("oworld", MSG_PEEK) && hears("oworld", 0) && !at_mark());

	fresh();
	CHECK(says("x", MSG_OOB) && shutdown(u[0], SHUT_WR) == 0 && hears("", 0) && hears("", 0));

	CHECK(fcntl(u[1], F_GETOWN) == getpid() && fcntl(u[1], F_SETOWN, 0) == 0 && fcntl(u[1], F_GETOWN) == 0);
	CHECK(in_child(owners) == 0);
	FAILS(fcntl(u[1], F_SETOWN, 99999), ESRCH);
	for (int i = 0; i < 2; i++) {
		CHECK(socketpair(AF_UNIX, i ? SOCK_DGRAM : SOCK_SEQPACKET, 0, d) == 0);
		FAILS(send(d[0], "x", 1, MSG_OOB), EOPNOTSUPP);
		FAILS(recv(d[1], b, 1, MSG_OOB), EOPNOTSUPP);
		FAILS(ioctl(d[1], SIOCATMARK, &n), EOPNOTSUPP);
		close(d[0]), close(d[1]);
	}
	close(u[0]), close(u[1]);
}

int main(void)
{
	pairs();
	servers("/sock");
	servers("@abstract");
	datagrams();
	rights();
	urgent();
	return failures != 0;
}
