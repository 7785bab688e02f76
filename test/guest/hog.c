// Takes more memory than its container may have, in the way that argv[1] names, in a
// child that the kernel is to kill. Exits with 0 if the child was killed and the
// parent lives to say so.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MORE (200 << 20)

static void touch(int flags) {
	char *p = mmap(0, MORE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
	if (p == MAP_FAILED) _exit(1);
	for (long i = 0; i < MORE; i += 4096) p[i] = 1;
}

// Many small ones, some of which go, and who made them.
static void children(void) {
	for (int i = 0; i < 20; i++) {
		if (fork() == 0) {
			memset(malloc(8 << 20), 1, 8 << 20);
			pause();
		}
	}
	touch(MAP_PRIVATE);
}

// A file in memory, which is nobody's in particular.
static void file(void) {
	static char buf[1 << 20];
	int adj = open("/proc/self/oom_score_adj", O_WRONLY);
	write(adj, "1000", 4);
	int fd = open("/dev/shm/hog", O_RDWR | O_CREAT | O_TRUNC, 0600);
	unlink("/dev/shm/hog");
	for (int i = 0; i < MORE >> 20; i++) write(fd, buf, sizeof buf);
	pause();
}

// What is on the way between sockets is the kernel's.
static void sockets(void) {
	static char buf[1 << 16];
	int adj = open("/proc/self/oom_score_adj", O_WRONLY), s[2];
	write(adj, "1000", 4);
	while (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) == 0)
		for (int i = 0; i < 2; i++)
			while (write(s[i], buf, sizeof buf) > 0);
	pause();
}

int main(int argc, char **argv) {
	int status;
	pid_t p = fork();
	if (p == 0) {
		if (!strcmp(argv[1], "private")) touch(MAP_PRIVATE);
		if (!strcmp(argv[1], "populate")) touch(MAP_PRIVATE | MAP_POPULATE);
		if (!strcmp(argv[1], "shared")) touch(MAP_SHARED);
		if (!strcmp(argv[1], "children")) children();
		if (!strcmp(argv[1], "tmpfs")) file();
		if (!strcmp(argv[1], "sockets")) sockets();
		_exit(0);
	}
	if (waitpid(p, &status, 0) != p || !WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL) {
		printf("%s: status %#x\n", argv[1], status);
		return 1;
	}
	kill(-1, SIGKILL);
	printf("%s: killed\n", argv[1]);
	return 0;
}
