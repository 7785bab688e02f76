package linux

import "structs"

// O_TMPFILE without O_DIRECTORY (__O_TMPFILE).
const O_TMPFILE_BIT = 0o20000000

// AT_RECURSIVE is a flag of open_tree(2).
const AT_RECURSIVE = 0x8000

// Commands of fcntl(2).
const (
	F_DUPFD         = 0
	F_GETFD         = 1
	F_SETFD         = 2
	F_GETFL         = 3
	F_SETFL         = 4
	F_GETLK         = 5
	F_SETLK         = 6
	F_SETLKW        = 7
	F_SETOWN        = 8
	F_GETOWN        = 9
	F_SETSIG        = 10
	F_GETSIG        = 11
	F_SETOWN_EX     = 15
	F_GETOWN_EX     = 16
	F_OFD_GETLK     = 36
	F_OFD_SETLK     = 37
	F_OFD_SETLKW    = 38
	F_SETLEASE      = 1024
	F_GETLEASE      = 1025
	F_NOTIFY        = 1026
	F_DUPFD_QUERY   = 1027
	F_DUPFD_CLOEXEC = 1030
	F_SETPIPE_SZ    = 1031
	F_GETPIPE_SZ    = 1032
	F_ADD_SEALS     = 1033
	F_GET_SEALS     = 1034

	FD_CLOEXEC = 1
)

// Types of owners: struct f_owner_ex.
const (
	F_OWNER_TID  = 0
	F_OWNER_PID  = 1
	F_OWNER_PGRP = 2
)

// Types of locks: fcntl(2) and flock(2).
const (
	F_RDLCK = 0
	F_WRLCK = 1
	F_UNLCK = 2

	LOCK_SH = 1
	LOCK_EX = 2
	LOCK_NB = 4
	LOCK_UN = 8
)

// Seals of F_ADD_SEALS.
const (
	F_SEAL_SEAL         = 0x1
	F_SEAL_SHRINK       = 0x2
	F_SEAL_GROW         = 0x4
	F_SEAL_WRITE        = 0x8
	F_SEAL_FUTURE_WRITE = 0x10
	F_SEAL_EXEC         = 0x20
)

// Flock is struct flock (fcntl(2)).
type Flock struct {
	_      structs.HostLayout
	Type   int16
	Whence int16
	Pad1   int32
	Start  int64
	Len    int64
	PID    int32
	Pad2   int32
}

// OpenHow is struct open_how (openat2(2)).
type OpenHow struct {
	_       structs.HostLayout
	Flags   uint64
	Mode    uint64
	Resolve uint64
}

// Flags of setxattr(2), and its limits (include/uapi/linux/limits.h).
const (
	XATTR_CREATE  = 1
	XATTR_REPLACE = 2

	XATTR_NAME_MAX = 255
	XATTR_SIZE_MAX = 65536
	XATTR_LIST_MAX = 65536
)

// Flags of fallocate(2).
const (
	FALLOC_FL_KEEP_SIZE      = 0x01
	FALLOC_FL_PUNCH_HOLE     = 0x02
	FALLOC_FL_COLLAPSE_RANGE = 0x08
	FALLOC_FL_ZERO_RANGE     = 0x10
	FALLOC_FL_INSERT_RANGE   = 0x20
	FALLOC_FL_UNSHARE_RANGE  = 0x40
)

// LINK_MAX is how many names a file can have here.
const LINK_MAX = 1 << 31
