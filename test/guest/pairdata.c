// Datagrams between two ends of a wire: UDP, ICMP, groups, and what is said of messages.
#define _GNU_SOURCE
#include "pair.h"
#include <linux/errqueue.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>

// talk makes a socket at each end, connected to the other's or not.
static int talk(union address *peer)
{
	int s = socket(family(), SOCK_DGRAM, 0);
	CHECK(bind_to(s, at(here(), 0)) == 0);
	union address me = named(s);
	tell(&me, sizeof me);
	hear(peer, sizeof *peer);
	return s;
}

static int same(union address a, union address b)
{
	if (a.sa.sa_family != b.sa.sa_family || a.in.sin_port != b.in.sin_port)
		return 0;
	return a.sa.sa_family == AF_INET ? a.in.sin_addr.s_addr == b.in.sin_addr.s_addr : !memcmp(&a.in6.sin6_addr, &b.in6.sin6_addr, 16);
}

// Sizes from nothing to the largest, most in fragments.
static void sizes(void)
{
	static const int size[] = {0, 1, 1400, 1472, 1473, 4000, 20000, 65000, 65507};
	static char b[70000], c[70000];
	union address peer, from;
	int s = talk(&peer), whole = 1;
	CHECK(set(s, SOL_SOCKET, SO_RCVBUF, 200000) == 0);
	for (int i = 0; i < sizeof b; i++)
		b[i] = i * 31 + (i >> 8);
	for (int i = 0; i < 9; i++) {
		socklen_t n = sizeof from;
		CHECK(send_to(s, b, size[i], peer) == size[i]);
		CHECK(events(s, POLLIN) == POLLIN);
		memset(c, 0, sizeof c);
		CHECK(recvfrom(s, c, sizeof c, 0, &from.sa, &n) == size[i] && !memcmp(b, c, size[i]));
		CHECK(n == length(&from) && same(from, peer));
		meet();
	}
	FAILS(send_to(s, b, 65536, peer), EMSGSIZE);
	if (!six)
		FAILS(send_to(s, b, 65508, peer), EMSGSIZE);
	// Cut, and looked at first.
	CHECK(send_to(s, "0123456789", 10, peer) == 10 && events(s, POLLIN) == POLLIN);
	CHECK(recv(s, c, 4, MSG_PEEK) == 4 && recv(s, c, 4, MSG_PEEK | MSG_TRUNC) == 10);
	struct iovec v = {c, 4};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	CHECK(recvmsg(s, &m, 0) == 4 && m.msg_flags == MSG_TRUNC);
	FAILS(recv(s, c, 4, MSG_DONTWAIT), EAGAIN);
	meet();
	close(s);
}

