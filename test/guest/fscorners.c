// Corners of file systems: what changes which time, who keeps set-id bits, holes,
// whiteouts, files without names, devices, leases. All of it is tried on a tmpfs and on
// whatever the root is.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <grp.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>

static long kind; // of the file system, as statfs(2) has it

enum { TMPFS = 0x01021994, OVERLAY = 0x794c7630 };

static struct stat stat_of(const char *path)
{
	struct stat st = {0};
	CHECK(lstat(path, &st) == 0);
	return st;
}

static int make(const char *path, int mode)
{
	int fd = open(path, O_CREAT | O_RDWR | O_TRUNC, 0600);
	CHECK(fd >= 0 && fchown(fd, 0, 0) == 0 && fchmod(fd, mode) == 0);
	return fd;
}

static void user(void)
{
	CHECK(setgroups(0, 0) == 0 && setresgid(1000, 1000, 1000) == 0 && setresuid(1000, 1000, 1000) == 0);
}

static int later(struct timespec a, struct timespec b)
{
	return a.tv_sec > b.tv_sec || a.tv_sec == b.tv_sec && a.tv_nsec > b.tv_nsec;
}

// A rename changes when the file was changed, and both directories.
static void renaming(void)
{
	mkdir("from", 0755), mkdir("to", 0755), mkdir("from/d", 0755);
	close(make("from/f", 0644)), close(make("to/g", 0644));
	CHECK(symlink("x", "from/s") == 0);
	struct { const char *old, *new; int flags; } moves[] = {
		{"from/f", "to/f", 0}, {"from/s", "to/s", 0}, {"from/d", "to/d", 0}, {"to/f", "to/g", 0}, {"to/g", "to/d", RENAME_EXCHANGE},
	};
	for (int i = 0; i < 5; i++) {
		struct stat f = stat_of(moves[i].old), d = stat_of("to"), was = {0}, now;
		lstat(moves[i].new, &was);
		usleep(10000);
		CHECK(renameat2(AT_FDCWD, moves[i].old, AT_FDCWD, moves[i].new, moves[i].flags) == 0);
		now = stat_of(moves[i].new);
		CHECK(later(now.st_ctim, f.st_ctim) && !later(now.st_mtim, f.st_mtim) && now.st_ino == f.st_ino);
		now = stat_of("to");
		CHECK(later(now.st_ctim, d.st_ctim) && later(now.st_mtim, d.st_mtim));
		if (moves[i].flags)
			CHECK(later(stat_of(moves[i].old).st_ctim, was.st_ctim));
	}
}

static int mode_of(const char *path) { return stat_of(path).st_mode & 07777; }

static const char caps[20] = {1, 0, 0, 2, 1};

static int has_caps(void)
{
	char b[20];
	return getxattr("prog", "security.capability", b, sizeof b) == sizeof b;
}

// SET_IDS makes a program and checks what mode it has after call.
#define SET_IDS(mode, call, after)                                             \
	do {                                                                   \
		CHECK(chmod("prog", mode) == 0);                               \
		CHECK((call) != -1);                                           \
		CHECK(mode_of("prog") == (after));                             \
	} while (0)

static void users_program(void)
{
	int fd = open("prog", O_RDWR), app = open("prog", O_WRONLY | O_APPEND);
	user();
	SET_IDS(06777, write(fd, "x", 1), 0777);
	SET_IDS(06777, write(app, "x", 1), 0777);
	SET_IDS(06777, write(fd, "x", 0), 06777);
	SET_IDS(06777, ftruncate(fd, 1), 0777);
	SET_IDS(06777, truncate("prog", 1), 0777);
	SET_IDS(06777, open("prog", O_RDWR | O_TRUNC), 0777);
	SET_IDS(06777, fallocate(fd, 0, 0, 16384), 0777);
	SET_IDS(06777, fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), 0777);
	SET_IDS(06777, chown("prog", -1, -1), 0777);
	SET_IDS(02767, write(fd, "x", 1), 02767); // mandatory locking, once
	SET_IDS(02767, chown("prog", 1000, 1000), 02767);
	char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	SET_IDS(06777, *p = 1, 06777);
}

// Of a group that the writer is not in.
static void strangers_program(void)
{
	int fd = open("prog", O_RDWR);
	CHECK(chown("prog", 1000, 0) == 0 && chmod("prog", 02767) == 0);
	user();
	CHECK(write(fd, "x", 1) == 1 && mode_of("prog") == 0767);
}

