// UDP, ICMP and IPv6 on loopback.
#define _GNU_SOURCE
#include "inet.h"
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <sys/uio.h>

static int receiver(const char *ip, union address *a)
{
	*a = at(ip, 0);
	int s = socket(a->sa.sa_family, SOCK_DGRAM, 0);
	CHECK(s >= 0 && bind_to(s, *a) == 0);
	*a = named(s);
	return s;
}

static void datagrams(void)
{
	union address a, from, me;
	socklen_t n = sizeof from;
	char b[100];
	int r = receiver("127.0.0.1", &a), s = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(option(s, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP);
	CHECK(now_events(s, EVERY) == WRITE);
	FAILS(send(s, "x", 1, 0), EDESTADDRREQ);
	FAILS(recv(s, b, 1, MSG_DONTWAIT), EAGAIN);
	FAILS(listen(s, 1), EOPNOTSUPP);
	FAILS(accept(s, NULL, NULL), EOPNOTSUPP);
	FAILS(shutdown(s, SHUT_WR), ENOTCONN);
	FAILS(getpeername(s, &from.sa, &n), ENOTCONN);
	close(s);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(send_to(s, "first", 5, a) == 5 && send_to(s, "", 0, a) == 0 && send_to(s, "third", 5, a) == 5);
	me = named(s);
	CHECK(me.in.sin_port != 0 && me.in.sin_addr.s_addr == 0);
	CHECK(events(r, EVERY) == (READ | WRITE));
	int q;
	CHECK(ioctl(r, FIONREAD, &q) == 0 && q == 5);
	CHECK(recv(r, b, 3, MSG_PEEK) == 3 && recv(r, b, 3, MSG_PEEK | MSG_TRUNC) == 5);
	n = sizeof from;
	CHECK(recvfrom(r, b, 100, 0, &from.sa, &n) == 5 && n == sizeof from.in && !memcmp(b, "first", 5));
	CHECK(from.in.sin_port == me.in.sin_port && from.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	CHECK(recv(r, b, 100, 0) == 0);
	struct iovec v = {b, 3};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_name = &from, .msg_namelen = sizeof from};
	CHECK(recvmsg(r, &m, 0) == 3 && m.msg_flags == MSG_TRUNC && m.msg_namelen == sizeof from.in && !memcmp(b, "thi", 3));
	FAILS(recv(r, b, 100, MSG_DONTWAIT), EAGAIN);
	// Bad addresses.
	FAILS(sendto(s, "x", 1, 0, &a.sa, 15), EINVAL);
	union address bad = a;
	bad.in.sin_port = 0;
	FAILS(send_to(s, "x", 1, bad), EINVAL);
	bad.sa.sa_family = AF_INET6;
	FAILS(sendto(s, "x", 1, 0, &bad.sa, sizeof bad.in6), EAFNOSUPPORT);
	FAILS(send_to(s, "x", 1, at("8.8.8.8", 53)), ENETUNREACH);
	FAILS(send_to(s, "x", 1, at("255.255.255.255", 53)), ENETUNREACH);
	FAILS(send_to(s, "x", 1, at("127.255.255.255", 53)), EACCES);
	static char big[70000];
	FAILS(send_to(s, big, 65508, a), EMSGSIZE);
	FAILS(send_to(s, big, 70000, a), EMSGSIZE);
	CHECK(send_to(s, big, 65507, a) == 65507 && recv(r, big, sizeof big, 0) == 65507);
	FAILS(send(s, b, 1, MSG_OOB), EOPNOTSUPP);
	FAILS(send_to(s, (void *)16, 5, a), EFAULT);
	CHECK(send_to(s, "x", 1, a) == 1);
	FAILS(recv(r, (void *)16, 5, 0), EFAULT);
	close(s);
	close(r);
}

static void connected(void)
{
	union address a, b, c, p;
	char buf[100];
	socklen_t n;
	int x = receiver("127.0.0.1", &a);
	close(x);
	x = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(bind_to(x, a) == 0); // this very port: it is kept
	int y = receiver("127.0.0.1", &b), z = receiver("127.0.0.1", &c);
	CHECK(connect_to(x, b) == 0 && peered(x).in.sin_port == b.in.sin_port);
	CHECK(send(x, "to y", 4, 0) == 4 && recv(y, buf, 100, 0) == 4);
	CHECK(send_to(z, "stranger", 8, a) == 8);
	FAILS(recv(x, buf, 100, MSG_DONTWAIT), EAGAIN);
	CHECK(send_to(y, "friend", 6, a) == 6 && recv(x, buf, 100, 0) == 6);
	CHECK(send_to(x, "to z", 4, c) == 4 && recv(z, buf, 100, 0) == 4);
	CHECK(connect_to(x, c) == 0 && send(x, "z", 1, 0) == 1 && recv(z, buf, 100, 0) == 1);
	memset(&p, 0, sizeof p);
	CHECK(connect(x, &p.sa, sizeof p.in) == 0);
	n = sizeof p;
	FAILS(getpeername(x, &p.sa, &n), ENOTCONN);
	FAILS(send(x, "x", 1, 0), EDESTADDRREQ);
	CHECK(named(x).in.sin_port == a.in.sin_port);
	CHECK(send_to(z, "again", 5, a) == 5 && recv(x, buf, 100, 0) == 5);
	// A connected socket has an address.
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(connect_to(s, a) == 0);
	CHECK(named(s).in.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && named(s).in.sin_port != 0);
	CHECK(shutdown(s, SHUT_WR) == 0);
	FAILS(send(s, "x", 1, MSG_NOSIGNAL), EPIPE);
	CHECK(now_events(s, EVERY) == WRITE);
	CHECK(shutdown(s, SHUT_RD) == 0 && recv(s, buf, 1, 0) == 0);
	CHECK(now_events(s, EVERY) == (READ | WRITE | POLLHUP | POLLRDHUP));
	close(s);
	// Nobody there.
	close(z);
	CHECK(connect_to(x, c) == 0 && send(x, "?", 1, 0) == 1);
	CHECK(becomes(x, EVERY, WRITE | POLLERR));
	FAILS(recv(x, buf, 1, 0), ECONNREFUSED);
	FAILS(recv(x, buf, 1, MSG_DONTWAIT), EAGAIN);
	CHECK(send(x, "?", 1, 0) == 1 && becomes(x, EVERY, WRITE | POLLERR));
	FAILS(send(x, "?", 1, 0), ECONNREFUSED);
	CHECK(send(x, "?", 1, 0) == 1 && becomes(x, EVERY, WRITE | POLLERR));
	CHECK(option(x, SOL_SOCKET, SO_ERROR) == ECONNREFUSED && option(x, SOL_SOCKET, SO_ERROR) == 0);
	// Who is not connected does not hear of it.
	s = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(send_to(s, "?", 1, c) == 1 && send_to(s, "?", 1, c) == 1 && option(s, SOL_SOCKET, SO_ERROR) == 0);
	close(s);
	// The error queue.
	CHECK(set(x, SOL_IP, IP_RECVERR, 1) == 0 && send(x, "query", 5, 0) == 5);
	CHECK(becomes(x, EVERY, WRITE | POLLERR));
	char ctl[200];
	struct iovec v = {buf, 100};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_name = &p, .msg_namelen = sizeof p, .msg_control = ctl, .msg_controllen = sizeof ctl};
	CHECK(recvmsg(x, &m, MSG_ERRQUEUE) == 5 && !memcmp(buf, "query", 5) && m.msg_flags & MSG_ERRQUEUE);
	CHECK(p.in.sin_port == c.in.sin_port && p.in.sin_addr.s_addr == c.in.sin_addr.s_addr);
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	CHECK(h && h->cmsg_level == SOL_IP && h->cmsg_type == IP_RECVERR);
	struct sock_extended_err *e = (void *)CMSG_DATA(h);
	CHECK(e->ee_errno == ECONNREFUSED && e->ee_origin == SO_EE_ORIGIN_ICMP && e->ee_type == 3 && e->ee_code == 3);
	struct sockaddr_in *off = (void *)SO_EE_OFFENDER(e);
	CHECK(off->sin_family == AF_INET && off->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	FAILS(recvmsg(x, &m, MSG_ERRQUEUE), EAGAIN);
	// A socket without an address of its own hears who said it, too.
	s = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(set(s, SOL_IP, IP_RECVERR, 1) == 0 && bind(s, &(union address){.in = {.sin_family = AF_INET}}.sa, sizeof(struct sockaddr_in)) == 0);
	CHECK(connect_to(s, c) == 0 && send(s, "?", 1, 0) == 1 && becomes(s, EVERY, WRITE | POLLERR));
	m.msg_namelen = sizeof p, m.msg_controllen = sizeof ctl;
	CHECK(recvmsg(s, &m, MSG_ERRQUEUE) == 1 && (h = CMSG_FIRSTHDR(&m)) && h->cmsg_type == IP_RECVERR);
	off = (void *)SO_EE_OFFENDER((struct sock_extended_err *)CMSG_DATA(h));
	CHECK(off->sin_family == AF_INET && off->sin_addr.s_addr == htonl(INADDR_LOOPBACK) && off->sin_port == 0);
	close(s);
	close(x);
	close(y);
}

static void bounded(void)
{
	union address a;
	char b[1000] = "";
	int r = receiver("127.0.0.1", &a), s = socket(AF_INET, SOCK_DGRAM, 0), n = 0;
	CHECK(set(r, SOL_SOCKET, SO_RCVBUF, 10000) == 0 && option(r, SOL_SOCKET, SO_RCVBUF) == 20000);
	for (int i = 0; i < 1000; i++)
		CHECK(send_to(s, b, 0, a) == 0);
	while (recv(r, b, 1, MSG_DONTWAIT) == 0)
		n++;
	CHECK(n >= 15 && n <= 50);
	n = 0;
	for (int i = 0; i < 1000; i++)
		CHECK(send_to(s, b, 1000, a) == 1000);
	while (recv(r, b, 1000, MSG_DONTWAIT) == 1000)
		n++;
	CHECK(n >= 5 && n <= 20);
	close(r);
	close(s);
}

static void batches(void)
{
	union address a;
	int r = receiver("127.0.0.1", &a), s = socket(AF_INET, SOCK_DGRAM, 0);
	struct mmsghdr m[3];
	struct iovec v[3];
	char b[3][10];
	connect_to(s, a);
	memset(m, 0, sizeof m);
	for (int i = 0; i < 3; i++) {
		v[i] = (struct iovec){"abc", i + 1};
		m[i].msg_hdr.msg_iov = &v[i];
		m[i].msg_hdr.msg_iovlen = 1;
	}
	CHECK(sendmmsg(s, m, 3, 0) == 3 && m[0].msg_len == 1 && m[2].msg_len == 3);
	for (int i = 0; i < 3; i++)
		v[i] = (struct iovec){b[i], 10};
	CHECK(recvmmsg(r, m, 3, MSG_WAITFORONE, NULL) == 3 && m[0].msg_len == 1 && m[2].msg_len == 3 && !memcmp(b[2], "abc", 3));
	FAILS(recvmmsg(r, m, 3, MSG_DONTWAIT, NULL), EAGAIN);
	struct timespec t = {0, 20000000};
	send(s, "x", 1, 0);
	CHECK(recvmmsg(r, m, 3, MSG_WAITFORONE, &t) == 1);
	// Held back, and cut.
	CHECK(send(s, "one ", 4, MSG_MORE) == 4);
	FAILS(recv(r, b[0], 10, MSG_DONTWAIT), EAGAIN);
	CHECK(send(s, "two", 3, 0) == 3 && recv(r, b[0], 10, 0) == 7 && !memcmp(b[0], "one two", 7));
	CHECK(set(s, SOL_UDP, UDP_CORK, 1) == 0 && send(s, "a", 1, 0) == 1 && send(s, "b", 1, 0) == 1);
	FAILS(recv(r, b[0], 10, MSG_DONTWAIT), EAGAIN);
	CHECK(set(s, SOL_UDP, UDP_CORK, 0) == 0 && recv(r, b[0], 10, 0) == 2);
	CHECK(set(s, SOL_UDP, UDP_SEGMENT, 4) == 0 && send(s, "0123456789", 10, 0) == 10);
	CHECK(recv(r, b[0], 10, 0) == 4 && recv(r, b[0], 10, 0) == 4 && recv(r, b[0], 10, 0) == 2 && b[0][0] == '8');
	close(r);
	close(s);
}

// control receives one message and returns the data of a control message.
static void *control(int s, int level, int type, size_t size)
{
	static char ctl[500];
	char b[10];
	struct iovec v = {b, 10};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof ctl};
	if (recvmsg(s, &m, 0) < 0)
		return NULL;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == level && h->cmsg_type == type && h->cmsg_len == CMSG_LEN(size))
			return CMSG_DATA(h);
	return NULL;
}

