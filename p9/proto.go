package p9

import "strings"

// Versions that Tversion can settle on.
const (
	versionPlain    = "9P2000.L"
	versionGlovebox = "9P2000.L.glovebox1"
	versionUnknown  = "unknown"
)

// Types of messages; a reply's is one more than its request's.
const (
	rlerror      = 7
	tstatfs      = 8
	tlopen       = 12
	tlcreate     = 14
	tsymlink     = 16
	tmknod       = 18
	trename      = 20
	treadlink    = 22
	tgetattr     = 24
	tsetattr     = 26
	txattrwalk   = 30
	txattrcreate = 32
	treaddir     = 40
	tfsync       = 50
	tlock        = 52
	tgetlock     = 54
	tlink        = 70
	tmkdir       = 72
	trenameat    = 74
	tunlinkat    = 76
	tversion     = 100
	tauth        = 102
	tattach      = 104
	tflush       = 108
	twalk        = 110
	tread        = 116
	twrite       = 118
	tclunk       = 120
	tremove      = 122
)

// Messages of the glovebox dialect. An attr is a standard Rgetattr body behind
// dev[8].
const (
	// fid[4] newfid[4] nwname[2] nwname*(wname[s]); attr of the last. All
	// names are walked or none.
	twalkgetattr = 200
	// fid[4] flags[4]; nothing but the descriptor that comes along.
	// EOPNOTSUPP for files that are not to be donated.
	topenfd = 202
	// dfid[4] newfid[4] mode[4] rdev[8] uid[4] gid[4] name[s] target[s]; attr.
	// A regular file without a name is none's of the directory (O_TMPFILE).
	tmake = 204
	// fid[4] max[4] name[s]; value[n]. An empty name lists the names.
	tgetxattr = 206
	// fid[4] flags[4] name[s] value[n]; nothing.
	tsetxattr = 208
	// fid[4] name[s]; nothing.
	tremovexattr = 210
	// olddirfid[4] oldname[s] newdirfid[4] newname[s] flags[4]; nothing.
	trename2 = 212
	// As Twalkgetattr; attr donated[1]. If that is 1, a descriptor to read the
	// file by comes along, as of Topenfd.
	twalkopenfd = 214
	// fid[4] newfid[4] flags[4]; as Rlopen. newfid is fid's file, opened.
	tcloneopen = 216
	// As Treaddir; data[n] end[1]. end is 1 if nothing is behind the data.
	treaddirend = 218
	// fid[4]; nothing. The fid stays in use, but holds its file no more: all that
	// is asked of it is ESTALE.
	tforget = 220
)

// Sizes in bytes.
const (
	headerSize = 7 // size[4] type[1] tag[2]
	// ioHeader is what a Twrite or Rread needs beside its data, rounded up.
	ioHeader = 24
	minMSize = 4096
	maxMSize = 1 << 20
	// defaultMSize is what our client asks for.
	defaultMSize = 128<<10 + ioHeader

	maxName   = 255     // NAME_MAX
	maxTarget = 4095    // PATH_MAX less its NUL
	maxXattr  = 1 << 16 // XATTR_SIZE_MAX, and XATTR_LIST_MAX
	maxWalk   = 16      // MAXWELEM
)

const (
	noTag = ^uint16(0)
	noFid = ^uint32(0)
)

// Open flags are 9P's own, which are Linux's on x86-64.
const (
	openAccess = 3
	openTrunc  = 0o1000
)

// checkName reports whether name can stand for an entry of a directory.
func checkName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= maxName &&
		!strings.ContainsAny(name, "/\x00")
}
