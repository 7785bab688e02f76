// TCP on loopback: the life of connections.
#define _GNU_SOURCE
#include "inet.h"
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

static volatile int handled;
static void handler(int s) { handled = s; }

static void creation(void)
{
	FAILS(socket(AF_INET, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	FAILS(socket(AF_INET, SOCK_DGRAM, IPPROTO_TCP), EPROTONOSUPPORT);
	FAILS(socket(AF_INET, SOCK_RAW, 0), EPROTONOSUPPORT);
	FAILS(socket(AF_INET, SOCK_SEQPACKET, 0), ESOCKTNOSUPPORT);
	FAILS(socket(AF_INET, SOCK_RDM, 0), ESOCKTNOSUPPORT);
	FAILS(socket(AF_INET, SOCK_STREAM, -1), EINVAL);
	FAILS(socket(AF_INET, SOCK_STREAM, 1000), EINVAL);
	FAILS(socket(AF_INET6, SOCK_STREAM, IPPROTO_UDP), EPROTONOSUPPORT);
	int p[2];
	FAILS(socketpair(AF_INET, SOCK_STREAM, 0, p), EOPNOTSUPP);
	FAILS(socketpair(AF_INET6, SOCK_DGRAM, 0, p), EOPNOTSUPP);
	int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	CHECK(s >= 0 && fcntl(s, F_GETFL) == (O_RDWR | O_NONBLOCK) && fcntl(s, F_GETFD) == FD_CLOEXEC);
	CHECK(option(s, SOL_SOCKET, SO_DOMAIN) == AF_INET);
	CHECK(option(s, SOL_SOCKET, SO_TYPE) == SOCK_STREAM);
	CHECK(option(s, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_TCP);
	CHECK(option(s, SOL_SOCKET, SO_ACCEPTCONN) == 0);
	CHECK(now_events(s, EVERY) == (WRITE | POLLHUP));
	char b[8];
	FAILS(recv(s, b, 8, 0), ENOTCONN);
	FAILS(send(s, b, 8, MSG_NOSIGNAL), EPIPE);
	FAILS(shutdown(s, SHUT_RDWR), ENOTCONN);
	FAILS(accept(s, NULL, NULL), EINVAL);
	union address a;
	socklen_t n = sizeof a;
	FAILS(getpeername(s, &a.sa, &n), ENOTCONN);
	a = named(s);
	CHECK(a.in.sin_family == AF_INET && a.in.sin_port == 0 && a.in.sin_addr.s_addr == 0);
	close(s);
}

static void binding(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0), t;
	union address a = at("127.0.0.1", 0);
	FAILS(bind(s, &a.sa, 15), EINVAL);
	FAILS(bind(s, &a.sa, 200), EINVAL);
	a.sa.sa_family = AF_UNIX;
	FAILS(bind(s, &a.sa, 16), EAFNOSUPPORT);
	FAILS(bind_to(s, at("1.2.3.4", 0)), EADDRNOTAVAIL);
	CHECK(bind_to(s, at("127.0.0.1", 0)) == 0);
	a = named(s);
	CHECK(ntohs(a.in.sin_port) >= 32768 && ntohs(a.in.sin_port) <= 60999);
	FAILS(bind_to(s, at("127.0.0.1", 0)), EINVAL);
	t = socket(AF_INET, SOCK_STREAM, 0);
	FAILS(bind_to(t, a), EADDRINUSE);
	FAILS(bind_to(t, at("0.0.0.0", ntohs(a.in.sin_port))), EADDRINUSE);
	CHECK(bind_to(t, at("127.1.2.3", ntohs(a.in.sin_port))) == 0);
	close(t);
	// What both allow does.
	CHECK(set(s, SOL_SOCKET, SO_REUSEADDR, 1) == 0);
	t = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(set(t, SOL_SOCKET, SO_REUSEADDR, 1) == 0 && bind_to(t, a) == 0);
	CHECK(listen(s, 1) == 0);
	FAILS(listen(t, 1), EADDRINUSE);
	close(t);
	close(s);
	// Balanced.
	s = socket(AF_INET, SOCK_STREAM, 0);
	t = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(set(s, SOL_SOCKET, SO_REUSEPORT, 1) == 0 && set(t, SOL_SOCKET, SO_REUSEPORT, 1) == 0);
	CHECK(bind_to(s, at("127.0.0.1", 0)) == 0 && bind_to(t, named(s)) == 0);
	CHECK(listen(s, 1) == 0 && listen(t, 1) == 0);
	close(t);
	close(s);
	// AF_UNSPEC is AF_INET for any address.
	s = socket(AF_INET, SOCK_STREAM, 0);
	a = at("0.0.0.0", 0);
	a.sa.sa_family = AF_UNSPEC;
	CHECK(bind(s, &a.sa, sizeof a.in) == 0);
	close(s);
	s = socket(AF_INET, SOCK_STREAM, 0);
	a = at("127.0.0.1", 0);
	a.sa.sa_family = AF_UNSPEC;
	FAILS(bind(s, &a.sa, sizeof a.in), EAFNOSUPPORT);
	// Listening needs no address.
	CHECK(listen(s, 1) == 0);
	a = named(s);
	CHECK(a.in.sin_port != 0 && a.in.sin_addr.s_addr == 0);
	CHECK(option(s, SOL_SOCKET, SO_ACCEPTCONN) == 1);
	CHECK(now_events(s, EVERY) == 0);
	FAILS(connect_to(s, at("127.0.0.1", 1)), EISCONN);
	int q;
	FAILS(ioctl(s, FIONREAD, &q), EINVAL);
	char b[1];
	FAILS(recv(s, b, 1, 0), ENOTCONN);
	FAILS(send(s, b, 1, MSG_NOSIGNAL), EPIPE);
	close(s);
}

static void privileged(void)
{
	if (setresuid(-1, 1000, -1) != 0)
		_exit(1);
	int s = socket(AF_INET, SOCK_STREAM, 0);
	FAILS(bind_to(s, at("127.0.0.1", 80)), EACCES);
	FAILS(bind_to(s, at("127.0.0.1", 1023)), EACCES);
	CHECK(bind_to(s, at("127.0.0.1", 0)) == 0);
	FAILS(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM);
	FAILS(set(s, SOL_SOCKET, SO_SNDBUFFORCE, 1 << 20), EPERM);
	FAILS(set(s, SOL_SOCKET, SO_MARK, 1), EPERM);
}

static void talking(void)
{
	union address a, got;
	socklen_t n = sizeof got;
	int l = listener("127.0.0.1", 5, &a);
	int c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect_to(c, a) == 0);
	CHECK(events(l, EVERY) == READ);
	int s = accept4(l, &got.sa, &n, SOCK_CLOEXEC);
	CHECK(s >= 0 && n == sizeof got.in && fcntl(s, F_GETFD) == FD_CLOEXEC);
	union address me = named(c);
	CHECK(got.in.sin_port == me.in.sin_port && got.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	CHECK(me.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	CHECK(peered(c).in.sin_port == a.in.sin_port && peered(s).in.sin_port == me.in.sin_port);
	CHECK(named(s).in.sin_port == a.in.sin_port);
	FAILS(connect_to(c, a), EISCONN);
	FAILS(listen(c, 5), EINVAL);
	FAILS(bind_to(c, at("127.0.0.1", 0)), EINVAL);
	CHECK(now_events(c, EVERY) == WRITE && now_events(s, EVERY) == WRITE);
	char b[100];
	FAILS(recv(c, b, 1, MSG_DONTWAIT), EAGAIN);
	FAILS(recv(c, b, 0, MSG_DONTWAIT), EAGAIN);
	FAILS(recv(c, b, 1, MSG_OOB), EINVAL);
	CHECK(send(c, "hello", 5, 0) == 5 && write(c, " world", 6) == 6);
	CHECK(becomes(s, EVERY, READ | WRITE));
	int q = 0;
	for (int i = 0; i < 100 && q != 11; i++) {
		usleep(1000);
		CHECK(ioctl(s, FIONREAD, &q) == 0);
	}
	CHECK(q == 11);
	CHECK(recv(s, b, 0, 0) == 0);
	CHECK(recv(s, b, 3, MSG_PEEK) == 3 && !memcmp(b, "hel", 3));
	CHECK(recv(s, b, 100, MSG_PEEK) == 11 && !memcmp(b, "hello world", 11));
	CHECK(recv(s, b, 6, MSG_TRUNC) == 6); // thrown away
	n = sizeof got;
	memset(&got, 1, sizeof got);
	CHECK(recvfrom(s, b, 3, 0, &got.sa, &n) == 3 && !memcmp(b, "wor", 3) && n == 0);
	struct iovec v[3] = {{b, 1}, {b + 10, 0}, {b + 1, 5}};
	CHECK(readv(s, v, 3) == 2 && !memcmp(b, "ld", 2));
	FAILS(recv(s, b, 1, MSG_DONTWAIT), EAGAIN);
	FAILS(send(c, (void *)16, 5, 0), EFAULT);
	CHECK(send(c, "x", 1, 0) == 1 && events(s, POLLIN) == POLLIN);
	FAILS(recv(s, (void *)16, 5, 0), EFAULT);
	CHECK(recv(s, b, 5, 0) == 1);
	// An address is ignored.
	CHECK(sendto(c, "y", 1, 0, &a.sa, sizeof a.in) == 1 && recv(s, b, 5, 0) == 1);
	// Time-outs.
	struct timeval tv = {0, 30000};
	CHECK(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
	long t = now_ms();
	FAILS(recv(s, b, 1, 0), EAGAIN);
	CHECK(now_ms() - t >= 25);
	close(c);
	close(s);
	close(l);
}

static void *writer(void *p)
{
	int s = *(int *)p;
	for (int i = 0; i < 10; i++) {
		usleep(3000);
		write(s, "0123456789", 10);
	}
	return NULL;
}

static void waiting(void)
{
	int e[2];
	char b[200];
	connection(e);
	pthread_t t;
	pthread_create(&t, NULL, writer, &e[0]);
	CHECK(recv(e[1], b, 100, MSG_WAITALL) == 100 && !memcmp(b + 90, "0123456789", 10));
	pthread_join(t, NULL);
	write(e[0], "end", 3);
	close(e[0]);
	CHECK(recv(e[1], b, 100, MSG_WAITALL) == 3);
	CHECK(recv(e[1], b, 100, MSG_WAITALL) == 0);
	close(e[1]);
}

static void closing(void)
{
	int e[2];
	char b[100];
	// Half close.
	connection(e);
	CHECK(shutdown(e[0], SHUT_WR) == 0);
	CHECK(becomes(e[1], EVERY, READ | WRITE | POLLRDHUP));
	CHECK(now_events(e[0], EVERY) == WRITE);
	CHECK(recv(e[1], b, 1, 0) == 0 && recv(e[1], b, 1, 0) == 0);
	signal(SIGPIPE, handler);
	handled = 0;
	FAILS(send(e[0], b, 1, MSG_NOSIGNAL), EPIPE);
	CHECK(handled == 0);
	FAILS(write(e[0], b, 1), EPIPE);
	CHECK(handled == SIGPIPE);
	CHECK(write(e[1], "more", 4) == 4 && recv(e[0], b, 100, 0) == 4);
	CHECK(shutdown(e[1], SHUT_WR) == 0);
	CHECK(becomes(e[0], EVERY, READ | WRITE | POLLRDHUP | POLLHUP));
	CHECK(becomes(e[1], EVERY, READ | WRITE | POLLRDHUP | POLLHUP));
	CHECK(recv(e[0], b, 1, 0) == 0);
	union address a;
	socklen_t n = sizeof a;
	FAILS(getpeername(e[0], &a.sa, &n), ENOTCONN);
	FAILS(shutdown(e[0], SHUT_RD), ENOTCONN);
	CHECK(option(e[0], SOL_SOCKET, SO_ERROR) == 0);
	close(e[0]);
	close(e[1]);
	// What was sent before the end arrives.
	connection(e);
	CHECK(write(e[0], "last", 4) == 4);
	close(e[0]);
	CHECK(becomes(e[1], EVERY, READ | WRITE | POLLRDHUP));
	CHECK(recv(e[1], b, 100, 0) == 4 && recv(e[1], b, 100, 0) == 0);
	// The first write to who is gone is answered by a reset.
	CHECK(write(e[1], "x", 1) == 1);
	CHECK(becomes(e[1], EVERY, READ | WRITE | POLLRDHUP | POLLHUP | POLLERR));
	handled = 0;
	FAILS(write(e[1], "x", 1), EPIPE);
	close(e[1]);
	// Unread data makes a close a reset.
	connection(e);
	CHECK(write(e[0], "lost", 4) == 4 && events(e[1], POLLIN) == POLLIN);
	close(e[1]);
	CHECK(becomes(e[0], EVERY, READ | WRITE | POLLRDHUP | POLLHUP | POLLERR));
	CHECK(option(e[0], SOL_SOCKET, SO_ERROR) == ECONNRESET);
	CHECK(option(e[0], SOL_SOCKET, SO_ERROR) == 0);
	CHECK(becomes(e[0], EVERY, READ | WRITE | POLLRDHUP | POLLHUP));
	CHECK(recv(e[0], b, 1, 0) == 0);
	FAILS(send(e[0], b, 1, MSG_NOSIGNAL), EPIPE);
	close(e[0]);
	// So does SO_LINGER without a time.
	connection(e);
	struct linger l = {1, 0};
	CHECK(setsockopt(e[0], SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0);
	close(e[0]);
	CHECK(becomes(e[1], EVERY, READ | WRITE | POLLRDHUP | POLLHUP | POLLERR));
	FAILS(recv(e[1], b, 1, 0), ECONNRESET);
	CHECK(recv(e[1], b, 1, 0) == 0);
	close(e[1]);
	// Not to read any more.
	connection(e);
	CHECK(shutdown(e[0], SHUT_RD) == 0);
	CHECK(now_events(e[0], EVERY) == (READ | WRITE | POLLRDHUP));
	CHECK(recv(e[0], b, 1, 0) == 0);
	CHECK(write(e[0], "x", 1) == 1 && recv(e[1], b, 1, 0) == 1);
	close(e[0]);
	close(e[1]);
	connection(e);
	CHECK(shutdown(e[0], SHUT_RDWR) == 0);
	CHECK((now_events(e[0], EVERY) & (POLLHUP | POLLRDHUP)) == (POLLHUP | POLLRDHUP));
	CHECK(becomes(e[1], EVERY, READ | WRITE | POLLRDHUP));
	close(e[0]);
	close(e[1]);
}

// What TCP_CORK holds back goes before the end (tcp_send_fin), and not the first time only.
static void corked(void)
{
	char b[100];
	for (int how = 0; how < 2; how++) {
		int e[2];
		connection(e);
		CHECK(set(e[0], SOL_TCP, TCP_CORK, 1) == 0);
		CHECK(send(e[0], "first", 5, 0) == 5 && recv(e[1], b, 100, 0) == 5); // after 200 ms
		CHECK(send(e[0], "last", 4, 0) == 4 && (how ? shutdown(e[0], SHUT_WR) == 0 : close(e[0]) == 0));
		CHECK(events(e[1], POLLIN) && recv(e[1], b, 100, 0) == 4);
		CHECK(events(e[1], POLLIN) && recv(e[1], b, 100, 0) == 0);
		close(e[1]);
		if (how)
			close(e[0]);
	}
}

static int free_port(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);
	bind_to(s, at("127.0.0.1", 0));
	int port = ntohs(named(s).in.sin_port);
	close(s);
	return port;
}

static void refused(void)
{
	union address nobody = at("127.0.0.1", free_port()), a;
	int s = socket(AF_INET, SOCK_STREAM, 0);
	FAILS(connect_to(s, nobody), ECONNREFUSED);
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == 0);
	FAILS(connect_to(s, nobody), ECONNREFUSED); // once more on the same one
	FAILS(connect(s, &nobody.sa, 15), EINVAL);
	a = nobody;
	a.sa.sa_family = AF_INET6;
	FAILS(connect(s, &a.sa, sizeof a.in6), EAFNOSUPPORT);
	FAILS(connect_to(s, at("8.8.8.8", 53)), ENETUNREACH);
	FAILS(connect_to(s, at("255.255.255.255", 53)), ENETUNREACH);
	// It can still be made.
	int l = listener("127.0.0.1", 5, &a);
	CHECK(connect_to(s, a) == 0);
	int c = accept(l, NULL, NULL);
	CHECK(write(s, "x", 1) == 1 && c >= 0);
	// And ended, and made again.
	union address unspec;
	memset(&unspec, 0, sizeof unspec);
	CHECK(connect(s, &unspec.sa, sizeof unspec.in) == 0);
	CHECK(now_events(s, EVERY) == (WRITE | POLLHUP | POLLERR));
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == ECONNRESET);
	CHECK(now_events(s, EVERY) == (WRITE | POLLHUP));
	CHECK(connect_to(s, a) == 0);
	close(s);
	close(c);
	// Without waiting.
	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	FAILS(connect_to(s, nobody), EINPROGRESS);
	CHECK(becomes(s, EVERY, READ | WRITE | POLLRDHUP | POLLHUP | POLLERR));
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == ECONNREFUSED);
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == 0);
	CHECK(becomes(s, EVERY, READ | WRITE | POLLRDHUP | POLLHUP));
	FAILS(connect_to(s, nobody), ECONNABORTED);
	FAILS(connect_to(s, nobody), EINPROGRESS);
	CHECK(events(s, POLLOUT) & POLLERR);
	FAILS(connect_to(s, nobody), ECONNREFUSED);
	char b[1];
	FAILS(recv(s, b, 1, 0), ENOTCONN);
	close(s);
	s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	FAILS(connect_to(s, a), EINPROGRESS);
	CHECK(becomes(s, EVERY, WRITE));
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == 0);
	CHECK(connect_to(s, a) == 0);
	FAILS(connect_to(s, a), EISCONN);
	close(s);
	close(l);
	// To any address is to oneself.
	l = listener("0.0.0.0", 5, &a);
	s = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect_to(s, a) == 0 && peered(s).in.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	close(s);
	close(l);
	// A connection that was bound keeps its port.
	l = listener("127.0.0.1", 5, &a);
	s = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(bind_to(s, at("127.0.0.9", 0)) == 0);
	union address me = named(s);
	CHECK(connect_to(s, a) == 0 && named(s).in.sin_port == me.in.sin_port);
	c = accept(l, NULL, NULL);
	CHECK(peered(c).in.sin_addr.s_addr == me.in.sin_addr.s_addr);
	close(c);
	close(s);
	close(l);
}

