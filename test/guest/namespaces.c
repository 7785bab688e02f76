// Namespaces of networks, mounts and names: unshare(2), setns(2), clone(2), /proc/PID/ns, ioctl_ns(2), mount(2).
#define _GNU_SOURCE
#include "inet.h"
#include <pthread.h>
#include <linux/nsfs.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/vfs.h>

static int ns(const char *kind)
{
	char path[64];
	snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static unsigned long ino(int fd)
{
	struct stat st;
	CHECK(fstat(fd, &st) == 0);
	return st.st_ino;
}

static void files(void)
{
	static const struct {
		const char *name;
		int flag;
	} kinds[] = {{"net", CLONE_NEWNET}, {"mnt", CLONE_NEWNS}, {"uts", CLONE_NEWUTS}, {"ipc", CLONE_NEWIPC}, {"pid", CLONE_NEWPID}, {"user", CLONE_NEWUSER}, {"cgroup", CLONE_NEWCGROUP}};
	for (int i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		char path[64], link[64], want[64];
		struct stat st;
		struct statfs fs;
		int fd = ns(kinds[i].name);
		CHECK(fd >= 0);
		snprintf(path, sizeof path, "/proc/self/ns/%s", kinds[i].name);
		ssize_t n = readlink(path, link, sizeof link - 1);
		CHECK(n > 0);
		link[n < 0 ? 0 : n] = 0;
		snprintf(want, sizeof want, "%s:[%lu]", kinds[i].name, ino(fd));
		CHECK(strcmp(link, want) == 0);
		CHECK(stat(path, &st) == 0 && st.st_ino == ino(fd) && S_ISREG(st.st_mode) && (st.st_mode & 0777) == 0444);
		CHECK(fstatfs(fd, &fs) == 0 && fs.f_type == 0x6e736673);
		CHECK(statfs(path, &fs) == 0 && fs.f_type == 0x6e736673);
		CHECK(ioctl(fd, NS_GET_NSTYPE) == kinds[i].flag);
		FAILS(ioctl(fd, TCGETS, 0), ENOTTY);
		char b;
		FAILS(read(fd, &b, 1), EINVAL);
		FAILS(open(path, O_RDWR), EPERM);
		close(fd);
	}
}

static void errors(void)
{
	int net = ns("net"), pipe_[2];
	CHECK(pipe(pipe_) == 0);
	FAILS(setns(-1, 0), EBADF);
	FAILS(setns(pipe_[0], 0), EINVAL);
	FAILS(setns(net, CLONE_NEWUTS), EINVAL);
	FAILS(setns(net, 12345), EINVAL);
	CHECK(setns(net, 0) == 0 && setns(net, CLONE_NEWNET) == 0);
	FAILS(unshare(0x1), EINVAL);
	FAILS(unshare(CLONE_NEWNET | 0x10), EINVAL);
	FAILS(syscall(SYS_clone, CLONE_NEWNS | CLONE_FS | SIGCHLD, 0, 0, 0, 0), EINVAL);
	int fd = syscall(SYS_pidfd_open, getpid(), 0);
	FAILS(setns(fd, 0), EINVAL);
	FAILS(setns(fd, CLONE_NEWNET | 1), EINVAL);
	CHECK(setns(fd, CLONE_NEWNET | CLONE_NEWUTS) == 0);
	if (fork() == 0) {
		failures = 0;
		CHECK(setgid(1000) == 0 && setuid(1000) == 0);
		FAILS(unshare(CLONE_NEWNET), EPERM);
		FAILS(unshare(CLONE_NEWNS), EPERM);
		FAILS(unshare(CLONE_NEWUTS), EPERM);
		FAILS(setns(net, 0), EPERM);
		FAILS(syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0), EPERM);
		FAILS(mount("x", "/", "tmpfs", 0, 0), EPERM);
		_exit(failures != 0);
	}
	int status;
	CHECK(wait(&status) > 0 && status == 0);
	close(net);
	close(fd);
	close(pipe_[0]);
	close(pipe_[1]);
}

static int flags_of(const char *name, int set)
{
	struct ifreq r;
	int s = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	memset(&r, 0, sizeof r);
	strcpy(r.ifr_name, name);
	if (ioctl(s, SIOCGIFFLAGS, &r) < 0) {
		close(s);
		return -1;
	}
	if (set >= 0) {
		r.ifr_flags = set;
		CHECK(ioctl(s, SIOCSIFFLAGS, &r) == 0);
		CHECK(ioctl(s, SIOCGIFFLAGS, &r) == 0);
	}
	close(s);
	return (unsigned short)r.ifr_flags;
}

