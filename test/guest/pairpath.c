// Two ends with a router between them, whose way to far is narrower than either knows.
#define _GNU_SOURCE
#include "pair.h"

static const char *ways[2][2] = {{"10.93.0.2", "10.91.0.2"}, {"fd93::2", "fd91::2"}};
#define NARROW 1300

static int stream(size_t out, size_t in)
{
	static char b[65536];
	union address a;
	int s, good = 1;
	if (near) {
		hear(&a, sizeof a);
		s = socket(family(), SOCK_STREAM, 0);
		CHECK(connect_to(s, a) == 0);
	} else {
		int l = listener(ways[six][0], 1, &a);
		tell(&a, sizeof a);
		s = accept(l, NULL, NULL);
		close(l);
	}
	for (size_t sent = 0; good && sent < out;) {
		for (int i = 0; i < sizeof b; i++)
			b[i] = (sent + i) % 251 + 1;
		ssize_t n = send(s, b, out - sent < sizeof b ? out - sent : sizeof b, 0);
		good = n > 0;
		sent += n;
	}
	for (size_t got = 0; good && got < in;) {
		ssize_t n = recv(s, b, sizeof b, 0);
		good = n > 0;
		for (ssize_t i = 0, at = got; i < n; i++, at++)
			good &= b[i] == (char)(at % 251 + 1);
		got += n;
	}
	CHECK(good);
	return s;
}

int main(int argc, char **argv)
{
	ends(argc, argv);
	for (six = 0; six < 2; six++) {
		// The router says how long a packet may be, to who sends too long ones.
		int s = stream(near ? 1 << 20 : 0, near ? 0 : 1 << 20);
		if (near && !lacks(PEERS_MSS)) {
			CHECK(option(s, SOL_TCP, TCP_MAXSEG) == NARROW - (six ? 72 : 52));
			CHECK(option(s, six ? SOL_IPV6 : SOL_IP, six ? IPV6_MTU : IP_MTU) == NARROW);
		}
		meet();
		close(s);
		s = stream(near ? 0 : 1 << 20, near ? 1 << 20 : 0);
		meet();
		close(s);
		// Datagrams come all the same, in fragments.
		union address a;
		char b[3000] = "";
		s = socket(family(), SOCK_DGRAM, 0);
		CHECK(bind_to(s, at(ways[six][near], 0)) == 0);
		union address me = named(s);
		tell(&me, sizeof me);
		hear(&a, sizeof a);
		meet();
		CHECK(send_to(s, b, 1250, a) == 1250);
		CHECK(events(s, POLLIN) == POLLIN && recv(s, b, sizeof b, 0) == 1250);
		meet();
		close(s);
		// Nobody is behind the router: it says so.
		if (near && !(six && lacks(ICMP6_CODES))) {
			s = socket(family(), SOCK_STREAM, 0);
			FAILS(connect_to(s, at(six ? "fd93::77" : "10.93.0.77", 80)), EHOSTUNREACH);
			close(s);
		}
		meet();
	}
	return finish();
}