static void overflow(void)
{
	union address a;
	int l = listener("127.0.0.1", 1, &a), s[5];
	int made = 0;
	for (int i = 0; i < 5; i++) {
		s[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		FAILS(connect_to(s[i], a), EINPROGRESS);
		if (i < 2)
			CHECK(events(s[i], POLLOUT) == POLLOUT && events(l, POLLIN) == POLLIN);
		usleep(10000);
	}
	usleep(50000);
	for (int i = 0; i < 5; i++)
		made += now_events(s[i], POLLOUT) == POLLOUT;
	CHECK(made >= 2 && made < 5);
	CHECK(now_events(s[4], EVERY) == 0);
	FAILS(connect_to(s[4], a), EALREADY);
	char b[1];
	FAILS(recv(s[4], b, 1, 0), EAGAIN);
	FAILS(send(s[4], b, 1, 0), EAGAIN);
	socklen_t n = sizeof a;
	union address p;
	FAILS(getpeername(s[4], &p.sa, &n), ENOTCONN);
	// Room lets it in, once it asks again.
	int c[5];
	c[0] = accept(l, NULL, NULL);
	c[1] = accept(l, NULL, NULL);
	close(s[2]);
	close(s[3]);
	struct pollfd f = {s[4], POLLOUT};
	CHECK(poll(&f, 1, 5000) == 1 && f.revents == POLLOUT);
	close(s[0]);
	close(s[1]);
	close(s[4]);
	close(c[0]);
	close(c[1]);
	// Those that wait when a listener ends are reset.
	int w = socket(AF_INET, SOCK_STREAM, 0);
	int m = listener("127.0.0.1", 1, &a);
	CHECK(connect_to(w, a) == 0);
	close(m);
	CHECK(becomes(w, EVERY, READ | WRITE | POLLRDHUP | POLLHUP | POLLERR));
	FAILS(recv(w, b, 1, 0), ECONNRESET);
	close(w);
	// A listener that is shut down does not listen, and may again.
	m = listener("127.0.0.1", 1, &a);
	CHECK(shutdown(m, SHUT_RD) == 0);
	FAILS(accept(m, NULL, NULL), EINVAL);
	w = socket(AF_INET, SOCK_STREAM, 0);
	FAILS(connect_to(w, a), ECONNREFUSED);
	CHECK(listen(m, 1) == 0); // at another port, for it had not asked for this one
	a = named(m);
	CHECK(a.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && connect_to(w, a) == 0);
	close(w);
	close(m);
	close(l);
}

static void full(void)
{
	int e[2];
	static char big[1 << 20];
	connection(e);
	fcntl(e[0], F_SETFL, O_NONBLOCK);
	ssize_t n, sent = 0, got = 0;
	CHECK((sent = write(e[0], big, sizeof big)) == sizeof big); // at once
	for (int idle = 0; idle < 20;) {
		if ((n = write(e[0], big, sizeof big)) > 0) {
			sent += n;
			idle = 0;
		} else {
			CHECK(errno == EAGAIN);
			usleep(5000);
			idle++;
		}
	}
	CHECK(sent > 100000);
	CHECK(now_events(e[0], EVERY) == 0);
	int ep = epoll_create1(0);
	struct epoll_event ev = {EPOLLOUT | EPOLLET}, out;
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, e[0], &ev) == 0);
	CHECK(epoll_wait(ep, &out, 1, 0) == 0);
	shutdown(e[0], SHUT_WR);
	while ((n = read(e[1], big, sizeof big)) > 0)
		got += n;
	CHECK(n == 0 && got == sent);
	CHECK(epoll_wait(ep, &out, 1, 1000) == 1 && out.events & EPOLLOUT);
	close(ep);
	close(e[0]);
	close(e[1]);
}

