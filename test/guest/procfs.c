// What proc shows.
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/stat.h>

static char *slurp(const char *name)
{
	static char b[1 << 20];
	int fd = open(name, O_RDONLY), n = 0, m;
	if (fd < 0)
		return NULL;
	while ((m = read(fd, b + n, sizeof b - 1 - n)) > 0)
		n += m;
	close(fd);
	b[n] = 0;
	return b;
}

// HAS checks that a file begins with or contains a string.
#define HAS(file, s) CHECK(slurp(file) && strstr(slurp(file), s))

static void self(void)
{
	char b[200], want[200];
	snprintf(want, sizeof want, "%d", getpid());
	CHECK(readlink("/proc/self", b, sizeof b) == strlen(want) && !memcmp(b, want, strlen(want)));
	prctl(PR_SET_NAME, "a) b");
	int pid, ppid, pgrp, session;
	char state;
	CHECK(sscanf(slurp("/proc/self/stat"), "%d (a) b) %c %d %d %d", &pid, &state, &ppid, &pgrp, &session) == 5);
	CHECK(pid == getpid() && state == 'R' && ppid == getppid() && pgrp == getpgrp() && session == getsid(0));
	int fields = 0;
	for (char *p = strchr(slurp("/proc/self/stat"), 0) - 1; *p != ')'; p--)
		fields += *p == ' ';
	CHECK(fields == 50);
	CHECK(!strcmp(slurp("/proc/self/comm"), "a) b\n"));
	int fd = open("/proc/self/comm", O_WRONLY);
	CHECK(write(fd, "renamed", 7) == 7);
	close(fd);
	HAS("/proc/self/status", "Name:\trenamed\n");
	HAS("/proc/self/status", "\nUid:\t0\t0\t0\t0\n");
	HAS("/proc/self/status", "\nVmRSS:\t");
	HAS("/proc/self/status", "\nCapEff:\t");
	CHECK(!strncmp(slurp("/proc/self/cmdline"), "/", 1));
	HAS("/proc/self/maps", "[stack]\n");
	HAS("/proc/self/maps", "r-xp ");
	HAS("/proc/self/smaps", "KernelPageSize:        4 kB\n");
	HAS("/proc/self/limits", "Max open files            ");
	HAS("/proc/self/mounts", " /proc proc rw");
	HAS("/proc/mounts", " / ");
	HAS("/proc/self/mountinfo", " - proc ");
	HAS("/proc/self/cgroup", "0::/\n");
	unsigned long size, rss;
	CHECK(sscanf(slurp("/proc/self/statm"), "%lu %lu", &size, &rss) == 2 && size > 0);
	CHECK(readlink("/proc/self/exe", b, sizeof b) > 0 && b[0] == '/');
	CHECK(chdir("/proc") == 0 && readlink("/proc/self/cwd", b, sizeof b) == 5 && chdir("/") == 0);
	CHECK(readlink("/proc/self/ns/pid", b, sizeof b) > 5 && !memcmp(b, "pid:[", 5));
	int m = open("/proc/self/mem", O_RDONLY);
	CHECK(pread(m, b, 6, (off_t)(unsigned long)"peeked") == 6 && !memcmp(b, "peeked", 6));
	close(m);
	FAILS(open("/proc/99999", O_RDONLY), ENOENT);
	FAILS(open("/proc/self/none", O_RDONLY), ENOENT);
	FAILS(open("/proc/x", O_CREAT | O_RDWR, 0600), ENOENT);
	CHECK(mkdir("/proc/x", 0700) == -1);
}

