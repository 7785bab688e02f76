// Options and ioctls of the Internet's sockets: values as they are read back.
#define _GNU_SOURCE
#include "inet.h"
#include <net/if.h>
#include <net/if_arp.h>

// kept sets an option and checks what is read back.
#define KEPT(s, level, name, v, want) \
	CHECK(set(s, level, name, v) == 0 && option(s, level, name) == (want))

static void generic(int s)
{
	CHECK(option(s, SOL_SOCKET, SO_ERROR) == 0);
	KEPT(s, SOL_SOCKET, SO_REUSEADDR, 7, 1);
	KEPT(s, SOL_SOCKET, SO_REUSEADDR, 0, 0);
	KEPT(s, SOL_SOCKET, SO_REUSEPORT, 1, 1);
	KEPT(s, SOL_SOCKET, SO_KEEPALIVE, 1, 1);
	KEPT(s, SOL_SOCKET, SO_BROADCAST, 1, 1);
	KEPT(s, SOL_SOCKET, SO_OOBINLINE, 1, 1);
	KEPT(s, SOL_SOCKET, SO_DONTROUTE, 1, 1);
	KEPT(s, SOL_SOCKET, SO_PRIORITY, 3, 3);
	KEPT(s, SOL_SOCKET, SO_MARK, 9, 9);
	KEPT(s, SOL_SOCKET, SO_RCVLOWAT, 5, 5);
	CHECK(option(s, SOL_SOCKET, SO_SNDLOWAT) == 1);
	KEPT(s, SOL_SOCKET, SO_SNDBUF, 10000, 20000);
	KEPT(s, SOL_SOCKET, SO_RCVBUF, 10000, 20000);
	KEPT(s, SOL_SOCKET, SO_SNDBUF, 1, 4608);
	KEPT(s, SOL_SOCKET, SO_RCVBUF, 1, 2304);
	if (lent) {
		FAILS(set(s, SOL_SOCKET, SO_SNDBUFFORCE, 1000000), EPERM);
		FAILS(set(s, SOL_SOCKET, SO_RCVBUFFORCE, 1000000), EPERM);
	} else {
		CHECK(set(s, SOL_SOCKET, SO_SNDBUFFORCE, 1000000) == 0 && option(s, SOL_SOCKET, SO_SNDBUF) == 2000000);
		CHECK(set(s, SOL_SOCKET, SO_RCVBUFFORCE, 1000000) == 0 && option(s, SOL_SOCKET, SO_RCVBUF) == 2000000);
	}
	KEPT(s, SOL_SOCKET, SO_TIMESTAMP, 1, 1);
	KEPT(s, SOL_SOCKET, SO_RXQ_OVFL, 1, 1);
	FAILS(set(s, SOL_SOCKET, SO_TYPE, 1), ENOPROTOOPT);
	FAILS(set(s, SOL_SOCKET, SO_ERROR, 1), ENOPROTOOPT);
	FAILS(set(s, SOL_SOCKET, SO_ACCEPTCONN, 1), ENOPROTOOPT);
	FAILS(set(s, SOL_SOCKET, 9999, 1), ENOPROTOOPT);
	CHECK(option(s, SOL_SOCKET, 9999) == -ENOPROTOOPT - 100000);
	short v = 1;
	FAILS(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, &v, 2), EINVAL);
	FAILS(setsockopt(s, SOL_SOCKET, SO_KEEPALIVE, (void *)16, 4), EFAULT);
	struct linger l = {5, 10}, m = {0, 0};
	socklen_t n = sizeof m;
	CHECK(setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0);
	CHECK(getsockopt(s, SOL_SOCKET, SO_LINGER, &m, &n) == 0 && m.l_onoff == 1 && m.l_linger == 10);
	l.l_onoff = 0;
	CHECK(setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0);
	// A value is cut to what there is room for.
	char c[8];
	memset(c, 7, sizeof c);
	n = 1;
	CHECK(getsockopt(s, SOL_SOCKET, SO_TYPE, c, &n) == 0 && n == 1 && c[1] == 7);
	n = 8;
	CHECK(getsockopt(s, SOL_SOCKET, SO_TYPE, c, &n) == 0 && n == 4);
	n = -1;
	FAILS(getsockopt(s, SOL_SOCKET, SO_TYPE, c, &n), EINVAL);
	// Devices.
	char name[IFNAMSIZ] = "x";
	n = sizeof name;
	CHECK(getsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, name, &n) == 0 && n == 0);
	FAILS(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "none", 5), ENODEV);
	CHECK(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "lo", 3) == 0);
	n = sizeof name;
	CHECK(getsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, name, &n) == 0 && n == 3 && !strcmp(name, "lo"));
	CHECK(setsockopt(s, SOL_SOCKET, SO_BINDTODEVICE, "", 0) == (lent ? -1 : 0));
	unsigned long long cookie = 0;
	n = sizeof cookie;
	CHECK(getsockopt(s, SOL_SOCKET, SO_COOKIE, &cookie, &n) == 0 && n == 8 && cookie != 0);
	CHECK(option(s, 77, 1) == -ENOPROTOOPT - 100000 || option(s, 77, 1) == -EOPNOTSUPP - 100000);
}