static void edges(void)
{
	int e[2], ep = epoll_create1(0);
	char b[10];
	struct epoll_event ev = {EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET}, out;
	connection(e);
	CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, e[1], &ev) == 0);
	CHECK(epoll_wait(ep, &out, 1, 1000) == 1 && out.events == EPOLLOUT);
	CHECK(epoll_wait(ep, &out, 1, 0) == 0);
	write(e[0], "a", 1);
	CHECK(epoll_wait(ep, &out, 1, 1000) == 1 && out.events == (EPOLLIN | EPOLLOUT));
	CHECK(epoll_wait(ep, &out, 1, 20) == 0);
	write(e[0], "b", 1); // an edge, though the first was not read
	CHECK(epoll_wait(ep, &out, 1, 1000) == 1 && out.events == (EPOLLIN | EPOLLOUT));
	CHECK(read(e[1], b, 10) == 2);
	CHECK(epoll_wait(ep, &out, 1, 20) == 0);
	shutdown(e[0], SHUT_WR);
	CHECK(epoll_wait(ep, &out, 1, 1000) == 1 && out.events == (EPOLLIN | EPOLLOUT | EPOLLRDHUP));
	CHECK(epoll_wait(ep, &out, 1, 20) == 0);
	close(e[0]);
	close(e[1]);
	close(ep);
}

