package host

import (
	"fmt"
	"os"
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
	// Settings are files of /proc/sys/net by their paths in it, as they were: too many
	// to be held open.
	Settings map[string]string
}

// firstPort is the path of FirstPort's setting.
const firstPort = "ipv4/ip_unprivileged_port_start"

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
	h.Settings = map[string]string{}
	for _, dir := range []string{"core", "ipv4", "ipv6"} {
		readSettings(procFD, dir, h.Settings)
	}
	if s, ok := h.Settings[firstPort]; ok { // else it is hidden, or the kernel old
		h.FirstPort, err = strconv.Atoi(strings.TrimSpace(s))
	}
	return h, err
}

// readSettings reads the files of a directory of /proc/sys/net that everybody may read.
func readSettings(procFD int, dir string, to map[string]string) {
	fd, err := unix.Openat(procFD, "sys/net/"+dir, unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	d := os.NewFile(uintptr(fd), dir)
	defer d.Close()
	list, _ := d.ReadDir(-1) // what there is of it
	for _, e := range list {
		if !e.Type().IsRegular() {
			continue
		}
		f, err := unix.Openat(fd, e.Name(), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
		if err != nil {
			continue
		}
		if b, err := ReadAll(f, 4096); err == nil {
			to[dir+"/"+e.Name()] = string(b)
		}
		unix.Close(f)
	}
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
