// AF_PACKET: packet(7), socket filters, PACKET_RX_RING.
#define _GNU_SOURCE
#include "inet.h"
#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/mman.h>
#include <sys/uio.h>

static struct sockaddr_ll ll(int index, int proto)
{
	struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_protocol = htons(proto), .sll_ifindex = index};
	return a;
}

static int packet(int type, int proto) { return socket(AF_PACKET, type, htons(proto)); }

// on_lo returns a socket for the packets of lo.
static int on_lo(int type, int proto)
{
	int s = packet(type, proto);
	struct sockaddr_ll a = ll(1, proto);
	CHECK(s >= 0 && bind(s, (void *)&a, sizeof a) == 0);
	struct timeval tv = {5};
	CHECK(setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof tv) == 0);
	return s;
}

// say sends a datagram to port 9 of lo.
static void say(const char *text)
{
	int u = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(send_to(u, text, strlen(text), at("127.0.0.1", 9)) == strlen(text));
	close(u);
}

static void unprivileged(void)
{
	CHECK(setgid(1000) == 0 && setuid(1000) == 0);
	FAILS(packet(SOCK_RAW, ETH_P_ALL), EPERM);
	FAILS(packet(SOCK_DGRAM, 0), EPERM);
}

static void basics(void)
{
	FAILS(packet(SOCK_STREAM, ETH_P_ALL), ESOCKTNOSUPPORT);
	int s = packet(SOCK_RAW, 0), v;
	struct sockaddr_ll a = ll(1, ETH_P_IP), got;
	socklen_t n = sizeof got;
	memset(&got, 0xee, sizeof got);
	CHECK(getsockname(s, (void *)&got, &n) == 0 && n == 12 && got.sll_family == AF_PACKET && got.sll_ifindex == 0 && got.sll_halen == 0);
	FAILS(bind(s, (void *)&a, sizeof a - 1), EINVAL);
	a.sll_family = AF_INET;
	FAILS(bind(s, (void *)&a, sizeof a), EINVAL);
	a = ll(1000, ETH_P_IP);
	FAILS(bind(s, (void *)&a, sizeof a), ENODEV);
	a = ll(1, ETH_P_IP);
	CHECK(bind(s, (void *)&a, sizeof a) == 0);
	n = sizeof got;
	CHECK(getsockname(s, (void *)&got, &n) == 0 && n == 18 && got.sll_ifindex == 1 && got.sll_protocol == htons(ETH_P_IP) && got.sll_hatype == ARPHRD_LOOPBACK && got.sll_halen == 6);
	FAILS(getpeername(s, (void *)&got, &n), EOPNOTSUPP);
	FAILS(connect(s, (void *)&a, sizeof a), EOPNOTSUPP);
	FAILS(listen(s, 1), EOPNOTSUPP);
	FAILS(shutdown(s, SHUT_RD), EOPNOTSUPP);
	char b[8];
	FAILS(recv(s, b, sizeof b, MSG_DONTWAIT), EAGAIN);
	FAILS(recv(s, b, sizeof b, MSG_OOB), EINVAL);
	n = sizeof v;
	CHECK(getsockopt(s, SOL_SOCKET, SO_DOMAIN, &v, &n) == 0 && v == AF_PACKET);
	CHECK(getsockopt(s, SOL_SOCKET, SO_TYPE, &v, &n) == 0 && v == SOCK_RAW);
	v = 70000;
	CHECK(setsockopt(s, SOL_SOCKET, SO_RCVBUF, &v, sizeof v) == 0 && getsockopt(s, SOL_SOCKET, SO_RCVBUF, &v, &n) == 0 && v == 140000);
	FAILS(getsockopt(s, SOL_PACKET, 99, &v, &n), ENOPROTOOPT);
	v = 0;
	FAILS(setsockopt(s, SOL_PACKET, 99, &v, sizeof v), ENOPROTOOPT);
	struct packet_mreq m = {.mr_ifindex = 1, .mr_type = PACKET_MR_PROMISC};
	CHECK(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m) == 0);
	m.mr_ifindex = 1000;
	FAILS(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m), ENODEV);
	FAILS(setsockopt(s, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, 4), EINVAL);
	close(s);
}