static int reach(void)
{
	union address a;
	int l = listener("127.0.0.1", 1, &a), c = socket(AF_INET, SOCK_STREAM, 0), e = 0;
	if (connect_to(c, a) < 0)
		e = errno;
	close(c);
	close(l);
	return e;
}

static int abstract(int listening)
{
	struct sockaddr_un a = {AF_UNIX, "\0namespaces"};
	socklen_t n = offsetof(struct sockaddr_un, sun_path) + 11;
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	if (listening) {
		CHECK(bind(s, (void *)&a, n) == 0 && listen(s, 1) == 0);
		return s;
	}
	int e = connect(s, (void *)&a, n) < 0 ? errno : 0;
	close(s);
	return e;
}

// by_path is abstract for a name that is a path: of all namespaces.
static int by_path(int listening)
{
	struct sockaddr_un a = {AF_UNIX, "/socket"};
	int s = socket(AF_UNIX, SOCK_STREAM, 0);
	if (listening) {
		CHECK(bind(s, (void *)&a, sizeof a) == 0 && listen(s, 9) == 0);
		return s;
	}
	int e = connect(s, (void *)&a, sizeof a) < 0 ? errno : 0;
	close(s);
	return e;
}

static void networks(void)
{
	int path = by_path(1);
	int own = ns("net"), l = abstract(1);
	CHECK(flags_of("lo", -1) & IFF_UP);
	CHECK(reach() == 0 && abstract(0) == 0);
	int kept = socket(AF_INET, SOCK_DGRAM, 0);
	union address k = at("127.0.0.1", 0);
	CHECK(bind_to(kept, k) == 0);
	k = named(kept);

	CHECK(unshare(CLONE_NEWNET) == 0);
	int fresh = ns("net");
	CHECK(ino(fresh) != ino(own));
	CHECK(flags_of("lo", -1) == IFF_LOOPBACK);
	int c = socket(AF_INET, SOCK_STREAM, 0);
	FAILS(connect_to(c, at("127.0.0.1", 9)), ENETUNREACH);
	close(c);
	CHECK(abstract(0) == ECONNREFUSED && by_path(0) == 0);
	CHECK(flags_of("lo", IFF_UP) == (IFF_LOOPBACK | IFF_UP | IFF_RUNNING));
	CHECK(reach() == 0);
	int t = socket(AF_INET, SOCK_DGRAM, 0);
	CHECK(bind_to(t, k) == 0); // the port is taken elsewhere only
	CHECK(send_to(kept, "x", 1, k) == 1); // a socket stays where it was made
	char b[4];
	CHECK(recv(kept, b, sizeof b, 0) == 1);
	FAILS(recv(t, b, sizeof b, MSG_DONTWAIT), EAGAIN);
	CHECK(flags_of("lo", 0) == IFF_LOOPBACK);
	CHECK(flags_of("lo", IFF_UP) & IFF_UP);
	CHECK(send_to(t, "x", 1, k) == 1 && recv(t, b, sizeof b, 0) == 1);
	close(t);

	// A child has its parent's, and one of its own with CLONE_NEWNET.
	pid_t p = fork();
	if (p == 0) {
		failures = 0;
		CHECK(ino(ns("net")) == ino(fresh));
		_exit(failures != 0);
	}
	int status;
	CHECK(waitpid(p, &status, 0) == p && status == 0);
	p = syscall(SYS_clone, CLONE_NEWNET | SIGCHLD, 0, 0, 0, 0);
	if (p == 0) {
		failures = 0;
		CHECK(ino(ns("net")) != ino(fresh) && ino(ns("net")) != ino(own));
		CHECK(flags_of("lo", -1) == IFF_LOOPBACK);
		_exit(failures != 0);
	}
	CHECK(waitpid(p, &status, 0) == p && status == 0);

	CHECK(setns(own, CLONE_NEWNET) == 0);
	CHECK(ino(ns("net")) == ino(own) && reach() == 0 && abstract(0) == 0);
	CHECK(setns(fresh, 0) == 0 && abstract(0) == ECONNREFUSED && flags_of("lo", -1) & IFF_UP);
	CHECK(setns(own, 0) == 0);
	close(fresh);

	// Another process's, by pidfd.
	int go[2], done[2];
	CHECK(pipe(go) == 0 && pipe(done) == 0);
	p = fork();
	if (p == 0) {
		CHECK(unshare(CLONE_NEWNET | CLONE_NEWUTS) == 0 && sethostname("elsewhere", 9) == 0);
		write(done[1], "x", 1);
		read(go[0], b, 1);
		_exit(0);
	}
	read(done[0], b, 1);
	int uts = ns("uts"), fd = syscall(SYS_pidfd_open, p, 0);
	struct utsname u;
	CHECK(setns(fd, CLONE_NEWNET | CLONE_NEWUTS) == 0);
	CHECK(ino(ns("net")) != ino(own) && ino(ns("uts")) != ino(uts) && uname(&u) == 0 && strcmp(u.nodename, "elsewhere") == 0);
	CHECK(setns(own, 0) == 0 && setns(uts, 0) == 0 && uname(&u) == 0 && strcmp(u.nodename, "elsewhere") != 0);
	write(go[1], "x", 1);
	CHECK(waitpid(p, &status, 0) == p && status == 0);
	FAILS(setns(fd, CLONE_NEWNET), ESRCH);
	close(fd);
	close(uts);
	close(l);
	close(path);
	CHECK(by_path(0) == ECONNREFUSED && unlink("/socket") == 0);
	close(kept);
	close(own);
}

