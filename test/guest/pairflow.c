// TCP between two ends of a wire: what flows, what is lost, what is in time.
#define _GNU_SOURCE
#include "pair.h"
#include <sys/epoll.h>

static unsigned char byte(size_t at, int end) { return (at * 2654435761u >> 13) ^ (at >> 20) ^ end; }

// send_some sends what there is room for of [*at, size), read_some reads and looks.
static int send_some(int s, size_t *at, size_t size)
{
	static unsigned char b[65536];
	size_t n = size - *at < sizeof b ? size - *at : sizeof b;
	for (size_t i = 0; i < n; i++)
		b[i] = byte(*at + i, near);
	ssize_t k = send(s, b, n, MSG_DONTWAIT);
	if (k > 0)
		*at += k;
	return k > 0 || errno == EAGAIN;
}

static int read_some(int s, size_t *at, size_t most)
{
	static unsigned char b[65536];
	ssize_t k = recv(s, b, most < sizeof b ? most : sizeof b, MSG_DONTWAIT);
	for (ssize_t i = 0; i < k; i++)
		if (b[i] != byte(*at + i, !near)) {
			printf("another byte at %zu\n", *at + i);
			return 0;
		}
	if (k > 0)
		*at += k;
	return k > 0 || (k < 0 && errno == EAGAIN);
}

// exchange sends out bytes and reads in bytes, all at once.
static int exchange(int s, size_t out, size_t in)
{
	size_t sent = 0, got = 0;
	while (sent < out || got < in) {
		struct pollfd p = {s, (sent < out ? POLLOUT : 0) | (got < in ? POLLIN : 0)};
		if (poll(&p, 1, 50000) != 1) {
			printf("%zu of %zu sent, %zu of %zu read, and no more\n", sent, out, got, in);
			return 0;
		}
		if (p.revents & POLLIN && !read_some(s, &got, in - got))
			return 0;
		if (p.revents & POLLOUT && !send_some(s, &sent, out))
			return 0;
	}
	return 1;
}

#define MB (1 << 20)

static void large(int who)
{
	int s = joined(who);
	CHECK(exchange(s, near == who ? 30 * MB : 0, near == who ? 0 : 30 * MB));
	meet();
	CHECK(exchange(s, 10 * MB, 10 * MB));
	CHECK(now_events(s, EVERY) == WRITE && state(s) == TCP_ESTABLISHED);
	meet();
	close(s);
}

// fill sends until nothing more goes, and returns how much went.
static size_t fill(int s)
{
	size_t sent = 0;
	for (int idle = 0; idle < 30; idle++) {
		size_t before = sent;
		if (!send_some(s, &sent, 1 << 30))
			return 0;
		if (sent != before)
			idle = 0;
		else
			usleep(10000);
	}
	return sent;
}

// A window that is closed, and opens.
static void windows(int who)
{
	int port, s = joined_at(who, &port);
	size_t sent = 0, got = 0;
	for (int round = 0; round < 2; round++) {
		if (near == who) {
			sent = fill(s);
			CHECK(sent > 100000 && now_events(s, EVERY) == 0);
			tell(&sent, sizeof sent);
			usleep(1500000); // probes go, and are answered
			CHECK(state(s) == TCP_ESTABLISHED && now_events(s, EVERY) == 0);
			meet();
		} else {
			hear(&sent, sizeof sent);
			meet();
		}
		// The second time nobody is told that it opens: a probe finds out.
		if (round == 1)
			lose(port, to(who));
		if (near != who) {
			int epoll = epoll_create1(0);
			struct epoll_event e = {EPOLLIN | EPOLLET}, told;
			CHECK(epoll_ctl(epoll, EPOLL_CTL_ADD, s, &e) == 0);
			CHECK(epoll_wait(epoll, &told, 1, 0) == 1);
			got = 0;
			while (got < sent && recv(s, NULL, 0, MSG_DONTWAIT) == 0) {
				if (!read_some(s, &got, sent - got))
					break;
				if (round == 1 && got >= 65536)
					break;
				if (got < sent && now_events(s, POLLIN) == 0)
					events(s, POLLIN);
			}
			close(epoll);
		}
		meet();
		if (round == 1)
			mend(port, to(who));
		if (near != who) {
			struct pollfd p = {s, POLLIN};
			while (got < sent && poll(&p, 1, 20000) == 1 && read_some(s, &got, sent - got))
				;
			CHECK(got == sent);
		} else
			CHECK(comes(s, WRITE));
		meet();
	}
	close(s);
}