static void anothers_program(void)
{
	user();
	FAILS(chown("prog", -1, -1), EPERM);
	CHECK(mode_of("prog") == 06755);
	CHECK(chown("plain", -1, -1) == 0);
}

// Who writes to a program or gives it away takes its powers, but root leaves the set-id
// bits when it writes.
static void powers(void)
{
	int fd = make("prog", 0755);
	SET_IDS(06777, write(fd, "x", 1), 06777);
	SET_IDS(06777, ftruncate(fd, 0), 06777);
	SET_IDS(06777, open("prog", O_RDWR | O_TRUNC), 06777);
	SET_IDS(06777, fallocate(fd, 0, 0, 8192), 06777);
	SET_IDS(06777, chown("prog", -1, -1), 0777);
	SET_IDS(06777, chown("prog", 0, 0), 0777);
	SET_IDS(02767, chown("prog", 0, 0), 02767);
	mkdir("powers", 0755);
	CHECK(chmod("powers", 06755) == 0 && chown("powers", 1, 1) == 0 && mode_of("powers") == 06755);

	CHECK(setxattr("prog", "security.capability", caps, 20, 0) == 0 && has_caps());
	CHECK(write(fd, "x", 1) == 1 && !has_caps());
	CHECK(setxattr("prog", "security.capability", caps, 20, 0) == 0);
	CHECK(chown("prog", 0, 0) == 0 && !has_caps());
	CHECK(setxattr("prog", "security.capability", caps, 20, 0) == 0);
	CHECK(ftruncate(fd, 0) == 0 && !has_caps());
	FAILS(setxattr("prog", "security.capability", "x", 1, 0), EINVAL);
	FAILS(setxattr("prog", "security.capability", caps, 19, 0), EINVAL);

	close(make("plain", 0644));
	CHECK(chmod("prog", 06755) == 0);
	CHECK(in_child(anothers_program) == 0);
	CHECK(in_child(strangers_program) == 0);
	CHECK(chown("prog", 1000, 1000) == 0);
	CHECK(in_child(users_program) == 0);
	struct stat st = stat_of("plain");
	usleep(10000);
	CHECK(chown("plain", -1, -1) == 0 && later(stat_of("plain").st_ctim, st.st_ctim));
}

static void users_attributes(void)
{
	char b[8];
	user();
	FAILS(setxattr("att", "user.k", "v", 1, 0), EACCES);
	CHECK(getxattr("att", "user.k", b, sizeof b) == 3);
	FAILS(setxattr("att", "trusted.k", "v", 1, 0), EPERM);
	FAILS(getxattr("att", "trusted.k", b, sizeof b), ENODATA);
	FAILS(setxattr("att", "security.k", "v", 1, 0), EPERM);
	FAILS(setxattr("sticky", "user.k", "v", 1, 0), EPERM);
}

// What can be attached to which kinds of files.
static void attributes(void)
{
	char b[100];
	static char big[65537];
	int fd = make("att", 0644);
	CHECK(symlink("att", "attlink") == 0 && mkfifo("attfifo", 0666) == 0);
	mkdir("attdir", 0755), mkdir("sticky", 0755), chmod("sticky", 01777);
	CHECK(setxattr("att", "user.k", "v", 1, 0) == 0 && setxattr("attlink", "user.k", "two", 3, XATTR_REPLACE) == 0);
	CHECK(fgetxattr(fd, "user.k", b, sizeof b) == 3 && !memcmp(b, "two", 3));
	CHECK(setxattr("attdir", "user.d", "v", 1, XATTR_CREATE) == 0 && listxattr("attdir", b, sizeof b) == 7);
	CHECK(fsetxattr(fd, "user.e", "", 0, 0) == 0 && fgetxattr(fd, "user.e", b, 0) == 0 && fremovexattr(fd, "user.e") == 0);
	const char *odd[] = {"attlink", "attfifo"};
	for (int i = 0; i < 2; i++) {
		FAILS(lsetxattr(odd[i], "user.k", "v", 1, 0), EPERM);
		FAILS(lgetxattr(odd[i], "user.k", b, sizeof b), ENODATA);
		FAILS(lremovexattr(odd[i], "user.k"), EPERM);
		CHECK(llistxattr(odd[i], b, sizeof b) == 0);
	}
	const char *spaces[] = {"user.", "security.", "trusted."}, *none[] = {"user", "security", "system.x", "userx.k", "x"};
	for (int i = 0; i < 3; i++) {
		FAILS(setxattr("att", spaces[i], "v", 1, 0), EINVAL);
		FAILS(getxattr("att", spaces[i], b, sizeof b), EINVAL);
		FAILS(removexattr("att", spaces[i]), EINVAL);
	}
	for (int i = 0; i < 5; i++) {
		FAILS(setxattr("att", none[i], "v", 1, 0), EOPNOTSUPP);
		FAILS(getxattr("att", none[i], b, sizeof b), EOPNOTSUPP);
		FAILS(removexattr("att", none[i]), EOPNOTSUPP);
	}
	FAILS(setxattr("att", "user.big", big, sizeof big, 0), E2BIG);
	if (kind == TMPFS) {
		CHECK(setxattr("att", "user.big", big, sizeof big - 1, 0) == 0);
		CHECK(lsetxattr("attlink", "trusted.k", "v", 1, 0) == 0 && llistxattr("attlink", b, sizeof b) == 10);
		CHECK(lremovexattr("attlink", "trusted.k") == 0);
	}
	CHECK(in_child(users_attributes) == 0);
}

