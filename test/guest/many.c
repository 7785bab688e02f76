// N connections at once, all of them in one epoll: natively and in a sandbox that has the
// host's sockets.
#define _GNU_SOURCE
#include "inet.h"
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>

int main(int argc, char **argv)
{
	int n = argc > 1 ? atoi(argv[1]) : 1000, ep = epoll_create1(0);
	struct rlimit r = {2 * n + 100, 2 * n + 100};
	CHECK(setrlimit(RLIMIT_NOFILE, &r) == 0);
	int *near = calloc(n, sizeof *near), *far = calloc(n, sizeof *far);
	union address a;
	int l = listener("::1", 128, &a);
	for (int i = 0; i < n; i++) {
		near[i] = socket(AF_INET6, SOCK_STREAM, 0);
		CHECK(near[i] >= 0 && connect_to(near[i], a) == 0);
		far[i] = accept4(l, NULL, NULL, SOCK_NONBLOCK);
		CHECK(far[i] >= 0);
		struct epoll_event e = {EPOLLIN | EPOLLET, {.u32 = i}};
		CHECK(epoll_ctl(ep, EPOLL_CTL_ADD, far[i], &e) == 0);
	}
	struct epoll_event got[64];
	CHECK(epoll_wait(ep, got, 64, 0) == 0);
	for (int round = 0; round < 3; round++) {
		int seen = 0, k;
		for (int i = 0; i < n; i++)
			CHECK(write(near[i], &i, sizeof i) == sizeof i);
		while (seen < n && (k = epoll_wait(ep, got, 64, 5000)) > 0)
			for (int i = 0; i < k; i++) {
				int v = -1;
				CHECK(read(far[got[i].data.u32], &v, sizeof v) == sizeof v && v == (int)got[i].data.u32);
				seen++;
			}
		CHECK(seen == n);
		CHECK(epoll_wait(ep, got, 64, 0) == 0);
	}
	printf("all\n");
	fflush(stdout);
	if (argc > 2)
		pause();
	return failures != 0;
}