// With a buffer that a user chose, and one who reads slowly.
static void slow(int who)
{
	union address a;
	int s;
	if (near == who) {
		hear(&a, sizeof a);
		s = socket(family(), SOCK_STREAM, 0);
		CHECK(set(s, SOL_SOCKET, SO_SNDBUF, 20000) == 0);
		CHECK(connect_to(s, a) == 0);
		CHECK(option(s, SOL_SOCKET, SO_SNDBUF) == 40000);
	} else {
		a = at(here(), 0);
		int l = socket(family(), SOCK_STREAM, 0);
		CHECK(set(l, SOL_SOCKET, SO_RCVBUF, 10000) == 0 && bind_to(l, a) == 0 && listen(l, 1) == 0);
		a = named(l);
		tell(&a, sizeof a);
		s = accept(l, NULL, NULL);
		CHECK(option(s, SOL_SOCKET, SO_RCVBUF) == 20000);
		close(l);
	}
	meet();
	if (near == who) {
		CHECK(exchange(s, 300000, 0));
	} else {
		size_t got = 0;
		while (got < 300000 && events(s, POLLIN) && read_some(s, &got, 2000))
			usleep(2000);
		CHECK(got == 300000);
	}
	meet();
	// What is asked for at least.
	CHECK(set(s, SOL_SOCKET, SO_RCVLOWAT, 5000) == 0);
	meet();
	if (near == who) {
		size_t at = 300000;
		CHECK(send_some(s, &at, 303000) && at == 303000);
		meet();
		meet();
		CHECK(send_some(s, &at, 305000) && at == 305000);
	} else {
		meet();
		usleep(200000);
		CHECK(now_events(s, POLLIN) == 0);
		meet();
		CHECK(events(s, POLLIN) == POLLIN);
		size_t got = 300000;
		CHECK(read_some(s, &got, 10000) && got == 305000);
	}
	meet();
	close(s);
}

// What gets lost is sent again; what comes twice or late is put in order.
static void losing(int who)
{
	const char *t = six ? "ip6tables" : "iptables";
	char c[20];
	int port, s = joined_at(who, &port);
	lose(port, to(!who));
	if (near == who)
		CHECK(send(s, "again", 5, 0) == 5);
	usleep(100000);
	if (near != who)
		CHECK(now_events(s, EVERY) == WRITE);
	meet();
	mend(port, to(!who));
	if (near != who)
		CHECK(recv(s, c, 20, 0) == 5 && !memcmp(c, "again", 5));
	meet();
	lose(port, to(who)); // acknowledgements
	if (near == who) {
		CHECK(send(s, "twice", 5, 0) == 5);
		usleep(500000);
	} else {
		CHECK(recv(s, c, 20, 0) == 5 && !memcmp(c, "twice", 5));
	}
	meet();
	mend(port, to(who));
	if (near == who)
		CHECK(send(s, " more", 5, 0) == 5);
	else
		CHECK(recv(s, c, 20, 0) == 5 && !memcmp(c, " more", 5));
	meet();
	// One in fifty, in both directions, both ends sending.
	sh("%s -w -I INPUT -p tcp -m multiport --ports %d -m statistic --mode nth --every 50 --packet 0 -j DROP", t, port);
	sh("%s -w -I OUTPUT -p tcp -m multiport --ports %d -m statistic --mode nth --every 50 --packet 0 -j DROP", t, port);
	CHECK(exchange(s, MB, MB));
	sh("%s -w -D INPUT -p tcp -m multiport --ports %d -m statistic --mode nth --every 50 --packet 0 -j DROP", t, port);
	sh("%s -w -D OUTPUT -p tcp -m multiport --ports %d -m statistic --mode nth --every 50 --packet 0 -j DROP", t, port);
	// Each segment of far's twice.
	sh("%s -w -t mangle -I POSTROUTING -p tcp -m multiport --ports %d -j TEE --gateway %s", t, port, addresses[six][1]);
	CHECK(exchange(s, MB, MB));
	sh("%s -w -t mangle -D POSTROUTING -p tcp -m multiport --ports %d -j TEE --gateway %s", t, port, addresses[six][1]);
	CHECK(now_events(s, EVERY) == WRITE && state(s) == TCP_ESTABLISHED);
	meet();
	close(s);
	// Some of a handshake.
	union address a;
	int l = -1;
	if (near != who) {
		l = listener(here(), 5, &a);
		tell(&a, sizeof a);
	} else
		hear(&a, sizeof a);
	for (int lost = 0; lost < 2; lost++) {
		lose(port_of(a), to(lost ? who : !who));
		if (near == who) {
			s = socket(family(), SOCK_STREAM | SOCK_NONBLOCK, 0);
			FAILS(connect_to(s, a), EINPROGRESS);
			usleep(200000);
			CHECK(state(s) == TCP_SYN_SENT && now_events(s, EVERY) == 0);
		} else {
			usleep(200000);
			CHECK(now_events(l, EVERY) == 0);
		}
		meet();
		mend(port_of(a), to(lost ? who : !who));
		if (near == who)
			CHECK(comes(s, WRITE));
		else
			CHECK(comes(l, READ) && (s = accept(l, NULL, NULL)) >= 0);
		meet();
		close(s);
	}
	if (l >= 0)
		close(l);
}