// Holes that were punched, ranges that were never written, and what was only reserved.
// On a tmpfs a page is data once it was looked at through a mapping that may write.
static void holes(void)
{
	const int punch = FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE;
	static char data[65536], got[8192], zeros[8192];
	memset(data, 1, sizeof data);
	int fd = make("holes", 0644);
	CHECK(ftruncate(fd, 1 << 20) == 0 && pwrite(fd, data, sizeof data, 0) == sizeof data);
	CHECK(fallocate(fd, punch, 4096, 8192) == 0);
	CHECK(lseek(fd, 0, SEEK_HOLE) == 4096 && lseek(fd, 4096, SEEK_DATA) == 3 * 4096);
	// Parts of pages are zeroed, whole ones go.
	CHECK(fallocate(fd, punch, 5 * 4096 + 100, 8192) == 0);
	CHECK(lseek(fd, 3 * 4096, SEEK_HOLE) == 6 * 4096 && lseek(fd, 6 * 4096, SEEK_DATA) == 7 * 4096);
	CHECK(pread(fd, got, 8192, 5 * 4096 + 100) == 8192 && !memcmp(got, zeros, 8192));
	CHECK(pread(fd, got, 100, 5 * 4096) == 100 && !memcmp(got, data, 100));
	CHECK(pread(fd, got, 100, 7 * 4096 + 100) == 100 && !memcmp(got, data, 100));
	FAILS(lseek(fd, 65536, SEEK_DATA), ENXIO);
	CHECK(fallocate(fd, FALLOC_FL_KEEP_SIZE, 131072, 8192) == 0);
	FAILS(lseek(fd, 65536, SEEK_DATA), ENXIO);
	CHECK(lseek(fd, 131072, SEEK_HOLE) == 131072);
	CHECK(pwrite(fd, "x", 1, 131072) == 1 && lseek(fd, 65536, SEEK_DATA) == 131072);
	CHECK(lseek(fd, 131072, SEEK_HOLE) == 131072 + 4096);
	if (kind == TMPFS) {
		FAILS(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096), EOPNOTSUPP);
		FAILS(fallocate(fd, FALLOC_FL_INSERT_RANGE, 0, 4096), EOPNOTSUPP);
	}
	volatile char *p = mmap(0, 1 << 20, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED);
	p[300 * 1024] = 1;
	CHECK(lseek(fd, 150000, SEEK_DATA) == 300 * 1024 && lseek(fd, 300 * 1024, SEEK_HOLE) == 304 * 1024);
	CHECK(lseek(fd, 3 * 4096, SEEK_HOLE) == 6 * 4096 && lseek(fd, 6 * 4096, SEEK_DATA) == 7 * 4096);
	CHECK(fallocate(fd, punch, 298 * 1024, 8192) == 0 && p[300 * 1024] == 0);
	CHECK(fallocate(fd, punch, 0, 1 << 20) == 0);
	FAILS(lseek(fd, 0, SEEK_DATA), ENXIO);
	CHECK(lseek(fd, 0, SEEK_HOLE) == 0 && lseek(fd, 4097, SEEK_HOLE) == 4097);
	CHECK(pwrite(fd, "x", 1, 4096) == 1 && lseek(fd, 0, SEEK_DATA) == 4096 && lseek(fd, 4096, SEEK_HOLE) == 8192);
	CHECK(fallocate(fd, 0, 1 << 20, 4096) == 0);
	FAILS(lseek(fd, 8192, SEEK_DATA), ENXIO);
	CHECK(lseek(fd, 8192, SEEK_HOLE) == 8192);
	munmap((char *)p, 1 << 20);
	close(fd);
}

