package linux

import "structs"

// Termios is struct ktermios as TCGETS has it (asm-generic/termbits.h).
type Termios struct {
	_                          structs.HostLayout
	Iflag, Oflag, Cflag, Lflag uint32
	Line                       uint8
	Cc                         [NCCS]uint8
}

// Termios2 is struct termios2, with free speeds.
type Termios2 struct {
	_ structs.HostLayout
	Termios
	Ispeed, Ospeed uint32
}

// Winsize is struct winsize (TIOCGWINSZ).
type Winsize struct {
	_                      structs.HostLayout
	Row, Col, Xpixel, Ypix uint16
}

// NCCS is how many control characters there are.
const NCCS = 19

// Indices of Termios.Cc (termios(3)).
const (
	VINTR    = 0
	VQUIT    = 1
	VERASE   = 2
	VKILL    = 3
	VEOF     = 4
	VTIME    = 5
	VMIN     = 6
	VSWTC    = 7
	VSTART   = 8
	VSTOP    = 9
	VSUSP    = 10
	VEOL     = 11
	VREPRINT = 12
	VDISCARD = 13
	VWERASE  = 14
	VLNEXT   = 15
	VEOL2    = 16
)

// Flags of Termios.Iflag.
const (
	IGNBRK  = 0x1
	BRKINT  = 0x2
	ISTRIP  = 0x20
	INLCR   = 0x40
	IGNCR   = 0x80
	ICRNL   = 0x100
	IUCLC   = 0x200
	IXON    = 0x400
	IXANY   = 0x800
	IXOFF   = 0x1000
	IMAXBEL = 0x2000
	IUTF8   = 0x4000
)

// Flags of Termios.Oflag.
const (
	OPOST  = 0x1
	OLCUC  = 0x2
	ONLCR  = 0x4
	OCRNL  = 0x8
	ONOCR  = 0x10
	ONLRET = 0x20
	TABDLY = 0x1800
	XTABS  = 0x1800
)

// Flags of Termios.Cflag.
const (
	CBAUD   = 0x100f
	B38400  = 0xf
	CS8     = 0x30
	CREAD   = 0x80
	HUPCL   = 0x400
	BOTHER  = 0x1000
	CSIZE   = 0x30
	PARENB  = 0x100
	CIBAUD  = 0x100f0000
	CRTSCTS = 0x80000000
)

// Flags of Termios.Lflag.
const (
	ISIG    = 0x1
	ICANON  = 0x2
	ECHO    = 0x8
	ECHOE   = 0x10
	ECHOK   = 0x20
	ECHONL  = 0x40
	NOFLSH  = 0x80
	TOSTOP  = 0x100
	ECHOCTL = 0x200
	ECHOPRT = 0x400
	ECHOKE  = 0x800
	FLUSHO  = 0x1000
	IEXTEN  = 0x8000
	EXTPROC = 0x10000
)

// Requests of ioctl_tty(2).
const (
	TCGETS     = 0x5401
	TCSETS     = 0x5402
	TCSETSW    = 0x5403
	TCSETSF    = 0x5404
	TCSBRK     = 0x5409
	TCXONC     = 0x540a
	TCFLSH     = 0x540b
	TIOCEXCL   = 0x540c
	TIOCNXCL   = 0x540d
	TIOCSCTTY  = 0x540e
	TIOCGPGRP  = 0x540f
	TIOCSPGRP  = 0x5410
	TIOCOUTQ   = 0x5411
	TIOCSTI    = 0x5412
	TIOCGWINSZ = 0x5413
	TIOCSWINSZ = 0x5414
	TIOCCONS   = 0x541d
	TIOCPKT    = 0x5420
	TIOCNOTTY  = 0x5422
	TIOCSETD   = 0x5423
	TIOCGETD   = 0x5424
	TCSBRKP    = 0x5425
	TIOCGSID   = 0x5429
	TCGETS2    = 0x802c542a
	TCSETS2    = 0x402c542b
	TCSETSW2   = 0x402c542c
	TCSETSF2   = 0x402c542d
	TIOCGPTN   = 0x80045430
	TIOCSPTLCK = 0x40045431
	TIOCSIG    = 0x40045436
	TIOCGPKT   = 0x80045438
	TIOCGPTLCK = 0x80045439

	// Arguments of TCFLSH and TCXONC.
	TCIFLUSH  = 0
	TCOFLUSH  = 1
	TCIOFLUSH = 2
	TCOOFF    = 0
	TCOON     = 1
)