static void controls(void)
{
	union address a;
	int r = receiver("127.0.0.1", &a), s = socket(AF_INET, SOCK_DGRAM, 0), *n;
	connect_to(s, a);
	CHECK(set(r, SOL_IP, IP_PKTINFO, 1) == 0);
	send(s, "x", 1, 0);
	struct in_pktinfo *p = control(r, SOL_IP, IP_PKTINFO, sizeof *p);
	CHECK(p && p->ipi_ifindex == 1 && p->ipi_addr.s_addr == htonl(INADDR_LOOPBACK) && p->ipi_spec_dst.s_addr == htonl(INADDR_LOOPBACK));
	CHECK(set(r, SOL_IP, IP_PKTINFO, 0) == 0 && set(r, SOL_IP, IP_RECVTTL, 1) == 0);
	send(s, "x", 1, 0);
	CHECK((n = control(r, SOL_IP, IP_TTL, 4)) && *n == 64);
	CHECK(set(s, SOL_IP, IP_TTL, 33) == 0);
	send(s, "x", 1, 0);
	CHECK((n = control(r, SOL_IP, IP_TTL, 4)) && *n == 33);
	CHECK(set(r, SOL_IP, IP_RECVTTL, 0) == 0 && set(r, SOL_IP, IP_RECVTOS, 1) == 0 && set(s, SOL_IP, IP_TOS, 0x10) == 0);
	send(s, "x", 1, 0);
	unsigned char *tos = control(r, SOL_IP, IP_TOS, 1);
	CHECK(tos && *tos == 0x10);
	CHECK(set(r, SOL_SOCKET, SO_TIMESTAMP, 1) == 0);
	send(s, "x", 1, 0);
	struct timeval *tv = control(r, SOL_SOCKET, SO_TIMESTAMP, sizeof *tv);
	CHECK(tv && tv->tv_sec - time(NULL) <= 1 && time(NULL) - tv->tv_sec <= 1 && tv->tv_usec < 1000000);
	CHECK(set(r, SOL_SOCKET, SO_TIMESTAMP, 0) == 0 && set(r, SOL_SOCKET, SO_TIMESTAMPNS, 1) == 0);
	send(s, "x", 1, 0);
	struct timespec *ts = control(r, SOL_SOCKET, SO_TIMESTAMPNS, sizeof *ts);
	CHECK(ts && time(NULL) - ts->tv_sec <= 1 && ts->tv_nsec < 1000000000);
	// Sent with one message.
	char ctl[CMSG_SPACE(4)] = "";
	struct iovec v = {"x", 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof ctl};
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_IP;
	h->cmsg_type = IP_TTL;
	h->cmsg_len = CMSG_LEN(4);
	*(int *)CMSG_DATA(h) = 7;
	CHECK(set(r, SOL_IP, IP_RECVTTL, 1) == 0 && sendmsg(s, &m, 0) == 1);
	CHECK((n = control(r, SOL_IP, IP_TTL, 4)) && *n == 7);
	*(int *)CMSG_DATA(h) = 700;
	FAILS(sendmsg(s, &m, 0), EINVAL);
	h->cmsg_type = 99;
	FAILS(sendmsg(s, &m, 0), EINVAL);
	h->cmsg_level = SOL_SOCKET;
	FAILS(sendmsg(s, &m, 0), EINVAL);
	close(s);
	close(r);
}

