package sys

import (
	"strings"
	"testing"

	"glovebox/abi/linux"
	"glovebox/abi/sysno"
)

// missing is the calls whose families are still to come. It may only shrink.
const missing = `
read write open close stat fstat lstat poll lseek mmap mprotect munmap brk ioctl pread64 pwrite64
readv writev access pipe select mremap msync mincore madvise shmget shmat shmctl dup dup2 sendfile
socket connect accept sendto recvfrom sendmsg recvmsg shutdown bind listen getsockname getpeername
socketpair setsockopt getsockopt semget semop semctl shmdt msgget msgsnd msgrcv msgctl fcntl
flock fsync fdatasync truncate ftruncate getdents getcwd chdir fchdir rename mkdir rmdir creat link
unlink symlink readlink chmod fchmod chown fchown lchown umask utime mknod ustat statfs fstatfs mlock
munlock mlockall munlockall pivot_root chroot sync mount umount2 readahead setxattr lsetxattr
fsetxattr getxattr lgetxattr fgetxattr listxattr llistxattr flistxattr removexattr lremovexattr
fremovexattr io_setup io_destroy io_getevents io_submit io_cancel epoll_create remap_file_pages
getdents64 semtimedop fadvise64 epoll_wait epoll_ctl utimes mq_open mq_unlink mq_timedsend
mq_timedreceive mq_notify mq_getsetattr inotify_init inotify_add_watch inotify_rm_watch openat mkdirat
mknodat fchownat futimesat newfstatat unlinkat renameat linkat symlinkat readlinkat fchmodat faccessat
pselect6 ppoll splice tee sync_file_range vmsplice utimensat epoll_pwait signalfd timerfd_create
eventfd fallocate timerfd_settime timerfd_gettime accept4 signalfd4 eventfd2 epoll_create1 dup3 pipe2
inotify_init1 preadv pwritev recvmmsg name_to_handle_at open_by_handle_at syncfs sendmmsg
process_vm_readv process_vm_writev renameat2 memfd_create mlock2 copy_file_range preadv2
pwritev2 pkey_mprotect pkey_alloc pkey_free statx io_pgetevents open_tree move_mount
fsopen fsconfig fsmount fspick close_range openat2 faccessat2 process_madvise
epoll_pwait2 mount_setattr process_mrelease cachestat fchmodat2
mbind set_mempolicy get_mempolicy migrate_pages move_pages userfaultfd memfd_secret set_mempolicy_home_node`

func TestEveryCallHasARow(t *testing.T) {
	toCome := map[string]bool{}
	for _, n := range strings.Fields(missing) {
		toCome[n] = true
	}
	for no, name := range sysno.Names {
		c := &table[no]
		switch {
		case name == "" && c.fn != nil:
			t.Errorf("row for number %d, which is no call", no)
		case name == "":
		case c.fn == nil && !toCome[name]:
			t.Errorf("%s has no row", name)
		case c.fn != nil && toCome[name]:
			t.Logf("%s has a row: take it off the list", name)
		case c.fn != nil && c.Errno != 0 && c.Why == "":
			t.Errorf("%s is refused without a reason", name)
		}
	}
}

func TestFamiliesAreDisjoint(t *testing.T) {
	seen := map[int]bool{}
	for _, f := range families {
		for no := range f {
			if seen[no] {
				t.Errorf("%s is in two families", sysno.Names[no])
			}
			seen[no] = true
		}
	}
}

func TestNanoseconds(t *testing.T) {
	for _, c := range []struct {
		in   linux.Timespec
		want int64
		err  error
	}{
		{linux.Timespec{Sec: 1, Nsec: 5}, 1_000_000_005, nil},
		{linux.Timespec{Nsec: 1_000_000_000}, 0, linux.EINVAL},
		{linux.Timespec{Nsec: -1}, 0, linux.EINVAL},
		{linux.Timespec{Sec: -1}, 0, linux.EINVAL},
		{linux.Timespec{Sec: 1 << 62}, 1<<63 - 1, nil},
	} {
		if got, err := nanoseconds(c.in); got != c.want || err != c.err {
			t.Errorf("nanoseconds(%v) = %d, %v; want %d, %v", c.in, got, err, c.want, c.err)
		}
	}
}
