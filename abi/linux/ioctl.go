package linux

// Requests of ioctl(2) that every file understands, and those of sockets and
// pipes, from include/uapi/asm-generic/ioctls.h.
const (
	FIONREAD   = 0x541b
	FIONBIO    = 0x5421
	FIONCLEX   = 0x5450
	FIOCLEX    = 0x5451
	FIOASYNC   = 0x5452
	FIOQSIZE   = 0x5460
	FIGETBSZ   = 2
	FIBMAP     = 1
	SIOCOUTQ   = 0x5411
	SIOCINQ    = FIONREAD
	SIOCATMARK = 0x8905

	FS_IOC_GETFLAGS   = 0x80086601
	FS_IOC_SETFLAGS   = 0x40086602
	FS_IOC_FSGETXATTR = 0x801c581f
	FICLONE           = 0x40049409
	FICLONERANGE      = 0x4020940d
)
