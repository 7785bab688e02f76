// Takes more memory than its container may have, in the way that argv[1] names, in a
// child that the kernel is to kill. Exits with 0 if the child was killed and the
// parent lives to say so. "make" and "fill" are two containers: what one makes the
// other fills.
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define MORE (200 << 20)

static void fill(char *p) {
	for (long i = 0; i < MORE; i += 4096) p[i] = 1;
}

static void touch(int flags) {
	char *p = mmap(0, MORE, PROT_READ | PROT_WRITE, MAP_ANONYMOUS | flags, -1, 0);
	if (p == MAP_FAILED) _exit(1);
	fill(p);
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

static void worst(void) {
	int adj = open("/proc/self/oom_score_adj", O_WRONLY);
	write(adj, "1000", 4);
}

// A file in memory, which is nobody's in particular.
static void file(void) {
	static char buf[1 << 20];
	worst();
	int fd = open("/dev/shm/hog", O_RDWR | O_CREAT | O_TRUNC, 0600);
	unlink("/dev/shm/hog");
	for (int i = 0; i < MORE >> 20; i++) write(fd, buf, sizeof buf);
	pause();
}

static char *segment(int flags) {
	char *p = shmat(shmget(0x607, MORE, flags | 0600), 0, 0);
	if (p == (char *)-1) _exit(1);
	return p;
}

// System V memory is whoever's who made it.
static void sysv(void) {
	int id = shmget(IPC_PRIVATE, MORE, 0600);
	char *p = shmat(id, 0, 0);
	shmctl(id, IPC_RMID, 0);
	if (p == (char *)-1) _exit(1);
	fill(p);
}

static void pipes(void) {
	static char buf[1 << 16];
	int p[2];
	worst();
	while (pipe2(p, O_NONBLOCK) == 0) {
		fcntl(p[1], F_SETPIPE_SZ, 1 << 20);
		while (write(p[1], buf, sizeof buf) > 0);
	}
	pause();
}

// What is on the way between sockets is the kernel's.
static void sockets(void) {
	static char buf[1 << 16];
	int s[2];
	worst();
	while (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, s) == 0)
		for (int i = 0; i < 2; i++)
			while (write(s[i], buf, sizeof buf) > 0);
	pause();
}

int main(int argc, char **argv) {
	int status;
	if (!strcmp(argv[1], "fill")) {
		fill(segment(0));
		return 0;
	}
	if (!strcmp(argv[1], "make")) {
		segment(IPC_CREAT);
		puts("made");
		fflush(stdout);
		pause();
	}
	pid_t p = fork();
	if (p == 0) {
		if (!strcmp(argv[1], "private")) touch(MAP_PRIVATE);
		if (!strcmp(argv[1], "populate")) touch(MAP_PRIVATE | MAP_POPULATE);
		if (!strcmp(argv[1], "shared")) touch(MAP_SHARED);
		if (!strcmp(argv[1], "children")) children();
		if (!strcmp(argv[1], "tmpfs")) file();
		if (!strcmp(argv[1], "sockets")) sockets();
		if (!strcmp(argv[1], "sysv")) sysv();
		if (!strcmp(argv[1], "pipes")) pipes();
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