static void *interrupter(void *p)
{
	usleep(30000);
	pthread_kill(*(pthread_t *)p, SIGUSR1);
	return NULL;
}

// interrupted calls a blocking call that a signal ends.
static void interrupted(void)
{
	union address a;
	int l = listener("127.0.0.1", 1, &a), e[2];
	char b[1];
	struct sigaction act = {.sa_handler = handler};
	sigaction(SIGUSR1, &act, NULL);
	pthread_t me = pthread_self(), t;
	pthread_create(&t, NULL, interrupter, &me);
	FAILS(accept(l, NULL, NULL), EINTR);
	pthread_join(t, NULL);
	connection(e);
	pthread_create(&t, NULL, interrupter, &me);
	FAILS(recv(e[0], b, 1, 0), EINTR);
	pthread_join(t, NULL);
	close(e[0]);
	close(e[1]);
	// A connection that nobody has room for: it goes on, and is waited for again.
	int first = socket(AF_INET, SOCK_STREAM, 0), second = socket(AF_INET, SOCK_STREAM, 0), c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect_to(first, a) == 0 && connect_to(second, a) == 0);
	usleep(20000);
	pthread_create(&t, NULL, interrupter, &me);
	FAILS(connect_to(c, a), EINTR);
	pthread_join(t, NULL);
	struct timeval tv = {0, 20000};
	CHECK(setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) == 0);
	FAILS(connect_to(c, a), EALREADY); // the time is up
	tv.tv_usec = 0;
	CHECK(setsockopt(c, SOL_SOCKET, SO_SNDTIMEO, &tv, sizeof tv) == 0);
	close(accept(l, NULL, NULL));
	close(accept(l, NULL, NULL));
	CHECK(connect_to(c, a) == 0); // when it has asked again, after a second
	FAILS(connect_to(c, a), EISCONN);
	close(first);
	close(second);
	close(c);
	close(l);
}