static void ip(int s, int stream)
{
	CHECK(option(s, SOL_IP, IP_TTL) == 64);
	KEPT(s, SOL_IP, IP_TTL, 10, 10);
	KEPT(s, SOL_IP, IP_TTL, -1, 64);
	FAILS(set(s, SOL_IP, IP_TTL, 0), EINVAL);
	FAILS(set(s, SOL_IP, IP_TTL, 256), EINVAL);
	CHECK(option(s, SOL_IP, IP_TOS) == 0);
	KEPT(s, SOL_IP, IP_TOS, 0x10, 0x10);
	KEPT(s, SOL_IP, IP_TOS, 0x13, stream ? 0x10 : 0x13);
	unsigned char one = 20, got = 0;
	socklen_t n = 1;
	CHECK(setsockopt(s, SOL_IP, IP_TTL, &one, 1) == 0 && getsockopt(s, SOL_IP, IP_TTL, &got, &n) == 0 && n == 1 && got == 20);
	KEPT(s, SOL_IP, IP_PKTINFO, 1, 1);
	KEPT(s, SOL_IP, IP_RECVTTL, 1, 1);
	KEPT(s, SOL_IP, IP_RECVTOS, 1, 1);
	KEPT(s, SOL_IP, IP_RECVERR, 1, 1);
	KEPT(s, SOL_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO, IP_PMTUDISC_DO);
	FAILS(set(s, SOL_IP, IP_MTU_DISCOVER, 9), EINVAL);
	KEPT(s, SOL_IP, IP_FREEBIND, 1, 1);
	KEPT(s, SOL_IP, IP_FREEBIND, 0, 0);
	if (lent)
		FAILS(set(s, SOL_IP, IP_TRANSPARENT, 1), EPERM);
	else
		KEPT(s, SOL_IP, IP_TRANSPARENT, 1, 1);
	KEPT(s, SOL_IP, IP_MINTTL, 5, 5);
	KEPT(s, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 1, 1);
	KEPT(s, SOL_IP, IP_BIND_ADDRESS_NO_PORT, 0, 0);
	CHECK(option(s, SOL_IP, IP_MULTICAST_LOOP) == 1);
	KEPT(s, SOL_IP, IP_MULTICAST_LOOP, 0, 0);
	if (stream) {
		FAILS(set(s, SOL_IP, IP_MULTICAST_TTL, 1), EINVAL);
	} else {
		CHECK(option(s, SOL_IP, IP_MULTICAST_TTL) == 1);
		KEPT(s, SOL_IP, IP_MULTICAST_TTL, 9, 9);
		KEPT(s, SOL_IP, IP_MULTICAST_TTL, -1, 1);
		FAILS(set(s, SOL_IP, IP_MULTICAST_TTL, 256), EINVAL);
	}
	CHECK(option(s, SOL_IP, IP_MULTICAST_ALL) == 1);
	CHECK(option(s, SOL_IP, IP_MTU) == -ENOTCONN - 100000);
	FAILS(set(s, SOL_IP, IP_HDRINCL, 1), ENOPROTOOPT);
	FAILS(set(s, SOL_IP, 60, 1), ENOPROTOOPT);
	FAILS(set(s, SOL_IPV6, IPV6_V6ONLY, 1), ENOPROTOOPT);
}

