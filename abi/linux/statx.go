package linux

import "structs"

// StatxTimestamp is struct statx_timestamp.
type StatxTimestamp struct {
	_    structs.HostLayout
	Sec  int64
	Nsec uint32
	Pad  int32
}

// Statx is struct statx.
type Statx struct {
	_              structs.HostLayout
	Mask           uint32
	BlkSize        uint32
	Attributes     uint64
	Nlink          uint32
	UID            uint32
	GID            uint32
	Mode           uint16
	Pad1           uint16
	Ino            uint64
	Size           uint64
	Blocks         uint64
	AttributesMask uint64
	Atime          StatxTimestamp
	Btime          StatxTimestamp
	Ctime          StatxTimestamp
	Mtime          StatxTimestamp
	RDevMajor      uint32
	RDevMinor      uint32
	DevMajor       uint32
	DevMinor       uint32
	MntID          uint64
	DioMemAlign    uint32
	DioOffsetAlign uint32
	Spare          [12]uint64
}

// Bits of Statx.Mask.
const (
	STATX_BASIC_STATS = 0x7ff
	STATX_BTIME       = 0x800
	STATX_ALL         = 0xfff
	STATX_MNT_ID      = 0x1000
	STATX_RESERVED    = 0x80000000

	STATX_ATTR_MOUNT_ROOT = 0x2000
)

// Magic numbers of file systems (include/uapi/linux/magic.h).
const (
	TMPFS_MAGIC        = 0x01021994
	RAMFS_MAGIC        = 0x858458f6
	PROC_SUPER_MAGIC   = 0x9fa0
	SYSFS_MAGIC        = 0x62656572
	DEVPTS_SUPER_MAGIC = 0x1cd1
	OVERLAYFS_MAGIC    = 0x794c7630
	MQUEUE_MAGIC       = 0x19800202
	CGROUP2_MAGIC      = 0x63677270
	CGROUP_SUPER_MAGIC = 0x27e0eb
	V9FS_MAGIC         = 0x01021997
	ANON_INODE_FS      = 0x09041934
)

// Flags of mount(2) and umount2(2).
const (
	MS_RDONLY      = 0x1
	MS_NOSUID      = 0x2
	MS_NODEV       = 0x4
	MS_NOEXEC      = 0x8
	MS_SYNCHRONOUS = 0x10
	MS_REMOUNT     = 0x20
	MS_DIRSYNC     = 0x80
	MS_NOSYMFOLLOW = 0x100
	MS_NOATIME     = 0x400
	MS_NODIRATIME  = 0x800
	MS_BIND        = 0x1000
	MS_MOVE        = 0x2000
	MS_REC         = 0x4000
	MS_SILENT      = 0x8000
	MS_UNBINDABLE  = 1 << 17
	MS_PRIVATE     = 1 << 18
	MS_SLAVE       = 1 << 19
	MS_SHARED      = 1 << 20
	MS_RELATIME    = 1 << 21
	MS_STRICTATIME = 1 << 24
	MS_LAZYTIME    = 1 << 25

	MNT_FORCE       = 1
	MNT_DETACH      = 2
	MNT_EXPIRE      = 4
	UMOUNT_NOFOLLOW = 8
)

// MakeDev returns a device number as stat(2) shows it (makedev(3), with
// glibc's encoding, which is the kernel's new_encode_dev for small numbers).
func MakeDev(major, minor uint32) uint64 {
	return uint64(major&0xfff)<<8 | uint64(major&^0xfff)<<32 | uint64(minor&0xff) | uint64(minor&^0xff)<<12
}

// Major returns the major number of dev.
func Major(dev uint64) uint32 { return uint32(dev>>8&0xfff) | uint32(dev>>32)&^0xfff }

// Minor returns the minor number of dev.
func Minor(dev uint64) uint32 { return uint32(dev&0xff) | uint32(dev>>12)&^0xff }