static int is6(union address a, const char *ip)
{
	union address b = at(ip, 0);
	return a.sa.sa_family == AF_INET6 && !memcmp(&a.in6.sin6_addr, &b.in6.sin6_addr, 16);
}

static void six(void)
{
	union address a, from;
	socklen_t n = sizeof from;
	char b[100];
	int r = receiver("::1", &a), s = socket(AF_INET6, SOCK_DGRAM, 0), *v;
	CHECK(send_to(s, "x", 1, a) == 1 && recvfrom(r, b, 100, 0, &from.sa, &n) == 1);
	CHECK(n == sizeof from.in6 && IN6_IS_ADDR_LOOPBACK(&from.in6.sin6_addr) && from.in6.sin6_scope_id == 0);
	FAILS(sendto(s, "x", 1, 0, &a.sa, 23), EINVAL);
	FAILS(send_to(s, "x", 1, at("2001:db8::1", 9)), ENETUNREACH);
	CHECK(connect_to(s, a) == 0);
	CHECK(set(r, SOL_IPV6, IPV6_RECVPKTINFO, 1) == 0);
	send(s, "x", 1, 0);
	struct in6_pktinfo *p = control(r, SOL_IPV6, IPV6_PKTINFO, sizeof *p);
	CHECK(p && p->ipi6_ifindex == 1 && IN6_IS_ADDR_LOOPBACK(&p->ipi6_addr));
	CHECK(set(r, SOL_IPV6, IPV6_RECVHOPLIMIT, 1) == 0);
	send(s, "x", 1, 0);
	CHECK((v = control(r, SOL_IPV6, IPV6_HOPLIMIT, 4)) && *v == 64);
	CHECK(set(s, SOL_IPV6, IPV6_UNICAST_HOPS, 5) == 0);
	send(s, "x", 1, 0);
	CHECK((v = control(r, SOL_IPV6, IPV6_HOPLIMIT, 4)) && *v == 5);
	CHECK(set(r, SOL_IPV6, IPV6_RECVTCLASS, 1) == 0 && set(s, SOL_IPV6, IPV6_TCLASS, 0x20) == 0);
	send(s, "x", 1, 0);
	CHECK((v = control(r, SOL_IPV6, IPV6_TCLASS, 4)) && *v == 0x20);
	// Nobody there.
	close(r);
	CHECK(send(s, "?", 1, 0) == 1 && becomes(s, EVERY, WRITE | POLLERR));
	FAILS(recv(s, b, 1, 0), ECONNREFUSED);
	close(s);
	// Both families at once.
	r = receiver("::", &a);
	CHECK(option(r, SOL_IPV6, IPV6_V6ONLY) == 0);
	FAILS(set(r, SOL_IPV6, IPV6_V6ONLY, 1), EINVAL);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	FAILS(bind_to(s, at("127.0.0.1", ntohs(a.in6.sin6_port))), EADDRINUSE);
	CHECK(send_to(s, "four", 4, at("127.0.0.1", ntohs(a.in6.sin6_port))) == 4);
	n = sizeof from;
	CHECK(recvfrom(r, b, 100, 0, &from.sa, &n) == 4 && n == sizeof from.in6 && IN6_IS_ADDR_V4MAPPED(&from.in6.sin6_addr));
	CHECK(send_to(r, "back", 4, from) == 4 && recv(s, b, 100, 0) == 4);
	FAILS(sendto(r, "x", 1, 0, &from.sa, 20), EINVAL);
	close(s);
	close(r);
	r = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK(set(r, SOL_IPV6, IPV6_V6ONLY, 1) == 0 && bind_to(r, at("::", 0)) == 0 && listen(r, 1) == 0);
	a = named(r);
	s = socket(AF_INET, SOCK_STREAM, 0);
	FAILS(connect_to(s, at("127.0.0.1", ntohs(a.in6.sin6_port))), ECONNREFUSED);
	close(s);
	s = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK(connect_to(s, a) == 0 && is6(peered(s), "::1"));
	int c = accept(r, NULL, NULL);
	CHECK(write(s, "six", 3) == 3 && read(c, b, 100) == 3);
	close(c);
	close(s);
	close(r);
	r = listener("::", 5, &a);
	s = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect_to(s, at("127.0.0.1", ntohs(a.in6.sin6_port))) == 0);
	n = sizeof from;
	c = accept(r, &from.sa, &n);
	CHECK(c >= 0 && n == sizeof from.in6 && IN6_IS_ADDR_V4MAPPED(&from.in6.sin6_addr));
	CHECK(is6(named(c), "::ffff:127.0.0.1"));
	close(c);
	close(s);
	s = socket(AF_INET6, SOCK_STREAM, 0);
	CHECK(connect_to(s, at("::ffff:127.0.0.1", ntohs(a.in6.sin6_port))) == 0);
	CHECK(is6(named(s), "::ffff:127.0.0.1") && is6(peered(s), "::ffff:127.0.0.1"));
	close(s);
	s = socket(AF_INET6, SOCK_STREAM, 0);
	FAILS(connect_to(s, at("127.0.0.1", ntohs(a.in6.sin6_port))), EINVAL); // too short
	CHECK(set(s, SOL_IPV6, IPV6_V6ONLY, 1) == 0);
	FAILS(connect_to(s, at("::ffff:127.0.0.1", ntohs(a.in6.sin6_port))), ENETUNREACH);
	FAILS(connect_to(s, at("fe80::1", 80)), EINVAL); // on which link?
	FAILS(bind_to(s, at("fe80::1", 8080)), EINVAL);
	FAILS(bind_to(s, at("2001:db8::1", 0)), EADDRNOTAVAIL);
	close(s);
	close(r);
}