// Nobody has the port: who is connected hears of it.
static void refused(int who)
{
	union address a = place(!who), p;
	char b[100], ctl[300];
	if (near == who) {
		int s = socket(family(), SOCK_DGRAM, 0);
		CHECK(connect_to(s, a) == 0 && send(s, "?", 1, 0) == 1);
		CHECK(comes(s, WRITE | POLLERR));
		FAILS(recv(s, b, 1, 0), ECONNREFUSED);
		FAILS(recv(s, b, 1, MSG_DONTWAIT), EAGAIN);
		CHECK(send(s, "?", 1, 0) == 1 && comes(s, WRITE | POLLERR));
		FAILS(send(s, "?", 1, 0), ECONNREFUSED);
		CHECK(send(s, "?", 1, 0) == 1 && comes(s, WRITE | POLLERR));
		CHECK(option(s, SOL_SOCKET, SO_ERROR) == ECONNREFUSED && option(s, SOL_SOCKET, SO_ERROR) == 0);
		// With the one who said so.
		CHECK(set(s, six ? SOL_IPV6 : SOL_IP, six ? IPV6_RECVERR : IP_RECVERR, 1) == 0);
		CHECK(send(s, "query", 5, 0) == 5 && comes(s, WRITE | POLLERR));
		struct iovec v = {b, 100};
		struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_name = &p, .msg_namelen = sizeof p, .msg_control = ctl, .msg_controllen = sizeof ctl};
		CHECK(recvmsg(s, &m, MSG_ERRQUEUE) == 5 && !memcmp(b, "query", 5) && m.msg_flags == MSG_ERRQUEUE);
		CHECK(same(p, a));
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		CHECK(h && h->cmsg_level == (six ? SOL_IPV6 : SOL_IP) && h->cmsg_type == (six ? IPV6_RECVERR : IP_RECVERR));
		struct sock_extended_err *e = (void *)CMSG_DATA(h);
		CHECK(e->ee_errno == ECONNREFUSED);
		CHECK(e->ee_origin == (six ? SO_EE_ORIGIN_ICMP6 : SO_EE_ORIGIN_ICMP));
		CHECK(e->ee_type == (six ? 1 : 3) && e->ee_code == (six ? 4 : 3));
		union address *off = (void *)SO_EE_OFFENDER(e);
		CHECK(off->sa.sa_family == family());
		CHECK(six ? !memcmp(&off->in6.sin6_addr, &a.in6.sin6_addr, 16) : off->in.sin_addr.s_addr == a.in.sin_addr.s_addr);
		FAILS(recvmsg(s, &m, MSG_ERRQUEUE), EAGAIN);
		CHECK(option(s, SOL_SOCKET, SO_ERROR) == 0 && now_events(s, EVERY) == WRITE);
		close(s);
		// Who is not connected does not.
		s = socket(family(), SOCK_DGRAM, 0);
		CHECK(send_to(s, "?", 1, a) == 1);
		usleep(50000);
		CHECK(send_to(s, "?", 1, a) == 1 && option(s, SOL_SOCKET, SO_ERROR) == 0);
		close(s);
	}
	meet();
	if (near == who) { // nobody has the address
		int s = socket(family(), SOCK_DGRAM, 0);
		CHECK(connect_to(s, at(six ? "fd91::78" : "10.91.0.78", 9)) == 0);
		CHECK(set(s, six ? SOL_IPV6 : SOL_IP, six ? IPV6_RECVERR : IP_RECVERR, 1) == 0 && send(s, "?", 1, 0) == 1);
		if (!lacks(UDP_UNREACHABLE)) {
			CHECK(comes(s, WRITE | POLLERR));
			CHECK(option(s, SOL_SOCKET, SO_ERROR) == EHOSTUNREACH);
		}
		if (six || !near) {
			FAILS(connect_to(s, at(six ? "2001:db8::1" : "198.51.100.1", 9)), ENETUNREACH);
			FAILS(send_to(s, "?", 1, at(six ? "2001:db8::1" : "198.51.100.1", 9)), ENETUNREACH);
		}
		close(s);
	}
	meet();
}

// said receives a message and returns what it says of itself.
static void *said(int s, int level, int type, size_t size)
{
	static char ctl[500];
	char b[10];
	struct iovec v = {b, 10};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = ctl, .msg_controllen = sizeof ctl};
	if (events(s, POLLIN) != POLLIN || recvmsg(s, &m, MSG_DONTWAIT) < 0)
		return NULL;
	for (struct cmsghdr *h = CMSG_FIRSTHDR(&m); h; h = CMSG_NXTHDR(&m, h))
		if (h->cmsg_level == level && h->cmsg_type == type && h->cmsg_len == CMSG_LEN(size))
			return CMSG_DATA(h);
	return NULL;
}

