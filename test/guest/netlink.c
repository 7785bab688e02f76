// AF_NETLINK, and what libraries make of it.
#define _GNU_SOURCE
#include "inet.h"
#include <ifaddrs.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <net/if.h>

static char buf[1 << 16];

struct ask {
	struct nlmsghdr h;
	union {
		struct rtgenmsg any;
		struct ifinfomsg link;
		struct inet_diag_req_v2 diag;
		struct {
			struct rtmsg m;
			struct rtattr a;
			struct in_addr to;
		} route;
	};
};

static ssize_t ask(int s, struct ask *a, int type, int flags, size_t size)
{
	a->h = (struct nlmsghdr){NLMSG_LENGTH(size), type, NLM_F_REQUEST | flags, 7, 0};
	if (send(s, a, a->h.nlmsg_len, 0) != a->h.nlmsg_len)
		return -1;
	return recv(s, buf, sizeof buf, 0);
}

// answered returns the errno of an answer, -1 if it is no error.
static int answered(ssize_t n)
{
	struct nlmsghdr *h = (void *)buf;
	struct nlmsgerr *e = NLMSG_DATA(h);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof *e) || h->nlmsg_type != NLMSG_ERROR)
		return -1;
	CHECK(h->nlmsg_seq == 7 && e->msg.nlmsg_seq == 7);
	return -e->error;
}

// dumped counts the messages of a type until the end of a dump, of which n bytes are there.
static int dumped(int s, ssize_t n, int type)
{
	int count = 0;
	for (;; n = recv(s, buf, sizeof buf, 0)) {
		if (n <= 0)
			return -1;
		for (struct nlmsghdr *h = (void *)buf; NLMSG_OK(h, n); h = NLMSG_NEXT(h, n)) {
			if (h->nlmsg_seq != 7 || !(h->nlmsg_flags & NLM_F_MULTI))
				return -2;
			if (h->nlmsg_type == NLMSG_DONE)
				return count;
			if (h->nlmsg_type != type)
				return -3;
			count++;
		}
	}
}

static void basics(void)
{
	FAILS(socket(AF_NETLINK, SOCK_STREAM, NETLINK_ROUTE), ESOCKTNOSUPPORT);
	FAILS(socket(AF_NETLINK, SOCK_RAW, 31), EPROTONOSUPPORT);
	FAILS(socket(AF_NETLINK, SOCK_RAW, 100), EPROTONOSUPPORT);
	int s = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), t = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_ROUTE);
	struct sockaddr_nl a = {AF_NETLINK}, got;
	socklen_t n = sizeof got;
	CHECK(getsockname(s, (void *)&got, &n) == 0 && n == sizeof got && got.nl_family == AF_NETLINK && got.nl_pid == 0);
	FAILS(bind(s, (void *)&a, 4), EINVAL);
	CHECK(bind(s, (void *)&a, sizeof a) == 0);
	CHECK(getsockname(s, (void *)&got, &n) == 0 && got.nl_pid == getpid());
	FAILS(bind(t, (void *)&got, sizeof got), EADDRINUSE);
	CHECK(bind(t, (void *)&a, sizeof a) == 0);
	CHECK(getsockname(t, (void *)&got, &n) == 0 && got.nl_pid != getpid() && got.nl_pid != 0);
	got.nl_pid = 12345;
	FAILS(bind(s, (void *)&got, sizeof got), EINVAL);
	FAILS(listen(s, 1), EOPNOTSUPP);
	FAILS(accept(s, NULL, NULL), EOPNOTSUPP);
	FAILS(recv(s, buf, 10, MSG_DONTWAIT), EAGAIN);
	CHECK(now_events(s, EVERY) == WRITE);
	CHECK(option(s, SOL_SOCKET, SO_DOMAIN) == AF_NETLINK && option(s, SOL_SOCKET, SO_PROTOCOL) == NETLINK_ROUTE);
	CHECK(set(s, SOL_NETLINK, NETLINK_EXT_ACK, 1) == 0 && option(s, SOL_NETLINK, NETLINK_EXT_ACK) == 1);
	FAILS(set(s, SOL_NETLINK, 99, 1), ENOPROTOOPT);
	close(t);
	close(s);
	s = socket(AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT);
	a.nl_groups = 1;
	CHECK(s >= 0 && bind(s, (void *)&a, sizeof a) == 0);
	CHECK(now_events(s, POLLIN) == 0);
	close(s);
}