static void receiving(void)
{
	int raw = on_lo(SOCK_RAW, ETH_P_ALL), cooked = on_lo(SOCK_DGRAM, ETH_P_IP), six = on_lo(SOCK_RAW, ETH_P_IPV6), v = 1;
	unsigned char b[256];
	struct sockaddr_ll a;
	socklen_t n = sizeof a;
	CHECK(setsockopt(raw, SOL_SOCKET, SO_TIMESTAMP, &v, sizeof v) == 0 && setsockopt(raw, SOL_PACKET, PACKET_AUXDATA, &v, sizeof v) == 0);
	say("hello");
	// It is sent and received: of both those hear who want all.
	for (int i = 0; i < 2; i++) {
		char control[256];
		struct iovec io = {b, sizeof b};
		struct msghdr m = {&a, sizeof a, &io, 1, control, sizeof control};
		CHECK(recvmsg(raw, &m, 0) == 14 + 20 + 8 + 5 && m.msg_namelen == sizeof a && m.msg_flags == 0);
		CHECK(a.sll_family == AF_PACKET && a.sll_protocol == htons(ETH_P_IP) && a.sll_ifindex == 1 && a.sll_hatype == ARPHRD_LOOPBACK);
		CHECK(a.sll_pkttype == (i ? PACKET_HOST : PACKET_OUTGOING) && a.sll_halen == 6 && memcmp(a.sll_addr, "\0\0\0\0\0\0", 6) == 0);
		CHECK(memcmp(b, "\0\0\0\0\0\0\0\0\0\0\0\0\10\0\105", 15) == 0 && memcmp(b + 14 + 28, "hello", 5) == 0);
		int stamp = 0, aux = 0;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c)) {
			if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMP)
				stamp++;
			if (c->cmsg_level == SOL_PACKET && c->cmsg_type == PACKET_AUXDATA) {
				struct tpacket_auxdata *x = (void *)CMSG_DATA(c);
				CHECK(c->cmsg_len == CMSG_LEN(sizeof *x) && x->tp_len == 47 && x->tp_snaplen == 47 && x->tp_net == 14 && x->tp_status & TP_STATUS_USER);
				aux++;
			}
		}
		CHECK(stamp == 1 && aux == 1);
	}
	CHECK(recvfrom(cooked, b, 10, MSG_PEEK | MSG_TRUNC, (void *)&a, &n) == 33);
	n = sizeof a;
	CHECK(recvfrom(cooked, b, sizeof b, 0, (void *)&a, &n) == 33 && n == sizeof a && a.sll_pkttype == PACKET_HOST && b[0] == 0x45);
	FAILS(recv(cooked, b, sizeof b, MSG_DONTWAIT), EAGAIN);
	FAILS(recv(six, b, sizeof b, MSG_DONTWAIT), EAGAIN);
	struct tpacket_stats st;
	n = sizeof st;
	CHECK(getsockopt(cooked, SOL_PACKET, PACKET_STATISTICS, &st, &n) == 0 && st.tp_packets == 1 && st.tp_drops == 0);
	CHECK(getsockopt(cooked, SOL_PACKET, PACKET_STATISTICS, &st, &n) == 0 && st.tp_packets == 0);
	// Without what was sent.
	CHECK(setsockopt(raw, SOL_PACKET, PACKET_IGNORE_OUTGOING, &v, sizeof v) == 0);
	while (recv(raw, b, sizeof b, MSG_DONTWAIT) > 0)
		;
	say("again");
	n = sizeof a;
	CHECK(recvfrom(raw, b, sizeof b, 0, (void *)&a, &n) == 47 && a.sll_pkttype == PACKET_HOST);
	FAILS(recv(raw, b, sizeof b, MSG_DONTWAIT), EAGAIN);
	// More than fits is lost, and counted.
	v = 1;
	CHECK(setsockopt(cooked, SOL_SOCKET, SO_RCVBUF, &v, sizeof v) == 0);
	for (int i = 0; i < 50; i++)
		say("more");
	n = sizeof st;
	CHECK(getsockopt(cooked, SOL_PACKET, PACKET_STATISTICS, &st, &n) == 0 && st.tp_packets == 51 && st.tp_drops > 40);
	close(raw);
	close(cooked);
	close(six);
}