static void ip6(int s)
{
	CHECK(option(s, SOL_IPV6, IPV6_V6ONLY) == 0);
	KEPT(s, SOL_IPV6, IPV6_V6ONLY, 1, 1);
	CHECK(option(s, SOL_IPV6, IPV6_UNICAST_HOPS) == 64);
	KEPT(s, SOL_IPV6, IPV6_UNICAST_HOPS, 9, 9);
	KEPT(s, SOL_IPV6, IPV6_UNICAST_HOPS, -1, 64);
	FAILS(set(s, SOL_IPV6, IPV6_UNICAST_HOPS, 256), EINVAL);
	KEPT(s, SOL_IPV6, IPV6_TCLASS, 0x20, 0x20);
	KEPT(s, SOL_IPV6, IPV6_TCLASS, -1, 0);
	KEPT(s, SOL_IPV6, IPV6_RECVPKTINFO, 1, 1);
	KEPT(s, SOL_IPV6, IPV6_RECVHOPLIMIT, 1, 1);
	KEPT(s, SOL_IPV6, IPV6_RECVTCLASS, 1, 1);
	KEPT(s, SOL_IPV6, IPV6_RECVERR, 1, 1);
	KEPT(s, SOL_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO, IPV6_PMTUDISC_DO);
	FAILS(set(s, SOL_IPV6, 100, 1), ENOPROTOOPT);
	KEPT(s, SOL_IP, IP_TTL, 9, 9); // for what goes over IPv4
}