static int exists(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0;
}

static void mounts(void)
{
	struct statvfs v;
	int own = ns("mnt"), status;
	CHECK(mkdir("/m", 0755) == 0 && mkdir("/n", 0755) == 0);
	CHECK(mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) == 0);
	FAILS(mount("x", "/m", "nonsense", 0, 0), ENODEV);
	FAILS(mount("x", "/m", 0, 0, 0), EINVAL);
	FAILS(mount("x", "/m", "tmpfs", 0, "size=lots"), EINVAL);
	FAILS(mount("x", "/m", "tmpfs", 0, "nonsense"), EINVAL);
	FAILS(mount("x", "/guest", "tmpfs", 0, 0), ENOTDIR);
	FAILS(mount("x", "/missing", "tmpfs", 0, 0), ENOENT);
	CHECK(chdir("/m") == 0);
	pid_t p = fork();
	if (p == 0) {
		failures = 0;
		CHECK(unshare(CLONE_NEWNS) == 0 && ino(ns("mnt")) != ino(own));
		char b[64];
		CHECK(getcwd(b, sizeof b) && strcmp(b, "/m") == 0 && chdir("/") == 0);
		CHECK(mount("mine", "/m", "tmpfs", MS_NOSUID | MS_NODEV, "mode=700,size=1m") == 0);
		CHECK(statvfs("/m", &v) == 0 && (v.f_flag & (ST_NOSUID | ST_NODEV | ST_RDONLY)) == (ST_NOSUID | ST_NODEV) && v.f_blocks * v.f_frsize == 1 << 20);
		CHECK(mkdir("/m/sub", 0755) == 0 && mkdir("/m/sub/under", 0755) == 0 && exists("/m/sub"));
		// Bound, with what is mounted below only if asked.
		CHECK(mount("x", "/m/sub/under", "tmpfs", 0, 0) == 0 && mkdir("/m/sub/under/deep", 0755) == 0);
		CHECK(mount("/m/sub", "/n", 0, MS_BIND, 0) == 0 && exists("/n/under") && !exists("/n/under/deep"));
		CHECK(umount("/n") == 0);
		CHECK(mount("/m/sub", "/n", 0, MS_BIND | MS_REC, 0) == 0 && exists("/n/under/deep"));
		FAILS(umount("/n"), EBUSY);
		CHECK(umount2("/n", MNT_DETACH) == 0 && !exists("/n/under"));
		// Remounted.
		CHECK(mount(0, "/m/sub/under", 0, MS_REMOUNT | MS_BIND | MS_RDONLY, 0) == 0);
		FAILS(mkdir("/m/sub/under/more", 0755), EROFS);
		CHECK(statvfs("/m/sub/under", &v) == 0 && (v.f_flag & ST_RDONLY));
		CHECK(mount(0, "/m/sub/under", 0, MS_REMOUNT | MS_BIND, 0) == 0 && mkdir("/m/sub/under/more", 0755) == 0);
		FAILS(mount(0, "/m/sub", 0, MS_REMOUNT | MS_BIND, 0), EINVAL);
		// A namespace as a file that is mounted.
		int f = open("/m/net", O_CREAT | O_RDONLY, 0600);
		close(f);
		CHECK(unshare(CLONE_NEWNET) == 0);
		unsigned long id = ino(ns("net"));
		CHECK(mount("/proc/self/ns/net", "/m/net", 0, MS_BIND, 0) == 0);
		CHECK(unshare(CLONE_NEWNET) == 0 && ino(ns("net")) != id);
		f = open("/m/net", O_RDONLY);
		CHECK(ino(f) == id && setns(f, CLONE_NEWNET) == 0 && ino(ns("net")) == id);
		close(f);
		CHECK(umount2("/m/net", MNT_DETACH) == 0);
		f = open("/m/net", O_RDONLY);
		CHECK(ino(f) != id);
		close(f);
		// And back, at the root.
		CHECK(chdir("/m") == 0 && setns(own, CLONE_NEWNS) == 0 && !exists("/m/sub"));
		CHECK(getcwd(b, sizeof b) && strcmp(b, "/") == 0);
		_exit(failures != 0);
	}
	CHECK(waitpid(p, &status, 0) == p && status == 0);
	CHECK(!exists("/m/sub") && !exists("/n/under"));
	CHECK(chdir("/") == 0 && rmdir("/m") == 0 && rmdir("/n") == 0);
	close(own);
}