static void saying(void)
{
	union address peer, me;
	int s = talk(&peer), *n;
	unsigned char *tos;
	CHECK(connect_to(s, peer) == 0);
	me = named(s);
	// Hop limits and classes, far's different from near's.
	int ttl = near ? 33 : 44, other = near ? 44 : 33, class = near ? 0x10 : 0x28, others = near ? 0x28 : 0x10;
	if (six) {
		CHECK(set(s, SOL_IPV6, IPV6_RECVHOPLIMIT, 1) == 0);
		meet();
		send(s, "x", 1, 0);
		CHECK((n = said(s, SOL_IPV6, IPV6_HOPLIMIT, 4)) && *n == 64);
		meet();
		CHECK(set(s, SOL_IPV6, IPV6_UNICAST_HOPS, ttl) == 0);
		send(s, "x", 1, 0);
		CHECK((n = said(s, SOL_IPV6, IPV6_HOPLIMIT, 4)) && *n == other);
		CHECK(set(s, SOL_IPV6, IPV6_RECVTCLASS, 1) == 0 && set(s, SOL_IPV6, IPV6_TCLASS, class) == 0);
		meet();
		send(s, "x", 1, 0);
		CHECK((n = said(s, SOL_IPV6, IPV6_TCLASS, 4)) && *n == others);
		CHECK(set(s, SOL_IPV6, IPV6_RECVPKTINFO, 1) == 0);
		meet();
		send(s, "x", 1, 0);
		struct in6_pktinfo *p = said(s, SOL_IPV6, IPV6_PKTINFO, sizeof *p);
		CHECK(p && !memcmp(&p->ipi6_addr, &me.in6.sin6_addr, 16));
		CHECK(p && p->ipi6_ifindex == if_nametoindex(near ? "eth0" : "eth1"));
	} else {
		CHECK(set(s, SOL_IP, IP_RECVTTL, 1) == 0);
		meet();
		send(s, "x", 1, 0);
		CHECK((n = said(s, SOL_IP, IP_TTL, 4)) && *n == 64);
		meet();
		CHECK(set(s, SOL_IP, IP_TTL, ttl) == 0);
		send(s, "x", 1, 0);
		CHECK((n = said(s, SOL_IP, IP_TTL, 4)) && *n == other);
		CHECK(set(s, SOL_IP, IP_RECVTOS, 1) == 0 && set(s, SOL_IP, IP_TOS, class) == 0);
		meet();
		send(s, "x", 1, 0);
		CHECK((tos = said(s, SOL_IP, IP_TOS, 1)) && *tos == others);
		CHECK(set(s, SOL_IP, IP_PKTINFO, 1) == 0);
		meet();
		send(s, "x", 1, 0);
		struct in_pktinfo *p = said(s, SOL_IP, IP_PKTINFO, sizeof *p);
		CHECK(p && p->ipi_addr.s_addr == me.in.sin_addr.s_addr && p->ipi_spec_dst.s_addr == me.in.sin_addr.s_addr);
		CHECK(p && p->ipi_ifindex == if_nametoindex(near ? "eth0" : "eth1"));
	}
	CHECK(set(s, SOL_SOCKET, SO_TIMESTAMP, 1) == 0);
	meet();
	send(s, "x", 1, 0);
	struct timeval *tv = said(s, SOL_SOCKET, SO_TIMESTAMP, sizeof *tv);
	CHECK(tv && labs(tv->tv_sec - time(NULL)) <= 2 && tv->tv_usec < 1000000);
	CHECK(set(s, SOL_SOCKET, SO_TIMESTAMP, 0) == 0 && set(s, SOL_SOCKET, SO_TIMESTAMPNS, 1) == 0);
	meet();
	send(s, "x", 1, 0);
	struct timespec *ts = said(s, SOL_SOCKET, SO_TIMESTAMPNS, sizeof *ts);
	CHECK(ts && labs(ts->tv_sec - time(NULL)) <= 2 && ts->tv_nsec < 1000000000);
	// Other messages than those of the peer do not come.
	meet();
	int t = socket(family(), SOCK_DGRAM, 0);
	char b[10];
	CHECK(send_to(t, "stranger", 8, peer) == 8);
	meet();
	usleep(50000);
	FAILS(recv(s, b, 10, MSG_DONTWAIT), EAGAIN);
	meet();
	close(t);
	close(s);
}