// gone is what a connection is that was given up after a time.
static void gone(int s)
{
	char c[1];
	CHECK(comes(s, HUNG | POLLERR) && state(s) == TCP_CLOSE);
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == ETIMEDOUT && option(s, SOL_SOCKET, SO_ERROR) == 0);
	CHECK(recv(s, c, 1, 0) == 0);
	FAILS(send(s, c, 1, 0), EPIPE);
}

// Nobody answers any more.
static void silence(int who)
{
	int port, s = joined_at(who, &port);
	char c[1];
	if (near == who)
		CHECK(set(s, SOL_SOCKET, SO_KEEPALIVE, 1) == 0 && set(s, SOL_TCP, TCP_KEEPIDLE, 1) == 0 && set(s, SOL_TCP, TCP_KEEPINTVL, 1) == 0 && set(s, SOL_TCP, TCP_KEEPCNT, 2) == 0);
	usleep(2500000); // answered
	CHECK(now_events(s, EVERY) == WRITE && state(s) == TCP_ESTABLISHED);
	lose(port, TO_FAR | TO_NEAR);
	if (near == who) {
		FAILS(recv(s, c, 1, 0), ETIMEDOUT);
		CHECK(comes(s, HUNG) && state(s) == TCP_CLOSE);
		CHECK(recv(s, c, 1, 0) == 0);
	}
	meet();
	mend(port, TO_FAR | TO_NEAR);
	if (near != who) { // it does not know
		CHECK(now_events(s, EVERY) == WRITE && send(s, "?", 1, 0) == 1);
		CHECK(comes(s, HUNG | POLLERR));
		FAILS(recv(s, c, 1, 0), ECONNRESET);
	}
	meet();
	close(s);
	// TCP_USER_TIMEOUT: of data that was sent.
	s = joined_at(who, &port);
	if (near == who)
		CHECK(set(s, SOL_TCP, TCP_USER_TIMEOUT, 1500) == 0 && option(s, SOL_TCP, TCP_USER_TIMEOUT) == 1500);
	meet();
	lose(port, TO_FAR | TO_NEAR);
	if (near == who) {
		long t = now_ms();
		CHECK(send(s, "hello?", 6, 0) == 6);
		gone(s);
		CHECK(now_ms() - t >= 1000);
	}
	meet();
	mend(port, TO_FAR | TO_NEAR);
	reset_on_close(s);
	close(s);
	// TCP_SYNCNT.
	union address a = place(!who);
	lose(port_of(a), to(!who));
	if (near == who) {
		s = socket(family(), SOCK_STREAM, 0);
		CHECK(set(s, SOL_TCP, TCP_SYNCNT, 1) == 0);
		FAILS(connect_to(s, a), ETIMEDOUT);
		close(s);
	}
	meet();
	mend(port_of(a), to(!who));
}