static void tcp(void)
{
	int s = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(option(s, SOL_SOCKET, SO_SNDBUF) == 16384);
	CHECK(option(s, SOL_SOCKET, SO_RCVBUF) == 131072);
	KEPT(s, SOL_TCP, TCP_NODELAY, 1, 1);
	KEPT(s, SOL_TCP, TCP_CORK, 1, 1);
	KEPT(s, SOL_TCP, TCP_CORK, 0, 0);
	CHECK(option(s, SOL_TCP, TCP_KEEPIDLE) == 7200 && option(s, SOL_TCP, TCP_KEEPINTVL) == 75 && option(s, SOL_TCP, TCP_KEEPCNT) == 9);
	KEPT(s, SOL_TCP, TCP_KEEPIDLE, 60, 60);
	KEPT(s, SOL_TCP, TCP_KEEPINTVL, 10, 10);
	KEPT(s, SOL_TCP, TCP_KEEPCNT, 3, 3);
	FAILS(set(s, SOL_TCP, TCP_KEEPIDLE, 0), EINVAL);
	FAILS(set(s, SOL_TCP, TCP_KEEPIDLE, 32768), EINVAL);
	FAILS(set(s, SOL_TCP, TCP_KEEPINTVL, 0), EINVAL);
	FAILS(set(s, SOL_TCP, TCP_KEEPCNT, 128), EINVAL);
	KEPT(s, SOL_TCP, TCP_SYNCNT, 4, 4);
	FAILS(set(s, SOL_TCP, TCP_SYNCNT, 0), EINVAL);
	KEPT(s, SOL_TCP, TCP_USER_TIMEOUT, 5000, 5000);
	FAILS(set(s, SOL_TCP, TCP_USER_TIMEOUT, -1), EINVAL);
	KEPT(s, SOL_TCP, TCP_DEFER_ACCEPT, 5, 7);
	KEPT(s, SOL_TCP, TCP_DEFER_ACCEPT, 1, 1);
	KEPT(s, SOL_TCP, TCP_DEFER_ACCEPT, 0, 0);
	CHECK(option(s, SOL_TCP, TCP_LINGER2) == 60);
	KEPT(s, SOL_TCP, TCP_LINGER2, 20, 20);
	KEPT(s, SOL_TCP, TCP_LINGER2, -5, -1);
	KEPT(s, SOL_TCP, TCP_MAXSEG, 1000, 1000);
	FAILS(set(s, SOL_TCP, TCP_MAXSEG, 10), EINVAL);
	FAILS(set(s, SOL_TCP, TCP_MAXSEG, 40000), EINVAL);
	KEPT(s, SOL_TCP, TCP_NOTSENT_LOWAT, 1000, 1000);
	CHECK(option(s, SOL_TCP, TCP_QUICKACK) == 1);
	char cc[16] = "";
	socklen_t n = sizeof cc;
	CHECK(setsockopt(s, SOL_TCP, TCP_CONGESTION, "reno", 4) == 0);
	CHECK(getsockopt(s, SOL_TCP, TCP_CONGESTION, cc, &n) == 0 && n == 16 && !strcmp(cc, "reno"));
	// Which of them everybody may have is the host's to say.
	CHECK(lent || setsockopt(s, SOL_TCP, TCP_CONGESTION, "cubic", 6) == 0);
	FAILS(setsockopt(s, SOL_TCP, TCP_CONGESTION, "nonesuch", 8), ENOENT);
	FAILS(set(s, SOL_TCP, 250, 1), ENOPROTOOPT);
	FAILS(set(s, SOL_UDP, UDP_CORK, 1), ENOPROTOOPT);
	struct tcp_info i;
	n = sizeof i;
	CHECK(getsockopt(s, SOL_TCP, TCP_INFO, &i, &n) == 0 && n > 100 && i.tcpi_state == TCP_CLOSE);
	generic(s);
	ip(s, 1);
	close(s);

	// What a listener has its connections get.
	union address a;
	int l = listener("127.0.0.1", 1, &a), c = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(set(l, SOL_TCP, TCP_NODELAY, 1) == 0 && set(l, SOL_SOCKET, SO_KEEPALIVE, 1) == 0 && set(l, SOL_TCP, TCP_KEEPIDLE, 33) == 0);
	CHECK(connect_to(c, a) == 0);
	s = accept(l, NULL, NULL);
	CHECK(option(s, SOL_TCP, TCP_NODELAY) == 1 && option(s, SOL_SOCKET, SO_KEEPALIVE) == 1 && option(s, SOL_TCP, TCP_KEEPIDLE) == 33);
	CHECK(option(s, SOL_SOCKET, SO_ACCEPTCONN) == 0 && fcntl(s, F_GETFL) == O_RDWR);
	n = sizeof i;
	CHECK(getsockopt(s, SOL_TCP, TCP_INFO, &i, &n) == 0 && i.tcpi_state == TCP_ESTABLISHED && i.tcpi_snd_cwnd > 0);
	CHECK(option(s, SOL_IP, IP_MTU) == 65536 || option(s, SOL_IP, IP_MTU) == 65535);
	CHECK(option(s, SOL_TCP, TCP_MAXSEG) > 500);
	n = sizeof i;
	CHECK(getsockopt(l, SOL_TCP, TCP_INFO, &i, &n) == 0 && i.tcpi_state == TCP_LISTEN);
	close(s);
	close(c);
	close(l);
	s = socket(AF_INET6, SOCK_STREAM, 0);
	ip6(s);
	close(s);
}