static void descriptors(void)
{
	char b[200];
	struct stat a, c;
	int p[2];
	pipe(p);
	sprintf(b, "/proc/self/fd/%d", p[1]);
	char l[100] = {};
	CHECK(readlink(b, l, sizeof l) > 0 && !strncmp(l, "pipe:[", 6));
	CHECK(lstat(b, &a) == 0 && (a.st_mode & 0777) == 0300);
	CHECK(stat(b, &a) == 0 && fstat(p[0], &c) == 0 && a.st_ino == c.st_ino && S_ISFIFO(a.st_mode));
	int w = open(b, O_WRONLY);
	CHECK(w >= 0 && write(w, "x", 1) == 1 && read(p[0], l, 1) == 1);
	close(w);
	// A pipe without a name is opened without waiting for the other end.
	sprintf(b, "/proc/self/fd/%d", p[0]);
	close(p[1]);
	CHECK((w = open(b, O_RDONLY)) >= 0 && read(w, l, 1) == 0);
	close(w);
	int f = open("/plainer", O_CREAT | O_RDWR, 0600);
	write(f, "123", 3);
	sprintf(b, "/proc/self/fdinfo/%d", f);
	HAS(b, "pos:\t3\nflags:\t0100002\n");
	unlink("/plainer");
	sprintf(b, "/proc/self/fd/%d", f);
	memset(l, 0, sizeof l);
	CHECK(readlink(b, l, sizeof l) > 0 && !strcmp(l, "/plainer (deleted)"));
	CHECK((w = open(b, O_RDONLY)) >= 0 && read(w, l, 10) == 3);
	close(w);
	int e = eventfd(7, 0);
	sprintf(b, "/proc/self/fdinfo/%d", e);
	HAS(b, "eventfd-count:                7\n");
	int seen = 0;
	DIR *d = opendir("/proc/self/fd");
	struct dirent *ent;
	while ((ent = readdir(d)))
		seen += atoi(ent->d_name) == e;
	closedir(d);
	CHECK(seen == 1);
	close(e);
	sprintf(b, "/proc/self/fd/%d", e);
	FAILS(readlink(b, l, 5), ENOENT);
	close(p[0]);
	close(p[1]);
	close(f);
}

static void *sleeper(void *x)
{
	pause();
	return NULL;
}

static void processes(void)
{
	pid_t p = fork();
	if (p == 0) {
		pause();
		_exit(0);
	}
	char b[100];
	int seen = 0;
	DIR *d = opendir("/proc");
	struct dirent *e;
	while ((e = readdir(d)))
		seen += atoi(e->d_name) == p || !strcmp(e->d_name, "meminfo");
	closedir(d);
	CHECK(seen == 2);
	usleep(20000);
	sprintf(b, "/proc/%d/stat", p);
	CHECK(strstr(slurp(b), ") S "));
	kill(p, SIGKILL);
	usleep(20000);
	CHECK(strstr(slurp(b), ") Z "));
	sprintf(b, "/proc/%d/cmdline", p);
	CHECK(slurp(b) && *slurp(b) == 0);
	sprintf(b, "/proc/%d/exe", p);
	char l[10];
	FAILS(readlink(b, l, 10), ENOENT);
	waitpid(p, NULL, 0);
	FAILS(readlink(b, l, 10), ENOENT);

	pthread_t t;
	pthread_create(&t, NULL, sleeper, NULL);
	int n = 0;
	d = opendir("/proc/self/task");
	while ((e = readdir(d)))
		n += atoi(e->d_name) > 0;
	closedir(d);
	CHECK(n == 2);
	HAS("/proc/self/status", "Threads:\t2\n");
}

static void machine(void)
{
	HAS("/proc/meminfo", "MemTotal:       ");
	HAS("/proc/meminfo", "\nMemAvailable:   ");
	HAS("/proc/cpuinfo", "processor\t: 0\n");
	HAS("/proc/cpuinfo", "\nflags\t\t: fpu ");
	HAS("/proc/stat", "cpu  ");
	HAS("/proc/stat", "\nbtime ");
	double up, idle;
	CHECK(sscanf(slurp("/proc/uptime"), "%lf %lf", &up, &idle) == 2 && up >= 0);
	HAS("/proc/loadavg", "/");
	HAS("/proc/version", "Linux version ");
	HAS("/proc/filesystems", "nodev\tproc\n");
	HAS("/proc/sys/kernel/ostype", "Linux\n");
	HAS("/proc/sys/kernel/pid_max", "\n");
	HAS("/proc/sys/vm/overcommit_memory", "\n");
	HAS("/proc/sys/net/core/somaxconn", "4096\n");
	CHECK(strlen(slurp("/proc/sys/kernel/random/uuid")) == 37);
}

static void stranger(void)
{
	char l[10];
	prctl(PR_SET_DUMPABLE, 1);
	setgid(100);
	setuid(100);
	FAILS(readlink("/proc/1/exe", l, 10), EACCES);
	FAILS(open("/proc/1/environ", O_RDONLY), EACCES);
	FAILS(open("/proc/1/fd", O_RDONLY), EACCES);
	CHECK(open("/proc/1/stat", O_RDONLY) >= 0);
	CHECK(open("/proc/1/cmdline", O_RDONLY) >= 0);
}

int main(void)
{
	self();
	descriptors();
	processes();
	machine();
	CHECK(in_child(stranger) == 0);
	return failures != 0;
}
