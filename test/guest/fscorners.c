// Corners of file systems: what changes which time, who keeps set-id bits, holes,
// whiteouts, files without names, devices, leases. All of it is tried on a tmpfs and on
// whatever the root is.
#define _GNU_SOURCE
#include "check.h"
#include <fcntl.h>
#include <grp.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysmacros.h>

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
		if (failures > before)
			printf("in %s, of type %#lx\n", dirs[i], kind), fflush(stdout);
	}
	return failures != 0;
}