static void broadcasts(void)
{
	union address a = at("10.91.0.255", 0), from;
	char b[10];
	int s = socket(AF_INET, SOCK_DGRAM, 0), r = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(bind_to(r, at("0.0.0.0", 0)) == 0);
	union address me = named(r), peer;
	tell(&me, sizeof me);
	hear(&peer, sizeof peer);
	a.in.sin_port = peer.in.sin_port;
	FAILS(send_to(s, "all", 3, a), EACCES);
	FAILS(connect_to(s, a), EACCES);
	CHECK(set(s, SOL_SOCKET, SO_BROADCAST, 1) == 0);
	CHECK(send_to(s, "all", 3, a) == 3);
	socklen_t n = sizeof from;
	CHECK(events(r, POLLIN) == POLLIN && recvfrom(r, b, 10, 0, &from.sa, &n) == 3);
	CHECK(from.in.sin_addr.s_addr == inet_addr(there()));
	meet();
	while (recv(r, b, 10, MSG_DONTWAIT) > 0)
		;
	meet();
	a = at("255.255.255.255", port_of(peer));
	CHECK(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, near ? "eth0" : "eth1", 5) == 0);
	CHECK(send_to(s, "all", 3, a) == 3);
	CHECK(events(r, POLLIN) == POLLIN && recv(r, b, 10, 0) == 3);
	meet();
	// A socket that is bound to an address does not hear it.
	int q = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(bind_to(q, at(here(), 0)) == 0);
	me = named(q);
	tell(&me, sizeof me);
	hear(&peer, sizeof peer);
	a = at("10.91.0.255", port_of(peer));
	CHECK(send_to(s, "all", 3, a) == 3);
	meet();
	usleep(100000);
	FAILS(recv(q, b, 10, MSG_DONTWAIT), EAGAIN);
	close(q);
	close(r);
	close(s);
	meet();
}

// Groups: who is a member hears what is sent to them.
static void groups(void)
{
	union address group = at(six ? "ff15::1:2:3" : "239.1.2.3", 0), from, g;
	char b[10];
	int nic = if_nametoindex(near ? "eth0" : "eth1");
	int r = socket(family(), SOCK_DGRAM, 0), s = socket(family(), SOCK_DGRAM, 0);
	CHECK(bind_to(r, at(six ? "::" : "0.0.0.0", 0)) == 0);
	union address me = named(r), peer;
	tell(&me, sizeof me);
	hear(&peer, sizeof peer);
	g = group;
	g.in.sin_port = peer.in.sin_port;
	struct ip_mreqn q4 = {.imr_multiaddr = group.in.sin_addr, .imr_ifindex = nic};
	struct ipv6_mreq q6 = {.ipv6mr_multiaddr = group.in6.sin6_addr, .ipv6mr_interface = nic};
#define MEMBER(name4, name6) (six ? setsockopt(r, SOL_IPV6, name6, &q6, sizeof q6) : setsockopt(r, SOL_IP, name4, &q4, sizeof q4))
	// By which interface, and how far.
	if (six)
		CHECK(set(s, SOL_IPV6, IPV6_MULTICAST_IF, nic) == 0 && option(s, SOL_IPV6, IPV6_MULTICAST_IF) == nic && set(s, SOL_IPV6, IPV6_MULTICAST_HOPS, 5) == 0);
	else
		CHECK(setsockopt(s, SOL_IP, IP_MULTICAST_IF, &q4, sizeof q4) == 0 && set(s, SOL_IP, IP_MULTICAST_TTL, 5) == 0);
	// Who is no member does not hear.
	CHECK(send_to(s, "1", 1, g) == 1);
	meet();
	usleep(100000);
	FAILS(recv(r, b, 10, MSG_DONTWAIT), EAGAIN);
	meet();
	CHECK(MEMBER(IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP) == 0);
	FAILS(MEMBER(IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP), EADDRINUSE);
	CHECK((six ? set(r, SOL_IPV6, IPV6_RECVHOPLIMIT, 1) : set(r, SOL_IP, IP_RECVTTL, 1)) == 0);
	meet();
	CHECK(send_to(s, "2", 1, g) == 1);
	int *n = six ? said(r, SOL_IPV6, IPV6_HOPLIMIT, 4) : said(r, SOL_IP, IP_TTL, 4);
	CHECK(n && *n == 5);
	meet();
	while (recv(r, b, 10, MSG_DONTWAIT) > 0)
		;
	// One hears what one says, or not.
	g.in.sin_port = me.in.sin_port;
	meet();
	if (near) {
		CHECK(send_to(s, "3", 1, g) == 1 && events(r, POLLIN) == POLLIN && recv(r, b, 10, 0) == 1);
		CHECK((six ? set(s, SOL_IPV6, IPV6_MULTICAST_LOOP, 0) : set(s, SOL_IP, IP_MULTICAST_LOOP, 0)) == 0);
		CHECK(send_to(s, "4", 1, g) == 1);
		usleep(50000);
		FAILS(recv(r, b, 10, MSG_DONTWAIT), EAGAIN);
	}
	meet();
	CHECK(MEMBER(IP_DROP_MEMBERSHIP, IPV6_DROP_MEMBERSHIP) == 0);
	FAILS(MEMBER(IP_DROP_MEMBERSHIP, IPV6_DROP_MEMBERSHIP), EADDRNOTAVAIL);
	while (recv(r, b, 10, MSG_DONTWAIT) > 0)
		;
	meet();
	g.in.sin_port = peer.in.sin_port;
	CHECK(send_to(s, "5", 1, g) == 1);
	meet();
	usleep(100000);
	FAILS(recv(r, b, 10, MSG_DONTWAIT), EAGAIN);
	meet();
	close(r);
	close(s);
	// Far hears of it: a report to routers (IGMPv3, or MLDv2 to ff02::16).
	int raw = -1;
	if (!near) {
		raw = socket(family(), SOCK_RAW, six ? IPPROTO_ICMPV6 : IPPROTO_IGMP);
		struct ip_mreqn all4 = {{inet_addr("224.0.0.22")}, {0}, nic};
		struct ipv6_mreq all6 = {.ipv6mr_interface = nic};
		inet_pton(AF_INET6, "ff02::16", &all6.ipv6mr_multiaddr);
		CHECK((six ? setsockopt(raw, SOL_IPV6, IPV6_ADD_MEMBERSHIP, &all6, sizeof all6) : setsockopt(raw, SOL_IP, IP_ADD_MEMBERSHIP, &all4, sizeof all4)) == 0);
	}
	meet();
	r = socket(family(), SOCK_DGRAM, 0);
	if (near) {
		// More than once: who has just left may be late to say that it is there again.
		for (int i = 0; i < 3; i++) {
			CHECK(MEMBER(IP_ADD_MEMBERSHIP, IPV6_ADD_MEMBERSHIP) == 0);
			usleep(200000);
			if (i < 2)
				CHECK(MEMBER(IP_DROP_MEMBERSHIP, IPV6_DROP_MEMBERSHIP) == 0);
		}
	} else {
		int seen = 0;
		unsigned char p[2000];
		for (int i = 0; i < 50 && !seen && events(raw, POLLIN); i++) {
			ssize_t k = recv(raw, p, sizeof p, 0);
			seen = memmem(p, k, six ? (void *)&group.in6.sin6_addr : (void *)&group.in.sin_addr, six ? 16 : 4) != NULL;
		}
		if (!lacks(REPORTS))
			CHECK(seen);
		close(raw);
	}
	meet();
	close(r);
}