static unsigned short sum(void *p, int n)
{
	unsigned long s = 0;
	for (unsigned short *w = p; n > 0; n -= 2)
		s += *w++;
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return ~s;
}

static void pings(void)
{
	int s = socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP);
	struct {
		struct icmphdr h;
		char data[8];
	} e = {{.type = ICMP_ECHO, .un.echo.sequence = htons(3)}, "payload"}, back;
	union address from, to = at("127.0.0.1", 0);
	socklen_t n = sizeof from;
	CHECK(s >= 0 && option(s, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_ICMP);
	CHECK(send_to(s, &e, sizeof e, to) == sizeof e && events(s, POLLIN) == POLLIN);
	CHECK(recvfrom(s, &back, sizeof back, 0, &from.sa, &n) == sizeof back);
	CHECK(back.h.type == ICMP_ECHOREPLY && back.h.un.echo.sequence == htons(3) && !strcmp(back.data, "payload"));
	CHECK(from.in.sin_addr.s_addr == htonl(INADDR_LOOPBACK) && from.in.sin_port == 0);
	CHECK(back.h.un.echo.id == named(s).in.sin_port);
	FAILS(send_to(s, &e, 4, to), EINVAL);
	e.h.type = ICMP_ECHOREPLY;
	FAILS(send_to(s, &e, sizeof e, to), EINVAL);
	close(s);
	s = socket(AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6);
	e.h.type = ICMP6_ECHO_REQUEST;
	CHECK(s >= 0 && send_to(s, &e, sizeof e, at("::1", 0)) == sizeof e && events(s, POLLIN) == POLLIN);
	CHECK(recv(s, &back, sizeof back, 0) == sizeof back && back.h.type == ICMP6_ECHO_REPLY);
	close(s);
	FAILS(socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMPV6), EPROTONOSUPPORT);
	// Raw: with the header of IP.
	if (lent) {
		FAILS(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP), EPERM);
		return;
	}
	s = socket(AF_INET, SOCK_RAW, IPPROTO_ICMP);
	CHECK(s >= 0 && option(s, SOL_SOCKET, SO_TYPE) == SOCK_RAW);
	e.h.type = ICMP_ECHO;
	e.h.un.echo.id = htons(77);
	e.h.checksum = 0;
	e.h.checksum = sum(&e, sizeof e);
	CHECK(send_to(s, &e, sizeof e, to) == sizeof e);
	char b[200];
	ssize_t got;
	int seen = 0;
	for (int i = 0; i < 2 && events(s, POLLIN) == POLLIN; i++) {
		got = recv(s, b, sizeof b, 0);
		struct iphdr *ip = (void *)b;
		struct icmphdr *h = (void *)(b + 20);
		CHECK(got == 20 + sizeof e && ip->version == 4 && ip->protocol == IPPROTO_ICMP && ip->ihl == 5);
		if (h->type == ICMP_ECHOREPLY && h->un.echo.id == htons(77))
			seen = 1;
	}
	CHECK(seen);
	close(s);
}

