// Programs that run twice, at the two ends of a wire: near, natively or inside, and far,
// natively. Both take the same steps; they meet through pipes that are no part of the
// network: standard input is what the other writes, standard output what it reads.
// test/e2e/pair_test.go makes the wire and the pipes.
#include "inet.h"
#include <stdarg.h>

static int near, inside; // which end this is; whether near is the Sentry's
static int six;          // which protocol it is about now
static int ears, mouth;

static const char *addresses[2][2] = {{"10.91.0.1", "10.91.0.2"}, {"fd91::1", "fd91::2"}};
static inline const char *here(void) { return addresses[six][near]; }
static inline const char *there(void) { return addresses[six][!near]; }
static inline int family(void) { return six ? AF_INET6 : AF_INET; }

// lacks: what the engine of the Sentry's network does not do. Each is in
// docs/compatibility.md; the checks of it are for Linux alone. All are here.
enum lack {
	REPORTS,         // of groups, IGMP and MLD: the engine sends them with locks held that their way needs
	ICMP6_CODES,     // unreachable: of the address, or by a filter (ICMPv6 codes 1 and 3)
	URGENT_DATA,     // is in line
	PEERS_MSS,       // is not told
	UDP_UNREACHABLE, // a host or network, to UDP: only of ports there is word
	RAW_LARGE,       // raw sockets send no fragments
};
static inline int lacks(enum lack l) { return inside; }

static inline int finish(void)
{
	printf("%d checks\n", checks);
	fflush(stdout);
	return failures != 0;
}

static inline void lost(const char *what)
{
	printf("%s: %s\n", near ? "near" : "far", what);
	failures++;
	_exit(finish());
}

// late ends what does not end.
static void late(int signal)
{
	char line[100];
	sprintf(line, "nothing happens after the check at line %d", checked);
	lost(line);
}
#define PATIENCE 60

static inline void receive(void *b, size_t n)
{
	for (size_t got = 0; got < n;) {
		struct pollfd p = {ears, POLLIN};
		if (poll(&p, 1, 2 * PATIENCE * 1000) != 1)
			lost("the other end does not come");
		ssize_t k = read(ears, (char *)b + got, n - got);
		if (k <= 0)
			lost("the other end has gone");
		got += k;
	}
}

// A message begins with its length, and the line that sends it.
struct head { int length, line; };

// tell and hear pass something to the other end; nothing, to meet it.
static inline void tell_at(int line, const void *b, size_t n)
{
	struct head h = {n, line};
	alarm(PATIENCE);
	if (write(mouth, &h, sizeof h) != sizeof h || (n && write(mouth, b, n) != (ssize_t)n))
		lost("the other end has gone");
}

static inline void hear_at(int line, void *b, size_t n)
{
	struct head h;
	alarm(0);
	receive(&h, sizeof h);
	alarm(PATIENCE);
	if (h.length != (int)n) {
		printf("at line %d, the other end at %d\n", line, h.line);
		lost("not at the same step");
	}
	receive(b, n);
}
#define tell(b, n) tell_at(__LINE__, b, n)
#define hear(b, n) hear_at(__LINE__, b, n)

// meet waits until the other end is as far.
#define meet() (tell(NULL, 0), hear(NULL, 0))

static inline void ends(int argc, char **argv)
{
	if (argc < 2)
		_exit(2);
	near = !strcmp(argv[1], "near");
	inside = argc > 2 && !strcmp(argv[2], "inside");
	ears = dup(0);
	mouth = dup(1);
	dup2(2, 1); // what is printed
	setvbuf(stdout, NULL, _IOLBF, 0);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGALRM, late);
	alarm(PATIENCE);
}

// sh has far's end of the wire changed by a command, and waits for it.
static inline void sh(const char *format, ...)
{
	char line[1000];
	va_list args;
	va_start(args, format);
	vsnprintf(line, sizeof line, format, args);
	va_end(args);
	if (!near && system(line) != 0) {
		printf("failed: %s\n", line);
		failures++;
	}
	meet();
}

// What of TCP with a port goes lost: what far gets, what it sends.
#define TO_FAR 1
#define TO_NEAR 2
static inline void filter(const char *how, int port, int what)
{
	const char *t = six ? "ip6tables" : "iptables";
	if (what & TO_FAR)
		sh("%s -w %s INPUT -p tcp -m multiport --ports %d -j DROP", t, how, port);
	if (what & TO_NEAR)
		sh("%s -w %s OUTPUT -p tcp -m multiport --ports %d -j DROP", t, how, port);
}
static inline void lose(int port, int what) { filter("-I", port, what); }
static inline void mend(int port, int what) { filter("-D", port, what); }

// to is the direction to an end.
static inline int to(int end) { return end ? TO_NEAR : TO_FAR; }

static inline int port_of(union address a) { return ntohs(a.in.sin_port); }

// place is a free port of one end that both know.
static inline union address place_of(const char *ip)
{
	int s = socket(family(), SOCK_STREAM, 0);
	CHECK(bind_to(s, at(ip, 0)) == 0);
	union address a = named(s);
	close(s);
	return a;
}

static inline union address place(int end)
{
	union address a;
	if (near == end) {
		a = place_of(here());
		tell(&a, sizeof a);
	} else
		hear(&a, sizeof a);
	return a;
}

// comes waits until s is ready for exactly what is wanted of all; for long, because
// the machine may be slow.
static inline int comes(int s, int want)
{
	for (int i = 0; i < 2000; i++) {
		if (now_events(s, EVERY) == want)
			return 1;
		usleep(5000);
	}
	printf("events %#x, wanted %#x\n", now_events(s, EVERY), want);
	return 0;
}

static inline int state(int s)
{
	struct tcp_info i;
	socklen_t n = sizeof i;
	memset(&i, 0, sizeof i);
	return getsockopt(s, SOL_TCP, TCP_INFO, &i, &n) == 0 ? i.tcpi_state : -1;
}

// reaches waits for a state.
static inline int reaches(int s, int want)
{
	for (int i = 0; i < 2000; i++) {
		if (state(s) == want)
			return 1;
		usleep(5000);
	}
	printf("state %d, wanted %d\n", state(s), want);
	return 0;
}

// joined makes a connection, which one end opens. port is the listener's.
static inline int joined_at(int opener, int *port)
{
	union address a;
	int s;
	if (near == opener) {
		hear(&a, sizeof a);
		s = socket(family(), SOCK_STREAM, 0);
		CHECK(connect_to(s, a) == 0);
	} else {
		int l = listener(here(), 5, &a);
		tell(&a, sizeof a);
		s = accept(l, NULL, NULL);
		CHECK(s >= 0);
		close(l);
	}
	if (port)
		*port = port_of(a);
	meet();
	return s;
}
static inline int joined(int opener) { return joined_at(opener, NULL); }

static inline void reset_on_close(int s)
{
	struct linger l = {1, 0};
	CHECK(setsockopt(s, SOL_SOCKET, SO_LINGER, &l, sizeof l) == 0);
}

#define HUNG (READ | WRITE | POLLRDHUP | POLLHUP)
