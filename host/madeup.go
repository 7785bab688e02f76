package host

import "golang.org/x/sys/unix"

// MadeUp reports whether a file's content is made up by the host's kernel as it is
// read: a descriptor of one can say more, and take other calls, than a file's.
func MadeUp(fd int) (bool, error) {
	var st unix.Statfs_t
	if err := unix.Fstatfs(fd, &st); err != nil {
		return false, err
	}
	switch st.Type {
	case unix.PROC_SUPER_MAGIC, unix.SYSFS_MAGIC, unix.DEBUGFS_MAGIC, unix.TRACEFS_MAGIC,
		unix.SECURITYFS_MAGIC, unix.SELINUX_MAGIC, unix.SMACK_MAGIC, unix.CGROUP_SUPER_MAGIC, unix.CGROUP2_SUPER_MAGIC,
		unix.BPF_FS_MAGIC, unix.PSTOREFS_MAGIC, unix.EFIVARFS_MAGIC, unix.NSFS_MAGIC, unix.BINFMTFS_MAGIC,
		unix.RDTGROUP_SUPER_MAGIC, configfsMagic, mqueueMagic:
		return true, nil
	}
	return false, nil
}

// Magic numbers that x/sys lacks: fs/configfs/mount.c, ipc/mqueue.c.
const (
	configfsMagic = 0x62656570
	mqueueMagic   = 0x19800202
)
