package stack

import (
	"reflect"

	"gvisor.dev/gvisor/pkg/tcpip"

	"glovebox/abi/linux"
)

// errnos is what the engine's errors are in Linux.
var errnos = map[reflect.Type]linux.Errno{
	of[tcpip.ErrAborted]():                      linux.EPIPE,
	of[tcpip.ErrAddressFamilyNotSupported]():    linux.EAFNOSUPPORT,
	of[tcpip.ErrAlreadyBound]():                 linux.EINVAL,
	of[tcpip.ErrAlreadyConnected]():             linux.EISCONN,
	of[tcpip.ErrAlreadyConnecting]():            linux.EALREADY,
	of[tcpip.ErrBadAddress]():                   linux.EFAULT,
	of[tcpip.ErrBadBuffer]():                    linux.EFAULT,
	of[tcpip.ErrBadLocalAddress]():              linux.EADDRNOTAVAIL,
	of[tcpip.ErrBroadcastDisabled]():            linux.EACCES,
	of[tcpip.ErrClosedForReceive]():             linux.ESHUTDOWN, // Read makes an end of it
	of[tcpip.ErrClosedForSend]():                linux.EPIPE,
	of[tcpip.ErrConnectStarted]():               linux.EINPROGRESS,
	of[tcpip.ErrConnectionAborted]():            linux.ECONNABORTED,
	of[tcpip.ErrConnectionRefused]():            linux.ECONNREFUSED,
	of[tcpip.ErrConnectionReset]():              linux.ECONNRESET,
	of[tcpip.ErrDestinationRequired]():          linux.EDESTADDRREQ,
	of[tcpip.ErrDuplicateAddress]():             linux.EEXIST,
	of[tcpip.ErrDuplicateNICID]():               linux.EEXIST,
	of[tcpip.ErrEndpointBusy]():                 linux.EBUSY,
	of[tcpip.ErrHostDown]():                     linux.EHOSTDOWN,
	of[tcpip.ErrHostUnreachable]():              linux.EHOSTUNREACH,
	of[tcpip.ErrInvalidEndpointState]():         linux.EINVAL,
	of[tcpip.ErrInvalidNICID]():                 linux.ENODEV,
	of[tcpip.ErrInvalidOptionValue]():           linux.EINVAL,
	of[tcpip.ErrInvalidPortRange]():             linux.EINVAL,
	of[tcpip.ErrMalformedHeader]():              linux.EINVAL,
	of[tcpip.ErrMessageTooLong]():               linux.EMSGSIZE,
	of[tcpip.ErrMissingRequiredFields]():        linux.EINVAL,
	of[tcpip.ErrMulticastInputCannotBeOutput](): linux.EINVAL,
	of[tcpip.ErrNetworkUnreachable]():           linux.ENETUNREACH,
	of[tcpip.ErrNoBufferSpace]():                linux.ENOBUFS,
	of[tcpip.ErrNoNet]():                        linux.ENONET,
	of[tcpip.ErrNoPortAvailable]():              linux.EADDRNOTAVAIL,
	of[tcpip.ErrNoSuchFile]():                   linux.ENOENT,
	of[tcpip.ErrNotConnected]():                 linux.ENOTCONN,
	of[tcpip.ErrNotPermitted]():                 linux.EPERM,
	of[tcpip.ErrNotSupported]():                 linux.EOPNOTSUPP,
	of[tcpip.ErrPortInUse]():                    linux.EADDRINUSE,
	of[tcpip.ErrQueueSizeNotSupported]():        linux.ENOTTY,
	of[tcpip.ErrTimeout]():                      linux.ETIMEDOUT,
	of[tcpip.ErrUnknownDevice]():                linux.ENODEV,
	of[tcpip.ErrUnknownNICID]():                 linux.ENODEV,
	of[tcpip.ErrUnknownProtocol]():              linux.EPROTONOSUPPORT,
	of[tcpip.ErrUnknownProtocolOption]():        linux.ENOPROTOOPT,
	of[tcpip.ErrWouldBlock]():                   linux.EAGAIN,
}

func of[E any]() reflect.Type { return reflect.TypeFor[*E]() }

// errno is what err is in Linux, as an error: nil if there is none.
func errno(err tcpip.Error) error {
	switch err.(type) {
	case nil:
		return nil
	case *tcpip.ErrWouldBlock:
		return linux.EAGAIN // the only one that is no exception
	}
	if e, ok := errnos[reflect.TypeOf(err)]; ok {
		return e
	}
	return linux.EIO
}