static void *sleeper(void *x)
{
	pause();
	return x;
}

static void shared(void)
{
	pthread_t t;
	CHECK(pthread_create(&t, 0, sleeper, 0) == 0);
	int own = ns("mnt");
	FAILS(setns(own, CLONE_NEWNS), EINVAL); // paths are shared
	CHECK(unshare(CLONE_NEWNET) == 0);      // a thread's own
	char path[64];
	struct stat a, b;
	snprintf(path, sizeof path, "/proc/self/task/%d/ns/net", (int)syscall(SYS_gettid));
	CHECK(stat(path, &a) == 0 && stat("/proc/thread-self/ns/net", &b) == 0 && a.st_ino == b.st_ino);
	close(own);
}

// Many come and go.
static void many(void)
{
	for (int i = 0; i < 100; i++) {
		pid_t p = syscall(SYS_clone, CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWUTS | SIGCHLD, 0, 0, 0, 0);
		if (p == 0)
			_exit(flags_of("lo", IFF_UP) < 0 || reach() != 0);
		int status;
		CHECK(p > 0 && waitpid(p, &status, 0) == p && status == 0);
	}
}

// A mount namespace may be bound in an older one, but not hold itself, and is not copied.
static void cycle(void)
{
	CHECK(unshare(CLONE_NEWNS) == 0 && mount(0, "/", 0, MS_REC | MS_PRIVATE, 0) == 0);
	CHECK(mount("x", "/tmp", "tmpfs", 0, 0) == 0);
	int fd = open("/tmp/f", O_CREAT | O_RDONLY, 0600);
	CHECK(fd >= 0);
	close(fd);
	FAILS(mount("/proc/self/ns/mnt", "/tmp/f", 0, MS_BIND, 0), EINVAL);
	pid_t p = fork();
	if (p == 0) {
		CHECK(unshare(CLONE_NEWNS) == 0);
		raise(SIGSTOP);
		_exit(failures != 0);
	}
	int status;
	char path[64];
	struct statfs fs;
	CHECK(waitpid(p, &status, WUNTRACED) == p);
	snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)p);
	CHECK(mount(path, "/tmp/f", 0, MS_BIND, 0) == 0);
	CHECK(statfs("/tmp/f", &fs) == 0 && fs.f_type == 0x6e736673);
	CHECK(unshare(CLONE_NEWNS) == 0);
	CHECK(statfs("/tmp/f", &fs) == 0 && fs.f_type != 0x6e736673);
	kill(p, SIGCONT);
	CHECK(waitpid(p, &status, 0) == p && status == 0);
}

static int leave(void *a)
{
	_exit(0);
}

// There may be no room for another namespace, when a child already runs in what vfork(2)
// lends it.
static void full(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	int fds[300], n = 0;
	while (n < 300 && unshare(CLONE_NEWNET) == 0)
		fds[n++] = ns("net");
	for (int i = 0; i < 2; i++) {
		pid_t p = clone(leave, stack + sizeof stack, CLONE_VM | CLONE_VFORK | CLONE_NEWNET | SIGCHLD, 0);
		CHECK(p > 0 ? waitpid(p, 0, 0) == p : errno == ENOSPC);
	}
	while (n > 0)
		close(fds[--n]);
}

int main(void)
{
	files();
	errors();
	networks();
	mounts();
	many();
	in_child(shared);
	in_child(full);
	in_child(cycle);
	return failures != 0;
}
