package linux

import "structs"

// UTSLen is the longest name of uname(2) without its NUL.
const UTSLen = 64

// Utsname is struct new_utsname.
type Utsname struct {
	_          structs.HostLayout
	Sysname    [UTSLen + 1]byte
	Nodename   [UTSLen + 1]byte
	Release    [UTSLen + 1]byte
	Version    [UTSLen + 1]byte
	Machine    [UTSLen + 1]byte
	Domainname [UTSLen + 1]byte
}

// Sysinfo is struct sysinfo (sysinfo(2)).
type Sysinfo struct {
	_         structs.HostLayout
	Uptime    int64
	Loads     [3]uint64
	Totalram  uint64
	Freeram   uint64
	Sharedram uint64
	Bufferram uint64
	Totalswap uint64
	Freeswap  uint64
	Procs     uint16
	_         [6]byte
	Totalhigh uint64
	Freehigh  uint64
	MemUnit   uint32
	_         uint32
}

// Flags of getrandom(2).
const (
	GRND_NONBLOCK = 1
	GRND_RANDOM   = 2
	GRND_INSECURE = 4
)

// CapHeader is struct __user_cap_header_struct.
type CapHeader struct {
	_       structs.HostLayout
	Version uint32
	PID     int32
}

// CapDataSize is the size of CapData.
const CapDataSize = 12

// CapData is struct __user_cap_data_struct.
type CapData struct {
	_                                 structs.HostLayout
	Effective, Permitted, Inheritable uint32
}