static int is_whiteout(const char *path)
{
	struct stat st = stat_of(path);
	return S_ISCHR(st.st_mode) && st.st_rdev == 0 && st.st_nlink == 1;
}

static int whiteout(const char *from, const char *to, int flags)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_WHITEOUT | flags);
}

static void users_whiteout(void)
{
	user();
	FAILS(whiteout("none", "w9", 0), ENOENT);
	CHECK(whiteout("wu", "wu2", 0) == 0 && is_whiteout("wu"));
	FAILS(mknod("device", S_IFCHR | 0666, makedev(1, 3)), EPERM);
	CHECK(mknod("nodevice", S_IFCHR | 0666, 0) == 0);
}

// What a rename leaves for an overlay to see that a name is gone. Anybody may leave it,
// where the file system can; an overlay's own changes cannot.
static void whiteouts(void)
{
	FAILS(whiteout("w", "w2", RENAME_EXCHANGE), EINVAL);
	close(make("w", 0644));
	if (whiteout("w", "w2", 0) != 0) {
		CHECK(errno == EINVAL && kind != TMPFS);
		CHECK(access("w", F_OK) == 0 && access("w2", F_OK) != 0);
		return;
	}
	CHECK(is_whiteout("w") && S_ISREG(stat_of("w2").st_mode));
	FAILS(open("w", O_RDONLY), ENXIO);
	FAILS(whiteout("w2", "w", RENAME_NOREPLACE), EEXIST);
	CHECK(whiteout("w2", "w", 0) == 0 && is_whiteout("w2") && S_ISREG(stat_of("w").st_mode));
	mkdir("wd", 0755), mkdir("wd/in", 0755);
	CHECK(whiteout("wd/in", "wd2", 0) == 0 && is_whiteout("wd/in") && stat_of("wd").st_nlink == 2);
	CHECK(rmdir("wd2") == 0 && unlink("wd/in") == 0 && rmdir("wd") == 0);
	// Two names of one file: nothing happens.
	CHECK(link("w", "wl") == 0 && whiteout("w", "wl", 0) == 0 && S_ISREG(stat_of("w").st_mode));
	close(make("wu", 0644));
	chmod(".", 0777);
	CHECK(in_child(users_whiteout) == 0);
	chmod(".", 0755);
}

// A device node is there, whether or not there is a device.
static void devices(void)
{
	if (mknod("blk", S_IFBLK | 0640, makedev(99, 300)) != 0) {
		// Files of the host that are written through: none becomes a device there.
		CHECK(errno == EPERM && kind != TMPFS && kind != OVERLAY);
		return;
	}
	struct stat st = stat_of("blk");
	CHECK(st.st_mode == (S_IFBLK | 0640) && st.st_rdev == makedev(99, 300));
	FAILS(open("blk", O_RDONLY), ENXIO);
	CHECK(mknod("chr", S_IFCHR | 0600, makedev(240, 7)) == 0);
	FAILS(open("chr", O_RDONLY), ENXIO);
	CHECK(mknod("null", S_IFCHR | 0666, makedev(1, 3)) == 0 && stat_of("null").st_rdev == makedev(1, 3));
	FAILS(setxattr("null", "user.k", "v", 1, 0), EPERM);
	CHECK(chmod("null", 0600) == 0 && rename("null", "null2") == 0 && stat_of("null2").st_mode == (S_IFCHR | 0600));
}

static int temp(int flags) { return open(".", O_TMPFILE | O_RDWR | flags, 0640); }

static void users_temp(void)
{
	user();
	int fd = temp(0);
	CHECK(fd >= 0 && linkat(fd, "", AT_FDCWD, "named3", AT_EMPTY_PATH) == 0);
	CHECK(stat_of("named3").st_uid == 1000);
	CHECK(setresuid(-1, 1000, 1000) == 0);
	FAILS(open("prog", O_TMPFILE | O_RDWR, 0600), ENOTDIR);
}

