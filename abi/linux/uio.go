package linux

import "structs"

// IOVec is struct iovec (readv(2)); Base is a guest address.
type IOVec struct {
	_    structs.HostLayout
	Base uint64
	Len  uint64
}

// Limits of readv(2), from include/uapi/linux/uio.h and fs.h.
const (
	UIO_MAXIOV   = 1024
	UIO_FASTIOV  = 8
	MAX_RW_COUNT = 0x7ffff000
)

// Flags of preadv2(2) and pwritev2(2).
const (
	RWF_HIPRI    = 0x1
	RWF_DSYNC    = 0x2
	RWF_SYNC     = 0x4
	RWF_NOWAIT   = 0x8
	RWF_APPEND   = 0x10
	RWF_NOAPPEND = 0x20
	RWF_ATOMIC   = 0x40
)

// Flags of splice(2), tee(2) and vmsplice(2).
const (
	SPLICE_F_MOVE     = 1
	SPLICE_F_NONBLOCK = 2
	SPLICE_F_MORE     = 4
	SPLICE_F_GIFT     = 8
)

// PIPE_BUF is how many bytes a pipe takes at once or not at all (pipe(7)).
const PIPE_BUF = 4096
