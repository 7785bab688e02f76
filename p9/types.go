package p9

// A QID names a file on a server, whatever its paths.
type QID struct {
	Type    uint8
	Version uint32
	Path    uint64
}

// Bits of QID.Type.
const (
	QTDir     = 0x80
	QTSymlink = 0x02
	QTFile    = 0
)

// QIDType is the QID.Type of a file with the given st_mode.
func QIDType(mode uint32) uint8 {
	switch mode & 0o170000 {
	case 0o040000:
		return QTDir
	case 0o120000:
		return QTSymlink
	}
	return QTFile
}

// A Time is a struct timespec.
type Time struct{ Sec, NSec int64 }

// An Attr is a file's attributes. Dev is 0 in the plain dialect.
type Attr struct {
	Valid   uint64 // Attr* bits
	Dev     uint64
	QID     QID
	Mode    uint32 // with S_IF*
	UID     uint32
	GID     uint32
	Nlink   uint64
	RDev    uint64
	Size    uint64 // bytes
	BlkSize uint64
	Blocks  uint64 // of 512 bytes
	ATime   Time
	MTime   Time
	CTime   Time
	BTime   Time
}

// Bits of Attr.Valid.
const (
	AttrBasic = 0x7ff // all of stat(2)
	AttrBTime = 0x800
)

// A SetAttr changes the attributes that Valid names.
type SetAttr struct {
	Valid    uint32
	Mode     uint32
	UID, GID uint32
	Size     uint64
	ATime    Time
	MTime    Time
}

// Bits of SetAttr.Valid. Without its Set bit a time is the server's present.
const (
	SetMode     = 0x1
	SetUID      = 0x2
	SetGID      = 0x4
	SetSize     = 0x8
	SetATime    = 0x10
	SetMTime    = 0x20
	SetCTime    = 0x40
	SetATimeSet = 0x80
	SetMTimeSet = 0x100
)

// A New is a file to be made.
type New struct {
	Name     string // "" for a regular file that no directory holds (O_TMPFILE)
	Mode     uint32 // with S_IF*
	RDev     uint64
	UID, GID uint32
	Target   string // of a symbolic link
}

// A Dirent is an entry of a directory.
type Dirent struct {
	QID  QID
	Next uint64 // the offset to read on from
	Type uint8  // DT_*
	Name string
}

// A StatFS is the state of a file system, as struct statfs.
type StatFS struct {
	Type, BlkSize        uint32
	Blocks, Free, Avail  uint64
	Files, FilesFree, ID uint64
	NameLen              uint32
}

// A Lock is a byte range, as fcntl(2)'s struct flock.
type Lock struct {
	Type   uint8 // LockRead, LockWrite, LockNone
	Start  uint64
	Length uint64 // 0 to the end
	PID    uint32
	Client string
}

// Types of locks.
const (
	LockRead  = 0
	LockWrite = 1
	LockNone  = 2
)

// Answers to Tlock.
const (
	lockSuccess = 0
	lockBlocked = 1
	lockError   = 2
)
