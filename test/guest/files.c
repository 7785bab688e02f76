// Files: opening, reading, writing, names, attributes, locks, copies.
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <utime.h>

static void opening(void)
{
	FAILS(open("/t/none", O_RDONLY), ENOENT);
	FAILS(open("/t/none/x", O_CREAT | O_RDWR, 0644), ENOENT);
	FAILS(open("/t", O_WRONLY), EISDIR);
	FAILS(open((char *)1, O_RDONLY), EFAULT);
	FAILS(open("", O_RDONLY), ENOENT);
	int fd = open("/t/a", O_CREAT | O_EXCL | O_RDWR, 0644);
	CHECK(fd >= 0);
	FAILS(open("/t/a", O_CREAT | O_EXCL | O_RDWR, 0644), EEXIST);
	FAILS(open("/t/a/", O_RDONLY), ENOTDIR);
	FAILS(open("/t/a", O_RDONLY | O_DIRECTORY), ENOTDIR);
	FAILS(open("/t/a/b", O_RDONLY), ENOTDIR);
	CHECK((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDWR);
	CHECK(fcntl(fd, F_GETFD) == 0);
	CHECK(fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	int d = dup(fd);
	CHECK(d > fd && fcntl(d, F_GETFD) == 0);
	CHECK(dup2(fd, 20) == 20 && dup2(20, 20) == 20);
	FAILS(dup2(99, 99), EBADF);
	FAILS(dup3(fd, fd, 0), EINVAL);
	CHECK(fcntl(fd, F_DUPFD_CLOEXEC, 30) == 30 && fcntl(30, F_GETFD) == FD_CLOEXEC);
	CHECK(syscall(SYS_close_range, 20, 40, 0) == 0);
	FAILS(fcntl(20, F_GETFD), EBADF);
	FAILS(close(20), EBADF);
	CHECK(close(d) == 0 && close(fd) == 0);

	int p = open("/t/a", O_PATH);
	char b[1];
	struct stat st;
	CHECK(p >= 0 && fstat(p, &st) == 0 && S_ISREG(st.st_mode));
	FAILS(read(p, b, 1), EBADF);
	FAILS(fchmod(p, 0600), EBADF);
	close(p);

	int t = open("/t", O_RDONLY | O_DIRECTORY);
	FAILS(read(t, b, 1), EISDIR);
	CHECK((fd = openat(t, "a", O_RDONLY)) >= 0);
	FAILS(write(fd, b, 1), EBADF);
	FAILS(openat(fd, "a", O_RDONLY), ENOTDIR);
	close(fd);
	struct { uint64_t flags, mode, resolve; } how = {O_RDONLY, 0, 0x08};
	CHECK((fd = syscall(SYS_openat2, t, "a", &how, sizeof how)) >= 0);
	close(fd);
	FAILS(syscall(SYS_openat2, t, "../etc", &how, sizeof how), EXDEV);
	FAILS(syscall(SYS_openat2, t, "/t/a", &how, sizeof how), EXDEV);
	close(t);
}

static void reading(void)
{
	int fd = open("/t/rw", O_CREAT | O_RDWR | O_TRUNC, 0644);
	char b[100];
	CHECK(write(fd, "hello world", 11) == 11);
	CHECK(lseek(fd, 0, SEEK_CUR) == 11 && read(fd, b, 1) == 0);
	CHECK(lseek(fd, -5, SEEK_END) == 6 && read(fd, b, 100) == 5 && !memcmp(b, "world", 5));
	FAILS(lseek(fd, -1, SEEK_SET), EINVAL);
	FAILS(lseek(fd, 0, 77), EINVAL);
	CHECK(pread(fd, b, 5, 0) == 5 && !memcmp(b, "hello", 5));
	CHECK(pwrite(fd, "J", 1, 0) == 1 && lseek(fd, 0, SEEK_CUR) == 11);
	FAILS(pread(fd, b, 1, -1), EINVAL);
	FAILS(read(fd, (void *)-1L, 1), EFAULT);
	FAILS(pread(fd, (void *)8, 1, 0), EFAULT);
	FAILS(read(999, b, 1), EBADF);

	char x[3], y[4];
	struct iovec v[] = {{x, 3}, {NULL, 0}, {y, 4}};
	CHECK(preadv(fd, v, 3, 0) == 7 && !memcmp(x, "Jel", 3) && !memcmp(y, "lo w", 4));
	FAILS(readv(fd, v, -1), EINVAL);
	FAILS(readv(fd, v, 1025), EINVAL);
	v[1].iov_len = -1;
	FAILS(readv(fd, v, 3), EINVAL);
	v[1].iov_len = 0;
	lseek(fd, 0, SEEK_SET);
	CHECK(writev(fd, v, 3) == 7);
	CHECK(preadv2(fd, v, 3, -1, 0) == 4);

	CHECK(fcntl(fd, F_SETFL, O_APPEND) == 0 && fcntl(fd, F_GETFL) & O_APPEND);
	CHECK(lseek(fd, 0, SEEK_SET) == 0 && write(fd, "!", 1) == 1);
	CHECK(lseek(fd, 0, SEEK_CUR) == 12);
	struct stat st;
	CHECK(fstat(fd, &st) == 0 && st.st_size == 12);
	CHECK(ftruncate(fd, 5) == 0 && fstat(fd, &st) == 0 && st.st_size == 5);
	FAILS(ftruncate(fd, -1), EINVAL);
	CHECK(truncate("/t/rw", 100000) == 0 && stat("/t/rw", &st) == 0 && st.st_size == 100000);
	CHECK(pread(fd, b, 10, 99995) == 5 && b[0] == 0);
	FAILS(truncate("/t", 5), EISDIR);
	CHECK(fsync(fd) == 0 && fdatasync(fd) == 0);
	CHECK(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0);
	close(fd);

	signal(SIGXFSZ, SIG_IGN);
	struct rlimit old, r;
	getrlimit(RLIMIT_FSIZE, &old);
	r = old;
	r.rlim_cur = 10;
	setrlimit(RLIMIT_FSIZE, &r);
	fd = open("/t/small", O_CREAT | O_RDWR, 0644);
	CHECK(write(fd, "0123456789abc", 13) == 10);
	FAILS(write(fd, "x", 1), EFBIG);
	FAILS(ftruncate(fd, 11), EFBIG);
	setrlimit(RLIMIT_FSIZE, &old);
	close(fd);
}

static void names(void)
{
	char b[PATH_MAX];
	struct stat st;
	CHECK(mkdir("/t/d", 0755) == 0);
	FAILS(mkdir("/t/d", 0755), EEXIST);
	FAILS(rmdir("/t/none"), ENOENT);
	close(open("/t/d/f", O_CREAT | O_WRONLY, 0600));
	FAILS(rmdir("/t/d"), ENOTEMPTY);
	FAILS(rmdir("/t/d/."), EINVAL);
	FAILS(unlink("/t/d"), EISDIR);
	FAILS(rmdir("/t/d/f"), ENOTDIR);
	CHECK(link("/t/d/f", "/t/d/g") == 0 && stat("/t/d/g", &st) == 0 && st.st_nlink == 2);
	FAILS(link("/t/d", "/t/e"), EPERM);
	CHECK(symlink("f", "/t/d/s") == 0 && readlink("/t/d/s", b, sizeof b) == 1 && b[0] == 'f');
	FAILS(readlink("/t/d/f", b, sizeof b), EINVAL);
	FAILS(readlink("/t/d/s", b, 0), EINVAL);
	CHECK(lstat("/t/d/s", &st) == 0 && S_ISLNK(st.st_mode) && st.st_size == 1);
	CHECK(stat("/t/d/s", &st) == 0 && S_ISREG(st.st_mode));
	FAILS(open("/t/d/s", O_RDONLY | O_NOFOLLOW), ELOOP);
	symlink("loop", "/t/loop");
	FAILS(open("/t/loop", O_RDONLY), ELOOP);
	CHECK(rename("/t/d/g", "/t/d/h") == 0);
	FAILS(stat("/t/d/g", &st), ENOENT);
	FAILS(rename("/t/d", "/t/d/x"), EINVAL);
	FAILS(syscall(SYS_renameat2, AT_FDCWD, "/t/d/h", AT_FDCWD, "/t/d/f", RENAME_NOREPLACE), EEXIST);
	CHECK(syscall(SYS_renameat2, AT_FDCWD, "/t/d/s", AT_FDCWD, "/t/d/f", RENAME_EXCHANGE) == 0);
	CHECK(lstat("/t/d/f", &st) == 0 && S_ISLNK(st.st_mode));

	CHECK(chdir("/t/d") == 0 && getcwd(b, sizeof b) && !strcmp(b, "/t/d"));
	FAILS(syscall(SYS_getcwd, b, 4), ERANGE);
	CHECK(stat("h", &st) == 0 && st.st_nlink == 2);
	FAILS(chdir("h"), ENOTDIR);

	int seen = 0;
	DIR *dir = opendir(".");
	struct dirent *e;
	while ((e = readdir(dir))) {
		seen++;
		if (!strcmp(e->d_name, "f"))
			CHECK(e->d_type == DT_LNK);
	}
	CHECK(seen == 5); // . .. f h s
	rewinddir(dir);
	CHECK(readdir(dir) != NULL);
	lseek(dirfd(dir), 0, SEEK_SET);
	FAILS(syscall(SYS_getdents64, dirfd(dir), b, 10), EINVAL);
	closedir(dir);

	char longname[300];
	memset(longname, 'n', sizeof longname);
	longname[256] = 0;
	FAILS(open(longname, O_CREAT | O_RDWR, 0600), ENAMETOOLONG);
	CHECK(unlink("f") == 0 && unlink("h") == 0 && unlink("s") == 0 && chdir("/") == 0 && rmdir("/t/d") == 0);
	FAILS(mkdir("/t/a/x", 0755), ENOTDIR);
	CHECK(umask(027) == 022 && umask(022) == 027);
}

static void attributes(void)
{
	struct stat st;
	struct statfs fs;
	int fd = open("/t/attr", O_CREAT | O_RDWR, 0666);
	CHECK(fstat(fd, &st) == 0 && (st.st_mode & 0777) == 0644 && st.st_uid == 0);
	CHECK(fchmod(fd, 04755) == 0 && fstat(fd, &st) == 0 && (st.st_mode & 07777) == 04755);
	CHECK(fchown(fd, 5, 6) == 0 && fstat(fd, &st) == 0 && st.st_uid == 5 && st.st_gid == 6);
	CHECK((st.st_mode & 07777) == 0755);
	CHECK(chown("/t/attr", -1, 7) == 0 && stat("/t/attr", &st) == 0 && st.st_uid == 5 && st.st_gid == 7);
	CHECK(fchmodat(AT_FDCWD, "/t/attr", 0600, 0) == 0);
	struct timespec ts[2] = {{100, 5}, {0, UTIME_OMIT}};
	time_t m = st.st_mtime;
	CHECK(utimensat(AT_FDCWD, "/t/attr", ts, 0) == 0 && stat("/t/attr", &st) == 0);
	CHECK(st.st_atim.tv_sec == 100 && st.st_atim.tv_nsec == 5 && st.st_mtime == m);
	ts[0].tv_nsec = 2000000000;
	FAILS(utimensat(AT_FDCWD, "/t/attr", ts, 0), EINVAL);
	ts[0].tv_nsec = 0;
	ts[1] = (struct timespec){200, 0};
	CHECK(futimens(fd, ts) == 0 && fstat(fd, &st) == 0 && st.st_mtime == 200);
	CHECK(access("/t/attr", R_OK | W_OK) == 0);
	FAILS(access("/t/attr", X_OK), EACCES);
	FAILS(access("/t/attr", 8), EINVAL);
	struct statx sx;
	CHECK(statx(AT_FDCWD, "/t/attr", 0, STATX_ALL, &sx) == 0 && sx.stx_ino == st.st_ino && sx.stx_mtime.tv_sec == 200);
	CHECK(statx(fd, "", AT_EMPTY_PATH, STATX_ALL, &sx) == 0 && sx.stx_ino == st.st_ino);
	CHECK(statfs("/t", &fs) == 0 && fs.f_namelen == 255);
	CHECK(setxattr("/t/attr", "user.k", "value", 5, 0) == 0);
	char b[10];
	CHECK(fgetxattr(fd, "user.k", b, sizeof b) == 5 && getxattr("/t/attr", "user.k", NULL, 0) == 5);
	FAILS(getxattr("/t/attr", "user.k", b, 2), ERANGE);
	FAILS(getxattr("/t/attr", "user.none", b, 2), ENODATA);
	FAILS(setxattr("/t/attr", "user.k", "v", 1, XATTR_CREATE), EEXIST);
	CHECK(listxattr("/t/attr", b, sizeof b) == 7 && !strcmp(b, "user.k"));
	CHECK(removexattr("/t/attr", "user.k") == 0 && listxattr("/t/attr", b, sizeof b) == 0);
	int n = 77;
	CHECK(ioctl(fd, FIONREAD, &n) == 0 && n == 0);
	FAILS(ioctl(fd, 0x5401, b), ENOTTY);
	CHECK(ioctl(fd, FIOCLEX) == 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	n = 1;
	CHECK(ioctl(fd, FIONBIO, &n) == 0 && fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
}

static void child_locks(void)
{
	int fd = open("/t/lock", O_RDWR);
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 5, .l_len = 10};
	FAILS(fcntl(fd, F_SETLK, &l), EAGAIN);
	CHECK(fcntl(fd, F_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_start == 0 && l.l_len == 10 && l.l_pid == getppid());
	l = (struct flock){.l_type = F_WRLCK, .l_start = 10, .l_len = 0};
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	FAILS(flock(fd, LOCK_SH | LOCK_NB), EAGAIN);
	l = (struct flock){.l_type = F_WRLCK, .l_start = 0, .l_len = 1};
	CHECK(fcntl(fd, F_SETLKW, &l) == 0);
}

static void locks(void)
{
	int fd = open("/t/lock", O_CREAT | O_RDWR, 0644);
	struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 10};
	CHECK(fcntl(fd, F_SETLK, &l) == 0 && fcntl(fd, F_SETLK, &l) == 0);
	CHECK(flock(fd, LOCK_EX) == 0);
	fflush(stdout);
	pid_t p = fork();
	if (p == 0) {
		failures = 0;
		child_locks();
		_exit(failures);
	}
	usleep(50000);
	l = (struct flock){.l_type = F_UNLCK};
	CHECK(fcntl(fd, F_SETLK, &l) == 0);
	int status;
	CHECK(waitpid(p, &status, 0) == p && status == 0);
	struct flock o = {.l_type = F_RDLCK};
	CHECK(fcntl(fd, F_OFD_SETLK, &o) == 0);
	close(fd);

	// Every file can be locked, as make -O does with its output; the two ends of
	// a pipe are one file.
	int q[2];
	CHECK(pipe(q) == 0);
	CHECK(flock(q[0], LOCK_EX) == 0);
	FAILS(flock(q[1], LOCK_SH | LOCK_NB), EAGAIN);
	l = (struct flock){.l_type = F_WRLCK};
	CHECK(fcntl(q[1], F_SETLKW, &l) == 0);
	FAILS(fcntl(q[0], F_SETLK, &l), EBADF);
	if ((p = fork()) == 0) {
		FAILS(fcntl(q[1], F_SETLK, &l), EAGAIN);
		_exit(failures != 0);
	}
	CHECK(waitpid(p, &status, 0) == p && status == 0);
	close(q[0]);
	close(q[1]);
}

static void copies(void)
{
	int a = open("/t/src", O_CREAT | O_RDWR | O_TRUNC, 0644), b = open("/t/dst", O_CREAT | O_RDWR | O_TRUNC, 0644);
	char buf[200000], got[200000];
	for (int i = 0; i < sizeof buf; i++)
		buf[i] = i * 7;
	CHECK(write(a, buf, sizeof buf) == sizeof buf);
	off_t off = 10;
	CHECK(sendfile(b, a, &off, sizeof buf) == sizeof buf - 10 && off == sizeof buf);
	CHECK(pread(b, got, sizeof got, 0) == sizeof buf - 10 && !memcmp(got, buf + 10, sizeof buf - 10));
	off_t in = 0, out = 0;
	CHECK(copy_file_range(a, &in, b, &out, 1000, 0) == 1000 && in == 1000 && out == 1000);
	CHECK(pread(b, got, 1000, 0) == 1000 && !memcmp(got, buf, 1000));
	FAILS(copy_file_range(a, &in, b, &out, 1, 1), EINVAL);
	int p[2];
	CHECK(pipe(p) == 0);
	FAILS(copy_file_range(a, &in, p[1], NULL, 1, 0), EINVAL);
	loff_t at = 5;
	CHECK(splice(a, &at, p[1], NULL, 100, 0) == 100 && at == 105);
	CHECK(read(p[0], got, 200) == 100 && !memcmp(got, buf + 5, 100));
	CHECK(write(p[1], "spliced", 7) == 7);
	at = 3;
	CHECK(splice(p[0], NULL, b, &at, 100, 0) == 7 && at == 10);
	CHECK(pread(b, got, 7, 3) == 7 && !memcmp(got, "spliced", 7));
	FAILS(splice(p[0], NULL, b, NULL, 100, SPLICE_F_NONBLOCK), EAGAIN);
	FAILS(splice(a, NULL, b, NULL, 100, 0), EINVAL);
	int q[2];
	pipe(q);
	struct iovec v = {"vm", 2};
	CHECK(vmsplice(p[1], &v, 1, 0) == 2);
	CHECK(tee(p[0], q[1], 10, 0) == 2 && read(q[0], got, 10) == 2 && read(p[0], got, 10) == 2);
	close(a), close(b);
	CHECK(fallocate(open("/t/fa", O_CREAT | O_RDWR, 0600), 0, 0, 5000) == 0);
	struct stat st;
	CHECK(stat("/t/fa", &st) == 0 && st.st_size == 5000);
}

// Data and holes, as tar and cp look for them.
static void holes(void)
{
	int fd = open("/t/holes", O_CREAT | O_RDWR | O_TRUNC, 0644);
	CHECK(ftruncate(fd, 1 << 20) == 0);
	FAILS(lseek(fd, 0, SEEK_DATA), ENXIO);
	CHECK(lseek(fd, 5, SEEK_HOLE) == 5);
	CHECK(pwrite(fd, "x", 1, 0x20000) == 1 && pwrite(fd, "x", 1, 0x80fff) == 1);
	for (int mapped = 0; mapped < 2; mapped++) {
		CHECK(lseek(fd, 0, SEEK_DATA) == 0x20000);
		CHECK(lseek(fd, 0x20001, SEEK_DATA) == 0x20001);
		CHECK(lseek(fd, 0x20001, SEEK_HOLE) == 0x21000);
		CHECK(lseek(fd, 0x21000, SEEK_DATA) == 0x80000);
		CHECK(lseek(fd, 0x80000, SEEK_HOLE) == 0x81000);
		FAILS(lseek(fd, 0x81000, SEEK_DATA), ENXIO);
		FAILS(lseek(fd, 1 << 20, SEEK_HOLE), ENXIO);
		FAILS(lseek(fd, -1, SEEK_DATA), ENXIO);
		CHECK(lseek(fd, 0, SEEK_CUR) == 0x81000);
		CHECK(mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED);
	}
	CHECK(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0x20000, 0x1000) == 0);
	CHECK(lseek(fd, 0, SEEK_DATA) == 0x80000);
	close(fd);
}

static void memfds(void)
{
	int fd = memfd_create("name", MFD_ALLOW_SEALING), plain = memfd_create("plain", MFD_CLOEXEC);
	char b[100] = {}, link[50];
	FAILS(memfd_create("x", 0x8000), EINVAL);
	CHECK(fcntl(fd, F_GET_SEALS) == 0 && fcntl(plain, F_GET_SEALS) == F_SEAL_SEAL);
	FAILS(fcntl(plain, F_ADD_SEALS, F_SEAL_GROW), EPERM);
	CHECK(fcntl(plain, F_GETFD) == FD_CLOEXEC);
	CHECK(write(fd, "memory", 6) == 6 && lseek(fd, 0, SEEK_END) == 6);
	sprintf(link, "/proc/self/fd/%d", fd);
	CHECK(readlink(link, b, sizeof b) > 0 && !strcmp(b, "/memfd:name (deleted)"));
	char *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED && !memcmp(m, "memory", 6));
	m[0] = 'M';
	CHECK(pread(fd, b, 1, 0) == 1 && b[0] == 'M');
	FAILS(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EBUSY);
	munmap(m, 4096);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK) == 0);
	FAILS(ftruncate(fd, 10), EPERM);
	FAILS(ftruncate(fd, 1), EPERM);
	FAILS(pwrite(fd, "longer than", 11, 0), EPERM);
	CHECK(pwrite(fd, "x", 1, 0) == 1);
	CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0);
	FAILS(pwrite(fd, "x", 1, 0), EPERM);
	FAILS(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE), EPERM);
	CHECK(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED && errno == EPERM);
	m = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	CHECK(m != MAP_FAILED && m[0] == 'x');
	FAILS(mprotect(m, 4096, PROT_READ | PROT_WRITE), EACCES);
	close(fd);
	close(plain);
}

static void unprivileged(void)
{
	mkdir("/t/open", 0);
	chmod("/t/open", 0777);
	setgid(100);
	setuid(100);
	FAILS(open("/t/secret", O_RDONLY), EACCES);
	FAILS(chmod("/t/secret", 0777), EPERM);
	FAILS(chown("/t/secret", 100, 100), EPERM);
	FAILS(unlink("/t/secret"), EACCES);
	FAILS(mknod("/t/open/x", S_IFCHR | 0600, 0x103), EPERM);
	FAILS(chroot("/t"), EPERM);
	FAILS(open("/t/new", O_CREAT | O_WRONLY, 0600), EACCES);
}

int main(void)
{
	mkdir("/t", 0755);
	opening();
	reading();
	names();
	attributes();
	locks();
	copies();
	holes();
	memfds();
	close(open("/t/secret", O_CREAT | O_WRONLY, 0600));
	CHECK(in_child(unprivileged) == 0);
	return failures != 0;
}