static void filters(void)
{
	// Datagrams whose UDP data begins with 'y', 30 bytes of each.
	struct sock_filter f[] = {
		BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 14),
		BPF_STMT(BPF_LD | BPF_B | BPF_IND, 14 + 8),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 'y', 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 30),
		BPF_STMT(BPF_RET | BPF_K, 0),
	};
	struct sock_fprog p = {5, f};
	int s = on_lo(SOCK_RAW, ETH_P_IP);
	char b[100];
	FAILS(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, 0, 0), EINVAL);
	int v = 0;
	FAILS(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &v, sizeof v), ENOENT);
	FAILS(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, 8), EINVAL);
	p.len = 0;
	FAILS(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p), EINVAL);
	p.len = 3; // it does not end
	FAILS(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p), EINVAL);
	p.len = 5, f[2].jt = 9;
	FAILS(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p), EINVAL);
	f[2].jt = 0;
	p.filter = (void *)1;
	FAILS(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p), EFAULT);
	p.filter = f;
	CHECK(setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p) == 0);
	say("no");
	say("yes");
	CHECK(recv(s, b, sizeof b, 0) == 30);
	FAILS(recv(s, b, sizeof b, MSG_DONTWAIT), EAGAIN);
	CHECK(setsockopt(s, SOL_SOCKET, SO_DETACH_FILTER, &v, sizeof v) == 0);
	say("no");
	CHECK(recv(s, b, sizeof b, 0) == 44);
	close(s);
}