// own_link finds the own address of a link, once nobody else has it.
static int own_link(int nic, struct in6_addr *a)
{
	char line[200], hex[40], name[40];
	for (int tries = 0; tries < 1000; tries++, usleep(10000)) {
		FILE *f = fopen("/proc/net/if_inet6", "r");
		while (f && fgets(line, sizeof line, f)) {
			int index, bits, scope, flags;
			if (sscanf(line, "%32s %x %x %x %x %s", hex, &index, &bits, &scope, &flags, name) != 6 || index != nic || scope != 0x20 || flags & 0x40)
				continue;
			for (int i = 0; i < 16; i++)
				sscanf(hex + 2 * i, "%2hhx", &a->s6_addr[i]);
			fclose(f);
			return 1;
		}
		if (f)
			fclose(f);
	}
	return 0;
}

// Addresses of the link alone, both families in one socket.
static void scopes(void)
{
	union address me, peer, from, a;
	char b[20];
	socklen_t n = sizeof from;
	int nic = if_nametoindex(near ? "eth0" : "eth1"), s, t;
	struct in6_addr link;
	CHECK(own_link(nic, &link));
	s = socket(AF_INET6, SOCK_DGRAM, 0);
	a = at("::", 0);
	a.in6.sin6_addr = link;
	FAILS(bind_to(s, a), EINVAL);
	a.in6.sin6_scope_id = nic;
	CHECK(bind_to(s, a) == 0);
	me = named(s);
	CHECK(me.in6.sin6_scope_id == nic);
	tell(&me, sizeof me);
	hear(&peer, sizeof peer);
	peer.in6.sin6_scope_id = 0;
	t = socket(AF_INET6, SOCK_DGRAM, 0);
	FAILS(connect_to(t, peer), EINVAL);
	peer.in6.sin6_scope_id = nic;
	CHECK(send_to(s, "link", 4, peer) == 4);
	CHECK(events(s, POLLIN) == POLLIN && recvfrom(s, b, 20, 0, &from.sa, &n) == 4);
	CHECK(same(from, peer) && from.in6.sin6_scope_id == nic);
	close(t);
	close(s);
	meet();
	// A stream, one family's and the other's.
	for (int four = 0; four < 2; four++) {
		int port;
		if (near) {
			int l = socket(AF_INET6, SOCK_STREAM, 0);
			CHECK(set(l, SOL_IPV6, IPV6_V6ONLY, 0) == 0 && bind_to(l, at("::", 0)) == 0 && listen(l, 5) == 0);
			port = port_of(named(l));
			tell(&port, sizeof port);
			n = sizeof from;
			s = accept(l, &from.sa, &n);
			CHECK(s >= 0 && n == sizeof from.in6 && IN6_IS_ADDR_V4MAPPED(&from.in6.sin6_addr) == four);
			a = named(s);
			CHECK(IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr) == four);
			close(l);
		} else {
			hear(&port, sizeof port);
			s = socket(four ? AF_INET : AF_INET6, SOCK_STREAM, 0);
			CHECK(connect_to(s, at(addresses[!four][1], port)) == 0);
		}
		CHECK(write(s, "x", 1) == 1 && read(s, b, 1) == 1);
		meet();
		close(s);
		if (!near) {
			int l = listener("::", 5, &a);
			port = port_of(a);
			tell(&port, sizeof port);
			s = accept(l, NULL, NULL);
			close(l);
		} else {
			hear(&port, sizeof port);
			s = socket(AF_INET6, SOCK_STREAM, 0);
			CHECK(connect_to(s, at(four ? "::ffff:10.91.0.1" : "fd91::1", port)) == 0);
			a = named(s);
			CHECK(IN6_IS_ADDR_V4MAPPED(&a.in6.sin6_addr) == four);
		}
		CHECK(write(s, "x", 1) == 1 && read(s, b, 1) == 1);
		meet();
		close(s);
		// IPv6 alone.
		int l = -1;
		if (near) {
			l = socket(AF_INET6, SOCK_STREAM, 0);
			CHECK(set(l, SOL_IPV6, IPV6_V6ONLY, 1) == 0 && bind_to(l, at("::", 0)) == 0 && listen(l, 5) == 0);
			port = port_of(named(l));
			tell(&port, sizeof port);
		} else {
			hear(&port, sizeof port);
			s = socket(four ? AF_INET : AF_INET6, SOCK_STREAM, 0);
			CHECK((connect_to(s, at(addresses[!four][1], port)) == -1 && errno == ECONNREFUSED) == four);
			close(s);
		}
		meet();
		if (l >= 0)
			close(l);
	}
}