static void udp(void)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(option(s, SOL_SOCKET, SO_SNDBUF) == 212992);
	CHECK(option(s, SOL_SOCKET, SO_RCVBUF) == 212992);
	KEPT(s, SOL_SOCKET, SO_NO_CHECK, 1, 1);
	KEPT(s, SOL_UDP, UDP_CORK, 1, 1);
	KEPT(s, SOL_UDP, UDP_CORK, 0, 0);
	KEPT(s, SOL_UDP, UDP_SEGMENT, 1400, 1400);
	FAILS(set(s, SOL_UDP, UDP_SEGMENT, 70000), EINVAL);
	FAILS(set(s, SOL_TCP, TCP_NODELAY, 1), ENOPROTOOPT);
	generic(s);
	ip(s, 0);
	close(s);
	s = socket(AF_INET6, SOCK_DGRAM, 0);
	ip6(s);
	KEPT(s, SOL_IPV6, IPV6_MULTICAST_HOPS, 4, 4);
	KEPT(s, SOL_IPV6, IPV6_MULTICAST_LOOP, 0, 0);
	FAILS(set(s, SOL_IPV6, IPV6_MULTICAST_LOOP, 2), EINVAL);
	close(s);
}

static void devices(void)
{
	int s = socket(AF_INET, SOCK_DGRAM, 0);
	struct ifreq r = {"lo"};
	struct sockaddr_in *a = (void *)&r.ifr_addr;
	CHECK(ioctl(s, SIOCGIFINDEX, &r) == 0 && r.ifr_ifindex == 1);
	memset(r.ifr_name, 0, IFNAMSIZ);
	CHECK(ioctl(s, SIOCGIFNAME, &r) == 0 && !strcmp(r.ifr_name, "lo"));
	CHECK(ioctl(s, SIOCGIFFLAGS, &r) == 0 && r.ifr_flags == (IFF_UP | IFF_LOOPBACK | IFF_RUNNING));
	CHECK(ioctl(s, SIOCGIFADDR, &r) == 0 && a->sin_family == AF_INET && a->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	CHECK(ioctl(s, SIOCGIFNETMASK, &r) == 0 && a->sin_addr.s_addr == htonl(0xff000000));
	CHECK(ioctl(s, SIOCGIFBRDADDR, &r) == 0 && a->sin_addr.s_addr == 0);
	CHECK(ioctl(s, SIOCGIFMTU, &r) == 0 && r.ifr_mtu == 65536);
	CHECK(ioctl(s, SIOCGIFHWADDR, &r) == 0 && r.ifr_hwaddr.sa_family == ARPHRD_LOOPBACK);
	CHECK(ioctl(s, SIOCGIFTXQLEN, &r) == 0 && r.ifr_qlen == 1000);
	strcpy(r.ifr_name, "none");
	FAILS(ioctl(s, SIOCGIFINDEX, &r), ENODEV);
	FAILS(ioctl(s, SIOCGIFINDEX, (void *)16), EFAULT);
	char b[400];
	struct ifconf c = {sizeof b, {b}};
	CHECK(ioctl(s, SIOCGIFCONF, &c) == 0 && c.ifc_len == sizeof r && !strcmp(c.ifc_req->ifr_name, "lo"));
	a = (void *)&c.ifc_req->ifr_addr;
	CHECK(a->sin_addr.s_addr == htonl(INADDR_LOOPBACK));
	c = (struct ifconf){0, {NULL}};
	CHECK(ioctl(s, SIOCGIFCONF, &c) == 0 && c.ifc_len == sizeof r);
	c = (struct ifconf){10, {b}};
	CHECK(ioctl(s, SIOCGIFCONF, &c) == 0 && c.ifc_len == 0);
	int q;
	CHECK(ioctl(s, FIONREAD, &q) == 0 && q == 0 && ioctl(s, SIOCOUTQ, &q) == 0 && q == 0);
	FAILS(ioctl(s, 0x1234, &q), ENOTTY);
	CHECK(if_nametoindex("lo") == 1);
	close(s);
}

int main(int argc, char **argv)
{
	lend(argc, argv);
	tcp();
	udp();
	devices();
	return failures != 0;
}