static void routes(void)
{
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	struct ask a;
	memset(&a, 0, sizeof a);
	CHECK(dumped(s, ask(s, &a, RTM_GETLINK, NLM_F_DUMP, sizeof a.link), RTM_NEWLINK) == 1);
	CHECK(dumped(s, ask(s, &a, RTM_GETADDR, NLM_F_DUMP, sizeof a.any), RTM_NEWADDR) == 2);
	a.any.rtgen_family = AF_INET;
	CHECK(dumped(s, ask(s, &a, RTM_GETADDR, NLM_F_DUMP, sizeof a.any), RTM_NEWADDR) == 1);
	CHECK(dumped(s, ask(s, &a, RTM_GETRULE, NLM_F_DUMP, sizeof a.any), RTM_NEWRULE) == 3);
	CHECK(dumped(s, ask(s, &a, RTM_GETROUTE, NLM_F_DUMP, sizeof a.any), RTM_NEWROUTE) >= 2);
	a.any.rtgen_family = 0;
	CHECK(dumped(s, ask(s, &a, RTM_GETNEIGH, NLM_F_DUMP, sizeof a.any), RTM_NEWNEIGH) == 0);
	// One link: by number, by none, by a wrong one.
	a.link.ifi_index = 1;
	ssize_t n = ask(s, &a, RTM_GETLINK, 0, sizeof a.link);
	struct nlmsghdr *h = (void *)buf;
	struct ifinfomsg *i = NLMSG_DATA(h);
	CHECK(n > 0 && h->nlmsg_type == RTM_NEWLINK && i->ifi_index == 1 && i->ifi_flags == (IFF_UP | IFF_LOOPBACK | IFF_RUNNING | 0x10000));
	int len = IFLA_PAYLOAD(h), named = 0, mtu = 0;
	for (struct rtattr *r = IFLA_RTA(i); RTA_OK(r, len); r = RTA_NEXT(r, len)) {
		if (r->rta_type == IFLA_IFNAME)
			named = !strcmp(RTA_DATA(r), "lo");
		if (r->rta_type == IFLA_MTU)
			mtu = *(int *)RTA_DATA(r);
	}
	CHECK(named && mtu == 65536);
	a.link.ifi_index = 99;
	CHECK(answered(ask(s, &a, RTM_GETLINK, 0, sizeof a.link)) == ENODEV);
	a.link.ifi_index = 0;
	CHECK(answered(ask(s, &a, RTM_GETLINK, 0, sizeof a.link)) == EINVAL);
	// The way to an address.
	memset(&a, 0, sizeof a);
	a.route.m.rtm_family = AF_INET;
	a.route.m.rtm_dst_len = 32;
	a.route.a = (struct rtattr){8, RTA_DST};
	a.route.to.s_addr = htonl(INADDR_LOOPBACK);
	n = ask(s, &a, RTM_GETROUTE, 0, sizeof a.route);
	struct rtmsg *m = NLMSG_DATA(h);
	CHECK(n > 0 && h->nlmsg_type == RTM_NEWROUTE && m->rtm_type == RTN_LOCAL && m->rtm_table == RT_TABLE_MAIN);
	a.route.to.s_addr = htonl(0x08080808);
	CHECK(answered(ask(s, &a, RTM_GETROUTE, 0, sizeof a.route)) == ENETUNREACH);
	// Acknowledged, cut, unknown.
	memset(&a, 0, sizeof a);
	a.link.ifi_index = 1;
	a.link.ifi_flags = a.link.ifi_change = IFF_UP;
	CHECK(answered(ask(s, &a, RTM_NEWLINK, NLM_F_ACK, sizeof a.link)) == (lent ? EPERM : 0));
	a.h = (struct nlmsghdr){NLMSG_LENGTH(1), RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 7, 0};
	CHECK(send(s, &a, 20, 0) == 20 && recv(s, buf, 10, MSG_PEEK | MSG_TRUNC) > 100);
	CHECK(dumped(s, recv(s, buf, sizeof buf, 0), RTM_NEWLINK) == 1);
	CHECK(answered(ask(s, &a, 1000, 0, sizeof a.any)) == EOPNOTSUPP);
	a.h.nlmsg_len = 1000; // a lie
	CHECK(send(s, &a, 20, 0) == 20);
	a.h.nlmsg_len = 3;
	CHECK(send(s, &a, 20, 0) == 20);
	FAILS(recv(s, buf, 10, MSG_DONTWAIT), EAGAIN);
	close(s);
}

static void nobody(void)
{
	if (setresuid(1000, 1000, 1000) != 0)
		_exit(1);
	int s = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
	struct ask a;
	memset(&a, 0, sizeof a);
	a.link.ifi_index = 1;
	CHECK(answered(ask(s, &a, RTM_NEWLINK, 0, sizeof a.link)) == EPERM);
	CHECK(dumped(s, ask(s, &a, RTM_GETLINK, NLM_F_DUMP, sizeof a.link), RTM_NEWLINK) == 1);
}

static int sockets_in(int s, int state)
{
	struct ask a;
	memset(&a, 0, sizeof a);
	a.diag.sdiag_family = AF_INET;
	a.diag.sdiag_protocol = IPPROTO_TCP;
	a.diag.idiag_states = 1 << state;
	return dumped(s, ask(s, &a, SOCK_DIAG_BY_FAMILY, NLM_F_DUMP, sizeof a.diag), SOCK_DIAG_BY_FAMILY);
}