// datagram is an IPv4 packet with a UDP datagram to a port of 127.0.0.1.
static int datagram(unsigned char *p, int port, const char *text)
{
	int n = 28 + strlen(text);
	unsigned char head[] = {0x45, 0, n >> 8, n, 0, 1, 0, 0, 64, 17, 0, 0, 127, 0, 0, 1, 127, 0, 0, 1, 0, 9, port >> 8, port, 0, n - 20, 0, 0};
	unsigned sum = 0;
	for (int i = 0; i < 20; i += 2)
		sum += head[i] << 8 | head[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = ~(sum + (sum >> 16));
	head[10] = sum >> 8, head[11] = sum;
	memcpy(p, head, sizeof head);
	memcpy(p + sizeof head, text, strlen(text));
	return n;
}

static void sending(void)
{
	int seen = on_lo(SOCK_DGRAM, ETH_P_IP), s = packet(SOCK_DGRAM, 0), r = packet(SOCK_RAW, 0);
	unsigned char p[100];
	int n = datagram(p, 9, "crafted");
	struct sockaddr_ll a = ll(1, ETH_P_IP);
	a.sll_halen = 6;
	CHECK(sendto(s, p, n, 0, (void *)&a, sizeof a) == n);
	char b[64];
	CHECK(recv(seen, b, sizeof b, 0) == n && memcmp(b, p, n) == 0);
	// With its frame.
	unsigned char frame[128] = {[12] = 8};
	int m = 14 + datagram(frame + 14, 9, "framed");
	CHECK(sendto(r, frame, m, 0, (void *)&a, sizeof a) == m);
	CHECK(recv(seen, b, sizeof b, 0) == m - 14 && memcmp(b, frame + 14, m - 14) == 0);
	FAILS(send(r, frame, m, 0), ENXIO);
	CHECK(bind(r, (void *)&a, sizeof a) == 0 && send(r, frame, m, 0) == m && recv(seen, b, sizeof b, 0) == m - 14);
	FAILS(send(r, frame, 13, 0), EINVAL);
	a.sll_ifindex = 1000;
	FAILS(sendto(s, p, n, 0, (void *)&a, sizeof a), ENXIO);
	FAILS(sendto(s, p, n, 0, (void *)&a, 8), EINVAL);
	static char big[80000];
	a = ll(1, ETH_P_IP);
	FAILS(sendto(r, big, sizeof big, 0, (void *)&a, sizeof a), EMSGSIZE);
	close(seen);
	close(s);
	close(r);
}

static void ring(int version)
{
	int s = on_lo(SOCK_RAW, ETH_P_IP), v = version;
	socklen_t n = sizeof v;
	CHECK(getsockopt(s, SOL_PACKET, PACKET_HDRLEN, &v, &n) == 0 && v == 32);
	v = 99;
	FAILS(getsockopt(s, SOL_PACKET, PACKET_HDRLEN, &v, &n), EINVAL);
	FAILS(setsockopt(s, SOL_PACKET, PACKET_VERSION, &v, sizeof v), EINVAL);
	v = version;
	CHECK(setsockopt(s, SOL_PACKET, PACKET_VERSION, &v, sizeof v) == 0);
	struct tpacket_req q = {4096, 2, 1024, 7};
	FAILS(setsockopt(s, SOL_PACKET, PACKET_RX_RING, &q, sizeof q), EINVAL);
	q.tp_frame_nr = 8, q.tp_block_size = 4000;
	FAILS(setsockopt(s, SOL_PACKET, PACKET_RX_RING, &q, sizeof q), EINVAL);
	q.tp_block_size = 4096, q.tp_frame_size = 1000;
	FAILS(setsockopt(s, SOL_PACKET, PACKET_RX_RING, &q, sizeof q), EINVAL);
	q.tp_frame_size = 1024;
	CHECK(setsockopt(s, SOL_PACKET, PACKET_RX_RING, &q, sizeof q) == 0);
	FAILS(setsockopt(s, SOL_PACKET, PACKET_RX_RING, &q, sizeof q), EBUSY);
	FAILS(setsockopt(s, SOL_PACKET, PACKET_VERSION, &v, sizeof v), EBUSY);
	char *m = mmap(0, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, s, 0);
	CHECK(m != MAP_FAILED);
	if (m == MAP_FAILED)
		return;
	struct pollfd p = {s, POLLIN};
	CHECK(poll(&p, 1, 0) == 0);
	char text[] = "ring 00";
	for (int i = 0; i < 20; i++) { // more than twice around
		char *f = m + i % 8 * 1024;
		text[5] = '0' + i / 10, text[6] = '0' + i % 10;
		CHECK(*(volatile int *)f == TP_STATUS_KERNEL);
		say(text);
		CHECK(poll(&p, 1, 5000) == 1 && p.revents == POLLIN);
		CHECK(*(volatile int *)f & TP_STATUS_USER);
		int len, snap, mac, net;
		if (version == TPACKET_V1) {
			struct tpacket_hdr *h = (void *)f;
			len = h->tp_len, snap = h->tp_snaplen, mac = h->tp_mac, net = h->tp_net;
			CHECK(h->tp_sec > 1000000000 && h->tp_usec < 1000000);
		} else {
			struct tpacket2_hdr *h = (void *)f;
			len = h->tp_len, snap = h->tp_snaplen, mac = h->tp_mac, net = h->tp_net;
			CHECK(h->tp_sec > 1000000000 && h->tp_nsec < 1000000000);
		}
		CHECK(len == 14 + 28 + 7 && snap == len && net == mac + 14 && net % 16 == 0);
		CHECK(memcmp(f + mac + 42, text, 7) == 0);
		struct sockaddr_ll *a = (void *)(f + TPACKET_ALIGN(32));
		CHECK(a->sll_family == AF_PACKET && a->sll_ifindex == 1 && a->sll_pkttype == PACKET_HOST);
		*(volatile int *)f = TP_STATUS_KERNEL;
	}
	for (int i = 0; i < 12; i++)
		say("full");
	struct tpacket_stats st;
	n = sizeof st;
	CHECK(getsockopt(s, SOL_PACKET, PACKET_STATISTICS, &st, &n) == 0 && st.tp_packets == 32 && st.tp_drops == 4);
	CHECK(munmap(m, 8192) == 0);
	memset(&q, 0, sizeof q);
	CHECK(setsockopt(s, SOL_PACKET, PACKET_RX_RING, &q, sizeof q) == 0);
	FAILS((long)mmap(0, 4096, PROT_READ, MAP_SHARED, s, 0), EINVAL);
	close(s);
}

int main(void)
{
	// Somebody takes what is said: no errors come back.
	int sink = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(bind_to(sink, at("127.0.0.1", 9)) == 0);
	basics();
	receiving();
	filters();
	sending();
	ring(TPACKET_V1);
	ring(TPACKET_V2);
	in_child(unprivileged);
	return failures != 0;
}
