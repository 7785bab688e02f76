package host

import (
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// An InetHost is what a Sentry asks the host about the network namespace that it is in.
// It is opened before the Sentry is sealed: no file and no netlink socket can be opened
// afterwards.
type InetHost struct {
	// Route is a socket of NETLINK_ROUTE. What a Sentry could ask it for by any
	// message is to tell: to change something takes capabilities that it has not.
	Route int
	// Control is a socket for netdevice(7).
	Control int
	// Files are those of /proc/net that were asked for and are there.
	Files map[string]int
	// FirstPort is net.ipv4.ip_unprivileged_port_start.
	FirstPort int
}

// OpenInet opens it. procFD is the root of a procfs.
func OpenInet(procFD int, files []string) (h *InetHost, err error) {
	h = &InetHost{Files: map[string]int{}, FirstPort: 1024}
	if h.Route, err = unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|inetType, unix.NETLINK_ROUTE); err != nil {
		return nil, fmt.Errorf("netlink socket: %w", err)
	}
	if h.Control, err = InetSocket(unix.AF_INET, unix.SOCK_DGRAM, 0); err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	for _, name := range files {
		fd, err := unix.Openat(procFD, "self/net/"+name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			continue // a host without IPv6, say
		}
		h.Files[name] = fd
	}
	fd, err := unix.Openat(procFD, "sys/net/ipv4/ip_unprivileged_port_start", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return h, nil // hidden, or an old kernel's: 1024
	}
	defer unix.Close(fd)
	b := make([]byte, 16)
	n, err := unix.Read(fd, b)
	if err != nil {
		return nil, fmt.Errorf("ip_unprivileged_port_start: %w", err)
	}
	h.FirstPort, err = strconv.Atoi(strings.TrimSpace(string(b[:n])))
	return h, err
}

// ReadAll returns what is in a file by now, up to limit bytes of it.
func ReadAll(fd, limit int) ([]byte, error) {
	var all []byte
	b := make([]byte, 32<<10)
	for len(all) < limit {
		n, err := unix.Pread(fd, b, int64(len(all)))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			return all, err
		}
		all = append(all, b[:n]...)
	}
	return all, nil
}

// CloseSocket is close(2).
func CloseSocket(fd int) { unix.Close(fd) }