static void files(void)
{
	int e[2], f = open("/plain2", O_RDWR | O_CREAT, 0600), p[2];
	char b[5000];
	memset(b, 'f', sizeof b);
	CHECK(write(f, b, sizeof b) == sizeof b);
	connection(e);
	off_t off = 0;
	CHECK(sendfile(e[0], f, &off, sizeof b) == sizeof b && off == sizeof b);
	memset(b, 0, sizeof b);
	CHECK(recv(e[1], b, sizeof b, MSG_WAITALL) == sizeof b && b[0] == 'f' && b[4999] == 'f');
	CHECK(pipe(p) == 0 && write(p[1], "piped", 5) == 5);
	CHECK(splice(p[0], NULL, e[0], NULL, 5, 0) == 5 && recv(e[1], b, 100, 0) == 5 && !memcmp(b, "piped", 5));
	CHECK(write(e[0], "back", 4) == 4 && splice(e[1], NULL, p[1], NULL, 100, 0) == 4);
	CHECK(read(p[0], b, 100) == 4 && !memcmp(b, "back", 4));
	struct stat_ {
		char x;
	};
	FAILS(lseek(e[0], 0, SEEK_SET), ESPIPE);
	FAILS(pread(e[0], b, 1, 0), ESPIPE);
	close(e[0]);
	close(e[1]);
	close(f);
	unlink("/plain2");
}

// self connects a socket to itself: a simultaneous open.
static void self(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);
	char b[10];
	CHECK(bind_to(s, at("127.0.0.1", 0)) == 0 && connect_to(s, named(s)) == 0);
	CHECK(write(s, "me", 2) == 2 && recv(s, b, 10, 0) == 2);
	close(s);
}

static void many(void)
{
	union address a;
	int l = listener("127.0.0.1", 128, &a);
	char b[4];
	for (int i = 0; i < 300; i++) {
		int c = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(connect_to(c, a) == 0);
		int s = accept(l, NULL, NULL);
		CHECK(write(c, "ping", 4) == 4 && recv(s, b, 4, MSG_WAITALL) == 4);
		CHECK(write(s, "pong", 4) == 4 && recv(c, b, 4, MSG_WAITALL) == 4);
		close(c);
		close(s);
	}
	close(l);
}

int main(void)
{
	struct sigaction ignore = {.sa_handler = SIG_DFL};
	creation();
	binding();
	CHECK(in_child(privileged) == 0);
	talking();
	waiting();
	closing();
	corked();
	refused();
	overflow();
	full();
	edges();
	interrupted();
	files();
	self();
	many();
	return failures != 0;
}
