// What the network costs, against the servers of net.go: net ADDRESS [quick].
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SINK = 7001, SOURCE, ECHO, CLOSER };

static struct sockaddr_in to = {.sin_family = AF_INET};
static char buf[1 << 17];

static void must(int ok, const char *what) {
	if (!ok) {
		perror(what);
		exit(1);
	}
}

static double now(void) {
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e9 + t.tv_nsec;
}

static int dial(int port) {
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	to.sin_port = htons(port);
	must(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0, "connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

int main(int argc, char **argv) {
	must(argc > 1 && inet_pton(AF_INET, argv[1], &to.sin_addr) == 1, "address");
	int quick = argc > 2, fd;
	long total = quick ? 1L << 20 : 256L << 20, n;

	double start = now();
	fd = dial(SINK);
	for (long done = 0; done < total; done += n)
		must((n = write(fd, buf, sizeof buf)) > 0, "write");
	shutdown(fd, SHUT_WR);
	must(read(fd, buf, 1) == 1, "the end of the sink");
	printf("net-out %.1f\n", total / (now() - start) * 1e9);
	close(fd);

	start = now();
	fd = dial(SOURCE);
	must(write(fd, &total, sizeof total) == sizeof total, "write");
	for (long done = 0; done < total; done += n)
		must((n = read(fd, buf, sizeof buf)) > 0, "read");
	printf("net-in %.1f\n", total / (now() - start) * 1e9);
	close(fd);

	int rounds = quick ? 20 : 20000;
	fd = dial(ECHO);
	start = now();
	for (int i = 0; i < rounds; i++)
		must(write(fd, buf, 64) == 64 && read(fd, buf, 64) == 64, "echo");
	printf("net-rr %.1f\n", (now() - start) / rounds);
	close(fd);

	rounds = quick ? 20 : 2000;
	start = now();
	for (int i = 0; i < rounds; i++) {
		fd = dial(CLOSER);
		must(read(fd, buf, 1) == 0, "close");
		close(fd);
	}
	printf("net-connect %.1f\n", (now() - start) / rounds);
	return 0;
}
