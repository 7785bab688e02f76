// Many connections, kept or one after the other. What to do comes on standard input, a
// line each; it answers with one on standard output:
//   listen PORT          serve whoever connects, until the end
//   hold IP PORT N       have N connections more
//   drop                 close those
//   rate IP PORT N MS    N connections, evenly in MS milliseconds: a byte there, a byte
//                        back, close. Ports from PORT to PORT+3 in turn
//   deaf PORT            let others connect, and read nothing
//   fill                 send to those that are held until they take no more
//   hear N               read what the deaf have, now and from now on: N bytes
//   open                 how many there are that others made
#define _GNU_SOURCE
#include "inet.h"
#include <sys/epoll.h>
#include <sys/resource.h>

enum { LISTENS, DEAF, SERVED, HELD, ASKED, INPUT };
#define MOST 65536
static char kind[MOST];
static int deaf[MOST], deafs;
static int epoll, open_now, held, asked, done_well, done_ill;
static long heard;

static void watch(int fd, int k)
{
	struct epoll_event e = {EPOLLIN | (k == ASKED ? EPOLLOUT : 0), {.fd = fd}};
	if (fd < 0 || fd >= MOST || epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0)
		perror("watch"), exit(1);
	kind[fd] = k;
}

// ill counts what went wrong, and keeps why.
static int why;
static void ill(void)
{
	done_ill++;
	why = errno;
}

static void happened(int fd, int events)
{
	static char b[65536];
	ssize_t n;
	switch (kind[fd]) {
	case LISTENS:
		for (int c; (c = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0; open_now++)
			watch(c, SERVED);
		break;
	case DEAF:
		for (int c; (c = accept4(fd, NULL, NULL, SOCK_NONBLOCK)) >= 0; open_now++)
			deaf[deafs++] = c;
		break;
	case SERVED:
		n = read(fd, b, sizeof b);
		if (n > 0) {
			heard += n;
			if (n == 1)
				write(fd, b, n);
		} else if (n == 0 || errno != EAGAIN) {
			close(fd);
			open_now--;
		}
		break;
	case ASKED:
		if (events & EPOLLIN) {
			errno = 0;
			if (read(fd, b, 1) == 1)
				done_well++;
			else
				ill();
			close(fd);
			asked--;
		} else if (write(fd, "x", 1) == 1) {
			struct epoll_event e = {EPOLLIN, {.fd = fd}};
			epoll_ctl(epoll, EPOLL_CTL_MOD, fd, &e);
		} else {
			ill();
			close(fd);
			asked--;
		}
	}
}

// look handles what happens, and returns whether there is a line to read.
static int look(int ms)
{
	struct epoll_event e[256];
	int line = 0, n = epoll_wait(epoll, e, 256, ms);
	for (int i = 0; i < n; i++)
		if (e[i].data.fd == 0)
			line = 1;
		else
			happened(e[i].data.fd, e[i].events);
	return line;
}

static void ask(const char *ip, int port)
{
	int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	if (connect_to(s, at(ip, port)) != 0 && errno != EINPROGRESS) {
		ill();
		close(s);
		return;
	}
	asked++;
	watch(s, ASKED);
}

int main(void)
{
	static int mine[MOST];
	char line[200], ip[64];
	int port, n, ms;
	long want;
	struct rlimit r = {30000, 30000};
	signal(SIGPIPE, SIG_IGN);
	setrlimit(RLIMIT_NOFILE, &r);
	epoll = epoll_create1(0);
	watch(0, INPUT);
	for (;;) {
		while (!look(-1))
			;
		ssize_t k = read(0, line, sizeof line - 1);
		if (k <= 0)
			return 0;
		line[k] = 0;
		int is_deaf = sscanf(line, "deaf %d", &port) == 1;
		if (is_deaf || sscanf(line, "listen %d", &port) == 1) {
			int l = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
			int good = set(l, SOL_SOCKET, SO_REUSEADDR, 1) == 0 && bind_to(l, at("0.0.0.0", port)) == 0 && listen(l, 4096) == 0;
			watch(l, is_deaf ? DEAF : LISTENS);
			printf("%s\n", good ? "listens" : strerror(errno));
		} else if (sscanf(line, "hold %63s %d %d", ip, &port, &n) == 3) {
			int failed = 0;
			for (int i = 0; i < n; i++) {
				int s = socket(AF_INET, SOCK_STREAM, 0);
				if (connect_to(s, at(ip, port)) == 0) {
					watch(s, HELD);
					mine[held++] = s;
				} else {
					failed++;
					close(s);
				}
			}
			printf("%d held, %d failed\n", held, failed);
		} else if (!strncmp(line, "fill", 4)) {
			static char b[65536];
			long all = 0;
			for (int idle = 0; idle < 20; idle++, usleep(50000)) {
				for (int i = 0; i < held; i++)
					for (ssize_t k; (k = send(mine[i], b, sizeof b, MSG_DONTWAIT)) > 0; idle = 0)
						all += k;
				look(0);
			}
			printf("%ld\n", all);
		} else if (sscanf(line, "hear %ld", &want) == 1) {
			for (; deafs > 0; deafs--)
				watch(deaf[deafs - 1], SERVED);
			heard = 0;
			for (long before = 0, end = now_ms() + 30000; heard < want && now_ms() < end; look(100))
				if (heard != before) {
					before = heard;
					end = now_ms() + 30000;
				}
			printf("%ld\n", heard);
		} else if (!strncmp(line, "drop", 4)) {
			for (; held > 0; held--)
				close(mine[held - 1]);
			printf("dropped\n");
		} else if (sscanf(line, "rate %63s %d %d %d", ip, &port, &n, &ms) == 4) {
			long start = now_ms();
			done_well = done_ill = 0;
			for (int made = 0; made < n || (asked > 0 && now_ms() < start + ms + 30000);) {
				for (long due = (now_ms() - start + 1) * n / ms; made < n && made < due; made++)
					ask(ip, port + made % 4);
				look(2);
			}
			printf("%d well, %d ill, %d not at all%s%s\n", done_well, done_ill, asked, done_ill ? ": " : "", done_ill ? strerror(why) : "");
		} else if (!strncmp(line, "open", 4)) {
			printf("%d\n", open_now);
		} else
			printf("what?\n");
		fflush(stdout);
	}
}