static void diagnosis(void)
{
	int s = socket(AF_NETLINK, SOCK_DGRAM, NETLINK_SOCK_DIAG), e[2], many[200];
	union address a;
	int l = listener("127.0.0.1", 5, &a);
	connection(e);
	CHECK(sockets_in(s, TCP_LISTEN) == 1);
	CHECK(sockets_in(s, TCP_ESTABLISHED) == 2);
	for (int i = 0; i < 200; i++) {
		many[i] = socket(AF_INET, SOCK_STREAM, 0);
		CHECK(bind_to(many[i], at("127.0.0.1", 0)) == 0 && listen(many[i], 1) == 0);
	}
	CHECK(sockets_in(s, TCP_LISTEN) == 201);
	for (int i = 0; i < 200; i++)
		close(many[i]);
	close(l);
	close(e[0]);
	close(e[1]);
	close(s);
}

static void libraries(void)
{
	struct ifaddrs *all, *i;
	int four = 0, six = 0, packet = 0;
	CHECK(getifaddrs(&all) == 0);
	for (i = all; i; i = i->ifa_next) {
		CHECK(!strcmp(i->ifa_name, "lo") && i->ifa_flags & IFF_LOOPBACK);
		four += i->ifa_addr->sa_family == AF_INET;
		six += i->ifa_addr->sa_family == AF_INET6;
		packet += i->ifa_addr->sa_family == AF_PACKET;
	}
	CHECK(four == 1 && six == 1 && packet == 1);
	freeifaddrs(all);
	struct if_nameindex *n = if_nameindex();
	CHECK(n && n[0].if_index == 1 && !strcmp(n[0].if_name, "lo") && n[1].if_index == 0);
	char name[IF_NAMESIZE];
	CHECK(if_indextoname(1, name) && !strcmp(name, "lo"));
	FAILS(if_indextoname(9, name) ? 0 : -1, ENXIO);
}

// line returns the line of a file in which there is a word, or "".
static char *line(const char *file, const char *word)
{
	static char l[500];
	FILE *f = fopen(file, "r");
	CHECK(f != NULL);
	while (f && fgets(l, sizeof l, f))
		if (strstr(l, word)) {
			fclose(f);
			return l;
		}
	if (f)
		fclose(f);
	return strcpy(l, "");
}

static void tables(void)
{
	union address a;
	char word[50], name[50], link[50] = "";
	int l = listener("127.0.0.1", 5, &a), port = ntohs(a.in.sin_port), u = socket(AF_INET6, SOCK_DGRAM, 0);
	unsigned state, uid, n;
	unsigned long inode, want;
	snprintf(word, sizeof word, "0100007F:%04X 00000000:0000", port);
	char *at_port = line("/proc/net/tcp", word);
	CHECK(strlen(at_port) == 150);
	CHECK(sscanf(at_port, " %u: %*s %*s %x %*s %*s %*s %u %*u %lu 1", &n, &state, &uid, &inode) == 4 && state == TCP_LISTEN && uid == 0);
	snprintf(name, sizeof name, "/proc/self/fd/%d", l);
	CHECK(readlink(name, link, sizeof link - 1) > 0 && sscanf(link, "socket:[%lu]", &want) == 1 && inode == want);
	CHECK(bind_to(u, at("::1", 0)) == 0);
	snprintf(word, sizeof word, "00000000000000000000000001000000:%04X", ntohs(named(u).in6.sin6_port));
	at_port = line("/proc/net/udp6", word);
	CHECK(sscanf(at_port, " %u: %*s %*s %x", &n, &state) == 2 && state == TCP_CLOSE);
	CHECK(!strcmp(line("/proc/net/if_inet6", "lo"), "00000000000000000000000000000001 01 80 10 80       lo\n"));
	unsigned long f[16];
	CHECK(sscanf(line("/proc/net/dev", "lo:"), " lo: %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu %lu", f, f + 1, f + 2, f + 3,
		f + 4, f + 5, f + 6, f + 7, f + 8, f + 9, f + 10, f + 11, f + 12, f + 13, f + 14, f + 15) == 16);
	CHECK(!strncmp(line("/proc/net/route", "Iface"), "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT", 70));
	CHECK(*line("/proc/net/snmp", "Tcp: RtoAlgorithm") && *line("/proc/net/snmp", "Udp: InDatagrams") && *line("/proc/net/sockstat", "TCP: inuse"));
	int from, to;
	CHECK(sscanf(line("/proc/sys/net/ipv4/ip_local_port_range", ""), "%d %d", &from, &to) == 2 && from == 32768 && to == 60999);
	CHECK(atoi(line("/proc/sys/net/ipv4/ip_unprivileged_port_start", "")) == 1024);
	CHECK(atoi(line("/proc/sys/net/core/somaxconn", "")) == 4096);
	close(u);
	close(l);
}

int main(int argc, char **argv)
{
	lend(argc, argv);
	tables();
	basics();
	routes();
	CHECK(in_child(nobody) == 0);
	diagnosis();
	libraries();
	return failures != 0;
}
