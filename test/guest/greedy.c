// Takes of everything that costs the Sentry a descriptor of the host until it is
// refused: files (those in the directory argv[1]), processes, shared memory. The
// refusals are errnos, and what comes after works. To be run with few descriptors
// for the sandbox (test/e2e TestGreedy).
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char *names[10000];
static int count;

static void die(const char *what) {
	printf("%s: %s\n", what, strerror(errno));
	exit(1);
}

static void list(const char *dir) {
	DIR *d = opendir(dir);
	struct dirent *e;
	if (!d) die(dir);
	while ((e = readdir(d)) && count < 10000)
		if (e->d_name[0] != '.') asprintf(&names[count++], "%s/%s", dir, e->d_name);
	closedir(d);
}

static int files(void) {
	for (int i = 0; i < count; i++)
		if (open(names[i], O_RDONLY) < 0) return errno;
	return 0;
}

static int processes(void) {
	for (int i = 0; i < 5000; i++) {
		pid_t p = fork();
		if (p < 0) return errno;
		if (p == 0) pause();
	}
	return 0;
}

static int memory(void) {
	for (int i = 0; i < 5000; i++) {
		char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (p == MAP_FAILED) return errno;
		*p = 1;
	}
	return 0;
}

// In a process group of its own: what it made ends with it.
static void phase(const char *name, int (*take)(void)) {
	int status, fds[2], e = -1;
	if (pipe(fds) < 0) die("pipe");
	pid_t p = fork();
	if (p < 0) die("fork");
	if (p == 0) {
		setpgid(0, 0);
		e = take();
		write(fds[1], &e, sizeof e);
		pause();
	}
	if (read(fds[0], &e, sizeof e) != sizeof e) die("read");
	printf("%s: %s\n", name, e ? "refused" : "all there");
	kill(-p, SIGKILL);
	if (waitpid(p, &status, 0) != p) die("waitpid");
	while (waitpid(-1, 0, WNOHANG) > 0);
	close(fds[0]);
	close(fds[1]);
	if (e && e != ENFILE && e != EMFILE && e != EAGAIN && e != ENOMEM) {
		errno = e;
		die(name);
	}
	// The dead give back what they held a moment later.
	for (int i = 0; i < 1000; i++) {
		int fd = open(names[i % count], O_RDONLY);
		p = fd < 0 ? -1 : fork();
		if (p == 0) _exit(0);
		if (fd >= 0) close(fd);
		if (p > 0 && waitpid(p, &status, 0) == p && status == 0) return;
		usleep(10000);
	}
	die("afterwards");
}

int main(int argc, char **argv) {
	struct rlimit r;
	setvbuf(stdout, 0, _IONBF, 0);
	getrlimit(RLIMIT_NOFILE, &r);
	r.rlim_cur = r.rlim_max = 100000;
	setrlimit(RLIMIT_NOFILE, &r);
	list(argv[1]);
	phase("files", files);
	phase("processes", processes);
	phase("memory", memory);
	phase("files", files);
	return 0;
}