// Listeners that share a port, and sockets of one interface.
static void sharing(int who)
{
	union address a;
	int l[4], s[200], spread[4] = {}, n = 0;
	if (near == who) {
		hear(&a, sizeof a);
		for (int i = 0; i < 200; i++) {
			s[i] = socket(family(), SOCK_STREAM, 0);
			n += connect_to(s[i], a) == 0;
		}
		CHECK(n == 200);
		meet();
		for (int i = 0; i < 200; i++)
			close(s[i]);
	} else {
		a = at(here(), 0);
		for (int i = 0; i < 4; i++) {
			l[i] = socket(family(), SOCK_STREAM | SOCK_NONBLOCK, 0);
			CHECK(set(l[i], SOL_SOCKET, SO_REUSEPORT, 1) == 0 && bind_to(l[i], a) == 0 && listen(l[i], 200) == 0);
			a = named(l[i]);
		}
		tell(&a, sizeof a);
		meet();
		for (int i = 0; i < 1000 && n < 200; i++, usleep(5000)) // the last come a little later
			for (int k = 0; k < 4; k++)
				for (int c; (c = accept(l[k], NULL, NULL)) >= 0; close(c), n++)
					spread[k]++;
		CHECK(spread[0] + spread[1] + spread[2] + spread[3] == 200);
		for (int i = 0; i < 4; i++)
			CHECK(spread[i] > 10 && close(l[i]) == 0);
	}
	meet();
	// SO_BINDTODEVICE: what comes by another interface does not come.
	const char *dev = near ? "eth0" : "eth1";
	char name[20], b[10];
	socklen_t size = sizeof name;
	int on = socket(family(), SOCK_DGRAM, 0), lo = socket(family(), SOCK_DGRAM, 0);
	CHECK(setsockopt(on, SOL_SOCKET, SO_BINDTODEVICE, dev, 5) == 0 && setsockopt(lo, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) == 0);
	CHECK(getsockopt(on, SOL_SOCKET, SO_BINDTODEVICE, name, &size) == 0 && !strcmp(name, dev));
	FAILS(setsockopt(on, SOL_SOCKET, SO_BINDTODEVICE, "eth77", 6), ENODEV);
	CHECK(bind_to(on, at(six ? "::" : "0.0.0.0", 0)) == 0);
	union address me = named(on), peer;
	CHECK(bind_to(lo, me) == 0); // the same port, of another interface
	tell(&me, sizeof me);
	hear(&peer, sizeof peer);
	union address t = at(there(), port_of(peer)), mine = at(six ? "::1" : "127.0.0.1", port_of(me));
	int c = socket(family(), SOCK_DGRAM, 0);
	CHECK(send_to(c, "wire", 4, t) == 4);
	CHECK(events(on, POLLIN) == POLLIN && recv(on, b, 10, 0) == 4);
	CHECK(send_to(c, "me", 2, mine) == 2 && events(lo, POLLIN) == POLLIN && recv(lo, b, 10, 0) == 2);
	FAILS(recv(on, b, 10, MSG_DONTWAIT), EAGAIN);
	FAILS(recv(lo, b, 10, MSG_DONTWAIT), EAGAIN);
	meet();
	close(c);
	close(on);
	close(lo);
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

// Echoes, by raw sockets: short, and in fragments.
static void echoes(void)
{
	static unsigned char b[4000], c[5000];
	static const int size[] = {16, 1000, 3000};
	int s = socket(family(), SOCK_RAW, six ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	CHECK(s >= 0);
	for (int i = 0; i < (lacks(RAW_LARGE) ? 2 : 3); i++) {
		struct icmphdr *h = (void *)b;
		for (int k = 8; k < size[i]; k++)
			b[k] = k * 7;
		*h = (struct icmphdr){.type = six ? ICMP6_ECHO_REQUEST : ICMP_ECHO};
		h->un.echo.id = htons(70 + near);
		h->un.echo.sequence = htons(i);
		if (!six)
			h->checksum = sum(b, size[i]);
		CHECK(send_to(s, b, size[i], at(there(), 0)) == size[i]);
		int seen = 0;
		for (int k = 0; k < 50 && !seen && events(s, POLLIN); k++) {
			ssize_t n = recv(s, c, sizeof c, 0);
			unsigned char *m = six ? c : c + 20;
			struct icmphdr *r = (void *)m;
			if (!six)
				n -= 20;
			seen = n == size[i] && r->type == (six ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) && r->un.echo.id == htons(70 + near) &&
			       r->un.echo.sequence == htons(i) && !memcmp(m + 8, b + 8, size[i] - 8);
		}
		CHECK(seen);
		meet();
	}
	close(s);
}

int main(int argc, char **argv)
{
	ends(argc, argv);
	struct in6_addr link;
	CHECK(own_link(if_nametoindex(near ? "eth0" : "eth1"), &link));
	meet();
	for (six = 0; six < 2; six++) {
		sizes();
		saying();
		groups();
		echoes();
		for (int who = 0; who < 2; who++) {
			refused(who);
			sharing(who);
		}
	}
	six = 0;
	broadcasts();
	six = 1;
	scopes();
	return finish();
}