static void urgent(int who)
{
	int s = joined(who), mark;
	char c[10];
	if (near == who) {
		CHECK(send(s, "abc", 3, MSG_OOB) == 3 && send(s, "de", 2, 0) == 2);
		meet();
		meet();
		CHECK(send(s, "f", 1, MSG_OOB) == 1);
	} else if (lacks(URGENT_DATA)) {
		// It is in line.
		meet();
		for (int i = 0; i < 1000 && recv(s, c, 10, MSG_PEEK) < 5; i++)
			usleep(5000);
		CHECK(recv(s, c, 10, 0) == 5 && !memcmp(c, "abcde", 5));
		meet();
		CHECK(recv(s, c, 10, 0) == 1);
	} else {
		meet();
		CHECK(events(s, POLLPRI) == POLLPRI);
		for (int i = 0; i < 1000 && now_events(s, POLLIN) == 0; i++)
			usleep(5000);
		CHECK(recv(s, c, 10, 0) == 2 && !memcmp(c, "ab", 2));
		CHECK(ioctl(s, SIOCATMARK, &mark) == 0 && mark == 1);
		CHECK(recv(s, c, 10, MSG_OOB) == 1 && c[0] == 'c');
		FAILS(recv(s, c, 10, MSG_OOB), EINVAL);
		CHECK(recv(s, c, 10, 0) == 2 && !memcmp(c, "de", 2));
		CHECK(set(s, SOL_SOCKET, SO_OOBINLINE, 1) == 0);
		meet();
		CHECK(events(s, POLLPRI) == POLLPRI && recv(s, c, 10, 0) == 1 && c[0] == 'f');
	}
	meet();
	close(s);
}

// Small messages, held back or not, and what a size is asked for.
static void small(int who)
{
	union address a;
	char c[100];
	int s = joined(who), on = 1;
	if (near == who) {
		CHECK(set(s, SOL_TCP, TCP_CORK, 1) == 0 && send(s, "held", 4, 0) == 4);
		meet();
		meet();
		CHECK(set(s, SOL_TCP, TCP_CORK, 0) == 0);
		meet();
		CHECK(send(s, "one ", 4, MSG_MORE) == 4 && send(s, "two", 3, 0) == 3);
	} else {
		meet();
		usleep(50000);
		CHECK(now_events(s, POLLIN) == 0);
		meet();
		CHECK(events(s, POLLIN) == POLLIN && recv(s, c, 100, 0) == 4);
		meet();
		CHECK(events(s, POLLIN) == POLLIN && recv(s, c, 100, 0) == 7 && !memcmp(c, "one two", 7));
	}
	meet();
	// Question and answer, a thousand times.
	CHECK(set(s, SOL_TCP, TCP_NODELAY, 1) == 0);
	int right = 0;
	for (int i = 0; i < 1000; i++) {
		if (near == who)
			right += send(s, &i, sizeof i, 0) == sizeof i && recv(s, c, sizeof i, MSG_WAITALL) == sizeof i && !memcmp(c, &i, sizeof i);
		else
			right += recv(s, c, sizeof i, MSG_WAITALL) == sizeof i && send(s, c, sizeof i, 0) == sizeof i;
	}
	CHECK(right == 1000);
	meet();
	close(s);
	// TCP_MAXSEG before, and a smaller link of far's.
	if (near == who) {
		hear(&a, sizeof a);
		s = socket(family(), SOCK_STREAM, 0);
		CHECK(set(s, SOL_TCP, TCP_MAXSEG, 800) == 0 && option(s, SOL_TCP, TCP_MAXSEG) == 800);
		CHECK(connect_to(s, a) == 0 && option(s, SOL_TCP, TCP_MAXSEG) == 788);
	} else {
		int l = listener(here(), 5, &a);
		tell(&a, sizeof a);
		s = accept(l, NULL, NULL);
		if (!near || !lacks(PEERS_MSS))
			CHECK(option(s, SOL_TCP, TCP_MAXSEG) == 788);
		close(l);
	}
	meet();
	CHECK(exchange(s, MB, MB));
	close(s);
	sh("ip link set eth1 mtu 1300");
	s = joined(who);
	if (!near || !lacks(PEERS_MSS))
		CHECK(option(s, SOL_TCP, TCP_MAXSEG) == (six ? 1228 : 1248));
	CHECK(exchange(s, MB, MB));
	meet();
	sh("ip link set eth1 mtu 1500");
	close(s);
}

int main(int argc, char **argv)
{
	ends(argc, argv);
	for (six = 0; six < 2; six++)
		for (int who = 0; who < 2; who++) {
			large(who);
			windows(who);
			slow(who);
			losing(who);
			silence(who);
			urgent(who);
			small(who);
		}
	return finish();
}
