// Package socket is what all families of sockets have in common: the interface
// behind which the calls of socket(7) find them, the messages that pass it, and
// the options that mean the same everywhere.
package socket

import (
	"glovebox/abi/linux"
	"glovebox/lib/wait"
	"glovebox/sentry/guest"
	"glovebox/sentry/namespace"
	"glovebox/sentry/vfs"
)

// A Socket is what stands behind the descriptor of a socket (struct proto_ops).
// As all files it never blocks: EAGAIN says that Queue tells when to try again.
// Addresses are struct sockaddr as the guest wrote them, at most
// linux.SizeOfSockaddrStorage bytes.
type Socket interface {
	vfs.FileOps
	// Common returns what the socket shares with those of other families.
	Common() *Base
	Bind(c *vfs.Ctx, addr []byte) error
	// Connect returns EINPROGRESS for a connection that goes on by itself.
	// With EAGAIN comes the queue to wait on before the call is repeated.
	Connect(c *vfs.Ctx, addr []byte) (*wait.Queue, error)
	Listen(c *vfs.Ctx, backlog int) error
	// Accept returns a new connection.
	Accept(c *vfs.Ctx) (Socket, error)
	// Shutdown is given SHUT_RD, SHUT_WR or SHUT_RDWR.
	Shutdown(c *vfs.Ctx, how int) error
	// Name and Peer are getsockname(2) and getpeername(2).
	Name() ([]byte, error)
	Peer() ([]byte, error)
	// Send drains b. A count below b's length with EAGAIN says that the rest
	// must wait.
	Send(c *vfs.Ctx, b *guest.Buf, m *Outgoing) (int64, error)
	// Recv fills b.
	Recv(c *vfs.Ctx, b *guest.Buf, m *Incoming) (int64, error)
	// Option is getsockopt(2) for what Base does not know: the value, which
	// the caller cuts to the guest's length.
	Option(c *vfs.Ctx, level, name int) ([]byte, error)
	// SetOption is setsockopt(2) for the same.
	SetOption(c *vfs.Ctx, level, name int, value []byte) error
}

// An Observer is a socket that must know when an option changes that Base keeps.
type Observer interface {
	// Changed is told of the option SO_name after it was set.
	Changed(name int)
}

// A Questioned is a socket of which getsockopt(2) asks by the value that it is given.
type Questioned interface {
	// Asks reports whether an option is one of those.
	Asks(level, name int) bool
	// Answer returns its value for the one that was given.
	Answer(c *vfs.Ctx, level, name int, value []byte) ([]byte, error)
}

// An Accepted is a connection that still knows who made it once it has ended.
type Accepted interface {
	// From is the peer's address at the time of accept(2).
	From() []byte
}

// A Family makes sockets: a socket(2) domain.
type Family interface {
	// Socket makes a socket of a type SOCK_* and protocol.
	Socket(c *vfs.Ctx, typ, protocol int) (Socket, error)
	// Pair makes two that are connected: EOPNOTSUPP where there is no such
	// thing.
	Pair(c *vfs.Ctx, typ, protocol int) (a, b Socket, err error)
}

// Families is the families of a network namespace by AF_*.
type Families map[int]Family

// A Namespace is a network namespace (network_namespaces(7)), counted by the tasks in it,
// the files that stand for it and its sockets.
type Namespace interface {
	namespace.Object
	// Inc adds a reference. The caller must hold one.
	Inc()
	// Families returns what makes sockets. It is not changed.
	Families() Families
	// Fresh returns a new one with one reference, in which there is lo and it is down:
	// ENOSPC if there are too many.
	Fresh() (Namespace, error)
}

// An Outgoing is what sendmsg(2) says beside the data.
type Outgoing struct {
	To      []byte // nil: the peer
	Flags   uint32 // MSG_*
	Control Control
	// Wait is set with EAGAIN where Queue is not what tells of room.
	Wait *wait.Queue
}

// An Incoming is what recvmsg(2) learns beside the data.
type Incoming struct {
	Flags uint32 // MSG_* of the call
	// From is the sender's address, nil if there is none.
	From []byte
	// Out is what msg_flags shows.
	Out uint32
	// Full is the length of the message, of which b may have taken a part.
	Full int64
	// AtMark says that a stream was read up to the urgent mark, and no further.
	AtMark  bool
	Control Control
}

// Control is ancillary data (cmsg(3)), decoded where the Sentry must act on it.
type Control struct {
	// Files are the open files of SCM_RIGHTS, each with a reference of its
	// own: a sent message's become the socket's if it is accepted, a received
	// one's are the caller's.
	Files []*vfs.File
	// MaxInFlight bounds how many files the sender may have on the way
	// (RLIMIT_NOFILE).
	MaxInFlight uint64
	// Creds are those of SCM_CREDENTIALS, nil if there are none.
	Creds *linux.Ucred
	// Others are passed as they are.
	Others []Cmsg
}

// A Cmsg is one piece of ancillary data.
type Cmsg struct {
	Level, Type int32
	Data        []byte
}
