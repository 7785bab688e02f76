// Names and open files: flags, renames, links, attributes, locks.
#define _GNU_SOURCE
#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>

static int make(const char *name, const char *s)
{
	int fd = open(name, O_CREAT | O_RDWR | O_TRUNC, 0644);
	CHECK(fd >= 0 && write(fd, s, strlen(s)) == (ssize_t)strlen(s));
	return fd;
}

static int holds(const char *name, const char *s)
{
	char b[100] = {};
	int fd = open(name, O_RDONLY);
	if (fd < 0)
		return 0;
	read(fd, b, 99);
	close(fd);
	return !strcmp(b, s);
}

static void flags(void)
{
	close(make("/p/f", "0123456789"));
	int a = open("/p/f", O_RDWR | O_APPEND);
	CHECK(write(a, "a", 1) == 1 && lseek(a, 0, SEEK_CUR) == 11);
	CHECK(pwrite(a, "b", 1, 0) == 1 && holds("/p/f", "0123456789ab")); // as pwrite(2) warns
	CHECK(fcntl(a, F_SETFL, 0) == 0 && pwrite(a, "c", 1, 0) == 1 && holds("/p/f", "c123456789ab"));
	close(a);
	FAILS(open("/p/f", O_RDONLY | O_DIRECTORY), ENOTDIR);
	FAILS(open("/p", O_RDWR), EISDIR);
	FAILS(open("/p", O_CREAT, 0600), EISDIR);
	symlink("f", "/p/link"), symlink("none", "/p/dangling"), symlink("loop", "/p/loop");
	FAILS(open("/p/link", O_RDONLY | O_NOFOLLOW), ELOOP);
	FAILS(open("/p/loop", O_RDONLY), ELOOP);
	FAILS(open("/p/dangling", O_CREAT | O_EXCL | O_RDWR, 0600), EEXIST);
	int fd = open("/p/dangling", O_CREAT | O_RDWR, 0600);
	CHECK(fd >= 0 && access("/p/none", F_OK) == 0);
	close(fd);
	fd = open("/p/link", O_PATH | O_NOFOLLOW);
	struct stat st;
	char b[100] = {};
	CHECK(fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode) && readlinkat(fd, "", b, 99) == 1 && b[0] == 'f');
	close(fd);
	FAILS(open("/p/f", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
	FAILS(open("/p", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	fd = open("/p", O_TMPFILE | O_RDWR, 0640);
	CHECK(fd >= 0 && write(fd, "tmp", 3) == 3 && fstat(fd, &st) == 0 && st.st_nlink == 0);
	CHECK(linkat(fd, "", AT_FDCWD, "/p/tmp", AT_EMPTY_PATH) == 0 && holds("/p/tmp", "tmp") && fstat(fd, &st) == 0 && st.st_nlink == 1);
	close(fd);
	fd = open("/p", O_TMPFILE | O_RDWR | O_EXCL, 0640);
	FAILS(linkat(fd, "", AT_FDCWD, "/p/tmp2", AT_EMPTY_PATH), ENOENT);
	close(fd);
	umask(077);
	close(open("/p/masked", O_CREAT | O_RDWR, 0777));
	CHECK(stat("/p/masked", &st) == 0 && (st.st_mode & 07777) == 0700);
	umask(022);
	fd = open("/p/f", O_RDWR | O_TRUNC);
	CHECK(fstat(fd, &st) == 0 && st.st_size == 0 && st.st_blocks == 0);
	CHECK(fcntl(fd, F_GETFL) == (O_RDWR | 0100000));
	close(fd);
}

static void renames(void)
{
	close(make("/p/a", "a")), close(make("/p/b", "b")), mkdir("/p/d", 0755), mkdir("/p/e", 0755);
	FAILS(syscall(SYS_renameat2, AT_FDCWD, "/p/a", AT_FDCWD, "/p/b", 1), EEXIST);
	CHECK(syscall(SYS_renameat2, AT_FDCWD, "/p/a", AT_FDCWD, "/p/b", 2) == 0 && holds("/p/a", "b") && holds("/p/b", "a"));
	FAILS(syscall(SYS_renameat2, AT_FDCWD, "/p/a", AT_FDCWD, "/p/none9", 2), ENOENT);
	FAILS(syscall(SYS_renameat2, AT_FDCWD, "/p/a", AT_FDCWD, "/p/b", 3), EINVAL);
	CHECK(syscall(SYS_renameat2, AT_FDCWD, "/p/a", AT_FDCWD, "/p/d", 2) == 0 && holds("/p/d", "b") && access("/p/a/.", F_OK) == 0);
	CHECK(syscall(SYS_renameat2, AT_FDCWD, "/p/a", AT_FDCWD, "/p/d", 2) == 0);
	CHECK(rename("/p/a", "/p/a") == 0 && link("/p/a", "/p/a2") == 0 && rename("/p/a", "/p/a2") == 0 && holds("/p/a", "b"));
	FAILS(rename("/p/a", "/p/d"), EISDIR);
	FAILS(rename("/p/d", "/p/a"), ENOTDIR);
	FAILS(rename("/p/d", "/p/d/x"), EINVAL);
	close(make("/p/e/x", ""));
	FAILS(rename("/p/d", "/p/e"), ENOTEMPTY);
	FAILS(rename("/p/e/x", "/p/e/x/y"), ENOTDIR);
	FAILS(rename("/p/.", "/p/z"), EBUSY);
	CHECK(unlink("/p/e/x") == 0 && rename("/p/d", "/p/e") == 0);
	int fd = open("/p/b", O_RDONLY);
	CHECK(rename("/p/a", "/p/b") == 0 && holds("/p/b", "b"));
	struct stat st;
	char c;
	CHECK(read(fd, &c, 1) == 1 && c == 'a' && fstat(fd, &st) == 0 && st.st_nlink == 0);
	close(fd);
	FAILS(rmdir("/p/."), EINVAL);
	FAILS(rmdir("/p/e/.."), ENOTEMPTY);
	FAILS(rmdir("/p/b"), ENOTDIR);
	FAILS(unlink("/p/e"), EISDIR);
	FAILS(mkdir("/p/e", 0755), EEXIST);
	FAILS(mkdir("/p/e/", 0755), EEXIST);
	FAILS(link("/p/e", "/p/e2"), EPERM);
	FAILS(symlink("", "/p/empty"), ENOENT);
	CHECK(linkat(AT_FDCWD, "/p/link", AT_FDCWD, "/p/hard-link", 0) == 0 && lstat("/p/hard-link", &st) == 0 && S_ISLNK(st.st_mode));
	close(make("/p/f", "f"));
	CHECK(linkat(AT_FDCWD, "/p/link", AT_FDCWD, "/p/followed", AT_SYMLINK_FOLLOW) == 0 && lstat("/p/followed", &st) == 0 && S_ISREG(st.st_mode));
	FAILS(linkat(AT_FDCWD, "/p/f", AT_FDCWD, "/p/x", 0x8000), EINVAL);
	// A directory that is gone while one is in it.
	CHECK(mkdir("/p/gone", 0755) == 0 && chdir("/p/gone") == 0 && rmdir("/p/gone") == 0);
	FAILS(open("x", O_CREAT | O_RDWR, 0600), ENOENT);
	FAILS(getcwd((char[100]){}, 100) ? 0 : -1, ENOENT);
	CHECK(chdir("/") == 0);
}

static void attributes(void)
{
	close(make("/p/s", "12345"));
	struct statx x;
	CHECK(statx(AT_FDCWD, "/p/s", 0, STATX_BASIC_STATS | STATX_BTIME, &x) == 0 && x.stx_size == 5 && x.stx_nlink == 1);
	CHECK((x.stx_mask & STATX_BASIC_STATS) == STATX_BASIC_STATS && S_ISREG(x.stx_mode) && x.stx_blksize >= 512);
	FAILS(statx(AT_FDCWD, "/p/s", 0, 0x80000000, &x), EINVAL);
	FAILS(statx(AT_FDCWD, "/p/s", AT_STATX_FORCE_SYNC | AT_STATX_DONT_SYNC, 0, &x), EINVAL);
	FAILS(statx(AT_FDCWD, "", 0, 0, &x), ENOENT);
	CHECK(statx(AT_FDCWD, "", AT_EMPTY_PATH, STATX_TYPE, &x) == 0 && S_ISDIR(x.stx_mode));
	struct timespec t[2] = {{100, 1}, {200, 999999999}}, odd[2] = {{0, UTIME_OMIT}, {0, UTIME_NOW}}, bad[2] = {{0, 1000000000}, {}};
	struct stat st;
	CHECK(utimensat(AT_FDCWD, "/p/s", t, 0) == 0 && stat("/p/s", &st) == 0 && st.st_atim.tv_nsec == 1 && st.st_mtim.tv_sec == 200 && st.st_mtim.tv_nsec == 999999999);
	CHECK(utimensat(AT_FDCWD, "/p/s", odd, 0) == 0 && stat("/p/s", &st) == 0 && st.st_atim.tv_sec == 100 && st.st_mtim.tv_sec > 1000);
	FAILS(utimensat(AT_FDCWD, "/p/s", bad, 0), EINVAL);
	CHECK(chown("/p/s", 5, 6) == 0 && chmod("/p/s", 06755) == 0 && stat("/p/s", &st) == 0 && (st.st_mode & 07777) == 06755);
	CHECK(chown("/p/s", -1, 7) == 0 && stat("/p/s", &st) == 0 && st.st_uid == 5 && st.st_gid == 7 && (st.st_mode & 07777) == 0755);
	FAILS(fchownat(AT_FDCWD, "/p/s", 0, 0, 0x8000), EINVAL);
	struct statvfs v;
	CHECK(statvfs("/p", &v) == 0 && v.f_namemax == 255);
	char b[100];
	CHECK(setxattr("/p/s", "user.k", "value", 5, 0) == 0 && getxattr("/p/s", "user.k", b, 100) == 5 && getxattr("/p/s", "user.k", 0, 0) == 5);
	FAILS(getxattr("/p/s", "user.k", b, 2), ERANGE);
	FAILS(setxattr("/p/s", "user.k", "v", 1, XATTR_CREATE), EEXIST);
	FAILS(setxattr("/p/s", "user.n", "v", 1, XATTR_REPLACE), ENODATA);
	FAILS(setxattr("/p/s", "user.k", "v", 1, 9), EINVAL);
	FAILS(setxattr("/p/s", "odd.k", "v", 1, 0), EOPNOTSUPP);
	FAILS(setxattr("/p/s", "", "v", 1, 0), ERANGE);
	FAILS(lsetxattr("/p/link", "user.k", "v", 1, 0), EPERM);
	CHECK(listxattr("/p/s", b, 100) >= 7 && removexattr("/p/s", "user.k") == 0);
	FAILS(removexattr("/p/s", "user.k"), ENODATA);
	FAILS(getxattr("/p/s", "user.k", b, 100), ENODATA);
}

static void directories(void)
{
	mkdir("/p/many", 0755);
	char name[50];
	for (int i = 0; i < 500; i++) {
		sprintf(name, "/p/many/%03d", i);
		close(open(name, O_CREAT | O_WRONLY, 0600));
	}
	DIR *d = opendir("/p/many");
	struct dirent *e;
	int n = 0, dots = 0;
	long at = -1;
	char what[256] = "";
	while ((e = readdir(d))) {
		if (e->d_name[0] == '.')
			dots++;
		else if (n++ == 100)
			at = telldir(d);
		else if (n == 102)
			strcpy(what, e->d_name);
	}
	CHECK(n == 500 && dots == 2);
	seekdir(d, at);
	CHECK((e = readdir(d)) && !strcmp(e->d_name, what));
	// Removing while reading neither repeats nor skips what stays.
	rewinddir(d);
	n = 0;
	while ((e = readdir(d)))
		if (e->d_name[0] != '.' && ++n && atoi(e->d_name) % 2 == 0)
			unlinkat(dirfd(d), e->d_name, 0);
	CHECK(n == 500);
	rewinddir(d);
	for (n = 0; (e = readdir(d)); n++)
		;
	CHECK(n == 252);
	closedir(d);
	int fd = open("/p/many", O_RDONLY);
	FAILS(syscall(SYS_getdents64, fd, name, 10), EINVAL);
	FAILS(syscall(SYS_getdents64, fd, 16, 1000), EFAULT);
	FAILS(rmdir("/p/many"), ENOTEMPTY);
	close(fd);
	char longer[300];
	memset(longer, 'n', 299), longer[299] = 0;
	chdir("/p");
	FAILS(open(longer, O_CREAT, 0600), ENAMETOOLONG);
	longer[255] = 0;
	CHECK((fd = open(longer, O_CREAT | O_RDWR, 0600)) >= 0 && unlink(longer) == 0);
	close(fd);
	chdir("/");
}

static void transfers(void)
{
	int fd = make("/p/v", "");
	char a[] = "abc", b[] = "defgh", x[4] = {}, y[10] = {};
	struct iovec out[] = {{a, 3}, {0, 0}, {b, 5}}, in[] = {{x, 3}, {y, 9}};
	CHECK(writev(fd, out, 3) == 8 && preadv(fd, in, 2, 0) == 8 && !strcmp(x, "abc") && !strcmp(y, "defgh"));
	FAILS(writev(fd, out, -1), EINVAL);
	FAILS(writev(fd, out, 2000), EINVAL);
	out[1].iov_len = -1;
	FAILS(writev(fd, out, 3), EINVAL);
	CHECK(pwritev2(fd, (struct iovec[]){{a, 3}}, 1, 2, 0) == 3 && pread(fd, y, 8, 0) == 8 && !strncmp(y, "ababcfgh", 8));
	FAILS(pwritev2(fd, in, 1, 0, 0x40000000), EOPNOTSUPP);
	FAILS(pread(fd, y, 1, -1), EINVAL);
	CHECK(pread(fd, y, 1, 1000) == 0 && read(fd, y, 0) == 0);
	CHECK(pwrite(fd, "z", 1, 100000) == 1 && pread(fd, y, 1, 50000) == 1 && y[0] == 0);
	FAILS(ftruncate(fd, -1), EINVAL);
	FAILS(truncate("/p", 0), EISDIR);
	FAILS(truncate("/p/none2", 0), ENOENT);
	FAILS(fallocate(fd, 0, 0, 0), EINVAL);
	FAILS(fallocate(fd, 0x4000, 0, 1), EOPNOTSUPP);
	CHECK(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4) == 0 && pread(fd, y, 5, 0) == 5 && y[3] == 0 && y[4] == 'c');
	CHECK(fsync(fd) == 0 && fdatasync(fd) == 0 && posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0 && readahead(fd, 0, 100) == 0);
	CHECK(posix_fadvise(fd, 0, 0, 99) == EINVAL && sync_file_range(fd, 0, 0, 0) == 0);
	int p[2];
	pipe(p);
	FAILS(fsync(p[0]), EINVAL);
	CHECK(posix_fadvise(p[0], 0, 0, 0) == ESPIPE);
	close(fd), close(p[0]), close(p[1]);
}

static void locks(void)
{
	int fd = make("/p/l", "x"), other = open("/p/l", O_RDWR), ro = open("/p/l", O_RDONLY), status;
	struct flock w = {.l_type = F_WRLCK, .l_start = 10, .l_len = 10}, r = {.l_type = F_RDLCK}, l;
	// Of open file descriptions: between two of one process.
	CHECK(fcntl(fd, F_OFD_SETLK, &w) == 0);
	FAILS(fcntl(other, F_OFD_SETLK, &w), EAGAIN);
	l = w;
	CHECK(fcntl(other, F_OFD_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_pid == -1 && l.l_start == 10);
	l = w, l.l_start = 20;
	CHECK(fcntl(other, F_OFD_SETLK, &l) == 0);
	l = w, l.l_pid = 1;
	FAILS(fcntl(other, F_OFD_SETLK, &l), EINVAL);
	FAILS(fcntl(ro, F_SETLK, &w), EBADF);
	FAILS(fcntl(ro, 7777, &w), EINVAL);
	int d = dup(fd);
	close(d); // a duplicate's end changes nothing
	FAILS(fcntl(other, F_OFD_SETLK, &w), EAGAIN);
	close(fd);
	CHECK(fcntl(other, F_OFD_SETLK, &w) == 0);
	// POSIX: a close of any descriptor drops them all.
	w.l_start = 100;
	CHECK(fcntl(other, F_SETLK, &w) == 0);
	close(open("/p/l", O_RDONLY));
	if (fork() == 0)
		_exit(fcntl(open("/p/l", O_RDWR), F_SETLK, &w) != 0);
	CHECK(wait(&status) > 0 && status == 0);
	w.l_whence = 9;
	FAILS(fcntl(other, F_SETLK, &w), EINVAL);
	w = (struct flock){.l_type = F_WRLCK, .l_whence = SEEK_END, .l_start = -1, .l_len = 1};
	CHECK(fcntl(other, F_SETLK, &w) == 0);
	if (fork() == 0) {
		l = (struct flock){.l_type = F_WRLCK, .l_len = 1};
		_exit(!(fcntl(open("/p/l", O_RDWR), F_GETLK, &l) == 0 && l.l_type == F_WRLCK && l.l_pid == getppid() && l.l_start == 0 && l.l_len == 1));
	}
	CHECK(wait(&status) > 0 && status == 0);
	// Upgrades, and locks that pass on through fork.
	CHECK(flock(other, LOCK_SH) == 0 && flock(ro, LOCK_SH) == 0);
	FAILS(flock(ro, LOCK_EX | LOCK_NB), EAGAIN);
	CHECK(flock(other, LOCK_UN) == 0 && flock(ro, LOCK_EX | LOCK_NB) == 0);
	if (fork() == 0)
		_exit(flock(ro, LOCK_EX | LOCK_NB) != 0 || flock(other, LOCK_SH | LOCK_NB) == 0);
	CHECK(wait(&status) > 0 && status == 0);
	FAILS(flock(ro, 0), EINVAL);
	close(other), close(ro);
}

static void descriptors(void)
{
	int p[2];
	FAILS(dup(-1), EBADF);
	FAILS(dup2(1, -1), EBADF);
	FAILS(dup2(1, 1 << 30), EBADF);
	FAILS(fcntl(1, F_DUPFD, -1), EINVAL);
	CHECK(pipe2(p, O_CLOEXEC) == 0 && fcntl(p[0], F_GETFD) == FD_CLOEXEC);
	int d = dup3(p[0], 60, O_CLOEXEC);
	CHECK(d == 60 && fcntl(60, F_GETFD) == FD_CLOEXEC && dup2(p[0], 61) == 61 && fcntl(61, F_GETFD) == 0);
	FAILS(dup3(p[0], 62, 1), EINVAL);
	CHECK(syscall(SYS_close_range, 60, 61, 4) == 0 && fcntl(61, F_GETFD) == FD_CLOEXEC);
	CHECK(syscall(SYS_close_range, 60, ~0U, 0) == 0);
	FAILS(syscall(SYS_close_range, 61, 60, 0), EINVAL);
	FAILS(fcntl(61, F_GETFD), EBADF);
	// Two descriptors of one description share its offset; two opens do not.
	int a = make("/p/o", "0123456789"), b = dup(a), c = open("/p/o", O_RDONLY);
	CHECK(lseek(a, 5, SEEK_SET) == 5 && lseek(b, 0, SEEK_CUR) == 5 && lseek(c, 0, SEEK_CUR) == 0);
	CHECK(fcntl(a, F_SETFL, O_APPEND) == 0 && fcntl(b, F_GETFL) & O_APPEND && !(fcntl(c, F_GETFL) & O_APPEND));
	pid_t me = fork();
	if (me == 0)
		_exit(lseek(a, 7, SEEK_SET) != 7);
	waitpid(me, 0, 0);
	CHECK(lseek(b, 0, SEEK_CUR) == 7);
	CHECK(syscall(SYS_kcmp, getpid(), getpid(), 0, a, b) == 0 || errno == ENOSYS);
	close(a), close(b), close(c), close(p[0]), close(p[1]);
}

int main(void)
{
	mkdir("/p", 0755);
	flags();
	renames();
	attributes();
	directories();
	transfers();
	locks();
	descriptors();
	return failures != 0;
}