static void groups(void)
{
	union address a, from;
	char b[10];
	int r = socket(AF_INET, SOCK_DGRAM, 0), s = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(bind_to(r, at("0.0.0.0", 0)) == 0);
	struct ip_mreq q = {{inet_addr("239.1.2.3")}, {htonl(INADDR_LOOPBACK)}};
	CHECK(setsockopt(r, SOL_IP, IP_ADD_MEMBERSHIP, &q, sizeof q) == 0);
	FAILS(setsockopt(r, SOL_IP, IP_ADD_MEMBERSHIP, &q, sizeof q), EADDRINUSE);
	FAILS(setsockopt(r, SOL_IP, IP_ADD_MEMBERSHIP, &q, 4), EINVAL);
	struct in_addr lo = {htonl(INADDR_LOOPBACK)};
	CHECK(setsockopt(s, SOL_IP, IP_MULTICAST_IF, &lo, sizeof lo) == 0);
	a = at("239.1.2.3", ntohs(named(r).in.sin_port));
	CHECK(send_to(s, "all", 3, a) == 3 && events(r, POLLIN) == POLLIN && recv(r, b, 10, 0) == 3);
	CHECK(setsockopt(r, SOL_IP, IP_DROP_MEMBERSHIP, &q, sizeof q) == 0);
	FAILS(setsockopt(r, SOL_IP, IP_DROP_MEMBERSHIP, &q, sizeof q), EADDRNOTAVAIL);
	q.imr_multiaddr.s_addr = inet_addr("10.1.2.3");
	FAILS(setsockopt(r, SOL_IP, IP_ADD_MEMBERSHIP, &q, sizeof q), EINVAL);
	close(r);
	close(s);
}

int main(int argc, char **argv)
{
	lend(argc, argv);
	datagrams();
	connected();
	bounded();
	batches();
	controls();
	six();
	pings();
	groups();
	return failures != 0;
}