// Files without a name, and how they get one.
static void temporaries(void)
{
	char path[50], b[10];
	struct stat st;
	int fd = temp(0), excl = temp(O_EXCL);
	CHECK(fd >= 0 && write(fd, "temp", 4) == 4 && pread(fd, b, 10, 0) == 4);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 0 && st.st_mode == (S_IFREG | 0640) && st.st_size == 4);
	CHECK(fcntl(fd, F_GETFL) & O_RDWR);
	FAILS(open(".", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	FAILS(open("none", O_TMPFILE | O_RDWR, 0600), ENOENT);
	char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK(p != MAP_FAILED && !memcmp(p, "temp", 4));
	p[0] = 'T';
	sprintf(path, "/proc/self/fd/%d", fd);
	CHECK(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
	FAILS(linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH), EEXIST);
	CHECK(linkat(fd, "", AT_FDCWD, "named2", AT_EMPTY_PATH) == 0);
	CHECK(fstat(fd, &st) == 0 && st.st_nlink == 2 && stat_of("named").st_ino == st.st_ino);
	CHECK(write(fd, "orary", 5) == 5 && stat_of("named2").st_size == 9);
	int again = open("named", O_RDONLY);
	CHECK(read(again, b, 10) == 9 && !memcmp(b, "Temporary", 9));
	CHECK(close(again) == 0 && unlink("named") == 0 && unlink("named2") == 0);
	FAILS(linkat(fd, "", AT_FDCWD, "named", AT_EMPTY_PATH), ENOENT);
	CHECK(pread(fd, b, 10, 0) == 9 && munmap(p, 4096) == 0 && close(fd) == 0);
	FAILS(linkat(excl, "", AT_FDCWD, "named", AT_EMPTY_PATH), ENOENT);
	close(excl);
	// Named, closed and opened again.
	fd = temp(0);
	CHECK(write(fd, "kept", 4) == 4 && linkat(fd, "", AT_FDCWD, "kept", AT_EMPTY_PATH) == 0 && close(fd) == 0);
	fd = open("kept", O_RDWR);
	CHECK(read(fd, b, 10) == 4 && !memcmp(b, "kept", 4) && write(fd, "x", 1) == 1 && stat_of("kept").st_nlink == 1);
	close(fd);
	// Closed without: others may get its number.
	for (int i = 0; i < 50; i++) {
		fd = temp(0);
		CHECK(write(fd, "gone", 4) == 4 && close(fd) == 0);
		fd = make("other", 0644);
		CHECK(fstat(fd, &st) == 0 && st.st_size == 0 && st.st_nlink == 1 && write(fd, "o", 1) == 1);
		close(fd), unlink("other");
	}
	chmod(".", 0777);
	CHECK(in_child(users_temp) == 0);
	chmod(".", 0755);
}

static int leased;

static void no_lease_of_others(void)
{
	user();
	FAILS(fcntl(leased, F_SETLEASE, F_RDLCK), EACCES);
	FAILS(fcntl(leased, F_SETLEASE, F_UNLCK), EACCES);
	FAILS(fcntl(leased, F_SETLEASE, 77), EINVAL);
	CHECK(fcntl(leased, F_GETLEASE) == F_UNLCK);
}

// Leases, which not every kernel gives.
static void leases(void)
{
	int w = make("leased", 0644), dir = open(".", O_RDONLY), p[2];
	leased = open("leased", O_RDONLY);
	CHECK(fcntl(leased, F_GETLEASE) == F_UNLCK && fcntl(w, F_GETLEASE) == F_UNLCK && fcntl(dir, F_GETLEASE) == F_UNLCK);
	FAILS(fcntl(leased, F_SETLEASE, F_UNLCK), EAGAIN);
	FAILS(fcntl(leased, F_SETLEASE, 77), EINVAL);
	CHECK(fcntl(leased, F_SETLEASE, F_RDLCK) == -1 && (errno == EAGAIN || errno == EINVAL)); // is open to be written
	FAILS(fcntl(dir, F_SETLEASE, F_RDLCK), EINVAL);
	CHECK(pipe(p) == 0 && fcntl(p[0], F_GETLEASE) == F_UNLCK);
	FAILS(fcntl(p[0], F_SETLEASE, F_RDLCK), EINVAL);
	FAILS(fcntl(p[0], F_SETLEASE, F_UNLCK), EINVAL);
	close(p[0]), close(p[1]), close(w), close(dir);
	CHECK(in_child(no_lease_of_others) == 0);
	if (fcntl(leased, F_SETLEASE, F_RDLCK) == 0)
		CHECK(fcntl(leased, F_GETLEASE) == F_RDLCK && fcntl(leased, F_SETLEASE, F_UNLCK) == 0);
	else
		CHECK(errno == EINVAL);
	close(leased);
	int path = open("leased", O_PATH);
	FAILS(fcntl(path, F_GETLEASE), EBADF);
	close(path);
}

static void no_advice(void)
{
	const int ignored[] = {MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_COLD, MADV_PAGEOUT, MADV_HUGEPAGE, MADV_NOHUGEPAGE, MADV_DONTFORK, MADV_DOFORK};
	char *p = mmap(0, 4 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(p + 4096, 4096);
	p[0] = 1;
	for (int i = 0; i < 10; i++) {
		FAILS(madvise(p, 3 * 4096, ignored[i]), ENOMEM);
		FAILS(madvise(p + 4096, 4096, ignored[i]), ENOMEM);
		CHECK(madvise(p, 4096, ignored[i]) == 0 && madvise(p + 4096, 0, ignored[i]) == 0);
		FAILS(madvise(p + 1, 4096, ignored[i]), EINVAL);
		FAILS(madvise(p, -1, ignored[i]), EINVAL);
	}
	FAILS(madvise(p, 1UL << 62, MADV_NORMAL), ENOMEM);
	FAILS(madvise(p, 4096, 99), EINVAL);
	FAILS(madvise(p, 0, 99), EINVAL);
	FAILS(madvise(p, 3 * 4096, MADV_DONTNEED), ENOMEM);
	CHECK(*p == 0);
	munmap(p, 4 * 4096);
}

static void wrapping(void)
{
	char *p = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	munmap(p + 4096, 4096);
	// The length is rounded up first, which makes 0 of what is near 2^64.
	CHECK(mlock(p, -1) == 0 && munlock(p, -1) == 0 && mlock(p + 1, -4096L) == 0 && mlock(p + 4095, 0) == 0);
	FAILS(mlock(p, -4096L), EINVAL);
	FAILS(munlock(p, -4096L), EINVAL);
	FAILS(mlock(p, -(long)p), EINVAL);
	FAILS(mlock((void *)-4096L, 8192), EINVAL);
	FAILS(mlock(p, 1UL << 62), ENOMEM);
	FAILS(munlock(p, 1UL << 62), ENOMEM);
	FAILS(mlock(p, 3 * 4096), ENOMEM);
	FAILS(munlock(p, 3 * 4096), ENOMEM);
	FAILS(mlock(p + 4096, 4096), ENOMEM);
	CHECK(munlock(p, 4096) == 0 && mlock(p + 4096, 0) == 0 && munlock(p + 4096, 0) == 0);
	munmap(p, 3 * 4096);
}

static void *map(int fd, size_t n, unsigned long off) { return mmap(0, n, PROT_READ, MAP_SHARED, fd, off); }

// No byte of a file is at 2^63.
static void far(void)
{
	int fd = make("/d/far", 0644);
	const unsigned long wrong[][2] = {{4096, 0x7ffffffffffff000}, {8192, 0x7ffffffffffff000}, {4096, 1UL << 63}, {4096, -4096}, {8192, -4096}};
	for (int i = 0; i < 5; i++) {
		CHECK(map(fd, wrong[i][0], wrong[i][1]) == MAP_FAILED && errno == EOVERFLOW);
		CHECK(mmap(0, wrong[i][0], PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, wrong[i][1]) != MAP_FAILED);
	}
	CHECK(map(fd, 4096, 0x7fffffffffffe000) != MAP_FAILED);
	CHECK(map(fd, 4096, 1) == MAP_FAILED && errno == EINVAL);
	CHECK(map(99, 4096, 1UL << 63) == MAP_FAILED && errno == EBADF);
	CHECK(map(fd, 0, 1UL << 63) == MAP_FAILED && errno == EINVAL);
	close(fd);
}

int main(void)
{
	umask(022);
	mkdir("/t", 0755), mkdir("/d", 0755);
	mount("none", "/t", "tmpfs", 0, 0); // refused inside
	const char *dirs[] = {"/t", "/d"};
	for (int i = 0; i < 2; i++) {
		struct statfs fs;
		CHECK(chdir(dirs[i]) == 0 && statfs(".", &fs) == 0);
		kind = fs.f_type;
		int before = failures;
		renaming();
		powers();
		attributes();
		holes();
		whiteouts();
		devices();
		leases();
		temporaries();
		if (failures > before)
			printf("in %s, of type %#lx\n", dirs[i], kind), fflush(stdout);
	}
	no_advice();
	wrapping();
	far();
	return failures != 0;
}
