// What programs about the Internet's sockets share.
#include "check.h"
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <poll.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <linux/sockios.h>

union address {
	struct sockaddr sa;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage any;
};

static inline socklen_t length(const union address *a)
{
	return a->sa.sa_family == AF_INET ? sizeof a->in : sizeof a->in6;
}

static inline union address at(const char *ip, int port)
{
	union address a;
	memset(&a, 0, sizeof a);
	if (strchr(ip, ':')) {
		a.in6.sin6_family = AF_INET6;
		a.in6.sin6_port = htons(port);
		inet_pton(AF_INET6, ip, &a.in6.sin6_addr);
	} else {
		a.in.sin_family = AF_INET;
		a.in.sin_port = htons(port);
		inet_pton(AF_INET, ip, &a.in.sin_addr);
	}
	return a;
}

// named returns the address of a socket, peered that of its peer.
static inline union address named(int s)
{
	union address a;
	socklen_t n = sizeof a;
	memset(&a, 0, sizeof a);
	CHECK(getsockname(s, &a.sa, &n) == 0 && n == length(&a));
	return a;
}

static inline union address peered(int s)
{
	union address a;
	socklen_t n = sizeof a;
	memset(&a, 0, sizeof a);
	CHECK(getpeername(s, &a.sa, &n) == 0 && n == length(&a));
	return a;
}

static inline int bind_to(int s, union address a) { return bind(s, &a.sa, length(&a)); }
static inline int connect_to(int s, union address a) { return connect(s, &a.sa, length(&a)); }

static inline ssize_t send_to(int s, const void *b, size_t n, union address a)
{
	return sendto(s, b, n, 0, &a.sa, length(&a));
}

// listener returns a TCP socket that listens at ip, and where.
static inline int listener(const char *ip, int backlog, union address *a)
{
	*a = at(ip, 0);
	int s = socket(a->sa.sa_family, SOCK_STREAM, 0);
	CHECK(s >= 0 && bind_to(s, *a) == 0 && listen(s, backlog) == 0);
	*a = named(s);
	return s;
}

// connection makes two ends of a TCP connection.
static inline void connection(int end[2])
{
	union address a;
	int l = listener("127.0.0.1", 5, &a);
	end[0] = socket(AF_INET, SOCK_STREAM, 0);
	CHECK(connect_to(end[0], a) == 0);
	end[1] = accept(l, NULL, NULL);
	CHECK(end[1] >= 0);
	close(l);
}

// events waits until poll(2) says more than nothing, for at most a second.
static inline int events(int s, int want)
{
	struct pollfd p = {s, want};
	return poll(&p, 1, 1000) == 1 ? p.revents : 0;
}

// now_events does not wait.
static inline int now_events(int s, int want)
{
	struct pollfd p = {s, want};
	return poll(&p, 1, 0) == 1 ? p.revents : 0;
}

// becomes waits until s is ready for exactly what is wanted of all.
static inline int becomes(int s, int all, int want)
{
	for (int i = 0; i < 200; i++) {
		if (now_events(s, all) == want)
			return 1;
		usleep(5000);
	}
	printf("events %#x, wanted %#x\n", now_events(s, all), want);
	return 0;
}

static inline int option(int s, int level, int name)
{
	int v = -12345;
	socklen_t n = sizeof v;
	if (getsockopt(s, level, name, &v, &n) != 0)
		return -errno - 100000;
	return v;
}

static inline int set(int s, int level, int name, int v) { return setsockopt(s, level, name, &v, sizeof v); }

// How the network that the host lends a sandbox differs: nobody has a capability over it.
static int lent;
static inline void lend(int argc, char **argv) { lent = argc > 1 && !strcmp(argv[1], "lent"); }

#define EVERY (POLLIN | POLLPRI | POLLOUT | POLLRDHUP | POLLRDNORM | POLLWRNORM)
#define READ (POLLIN | POLLRDNORM)
#define WRITE (POLLOUT | POLLWRNORM)
