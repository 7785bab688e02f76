package e2e

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"golang.org/x/sys/unix"
)

// TestHostilePackets: frames that nobody should send, from the other end of the wire, of
// every layer. The sandbox serves others all the while, and is not larger afterwards.
func TestHostilePackets(t *testing.T) {
	w := newWire(t)
	h := newHost(t)
	id := h.id()
	h.background("run", "--detach", "--bundle", h.bundle(w.in, "sh", "-c",
		"(while :; do nc -u -l -p 5353 -e cat; done) 2>/dev/null & while :; do echo alive | nc -l -p 7007; done"), id)
	alive := func() {
		t.Helper()
		for end := time.Now().Add(30 * time.Second); ; {
			c := w.dial("10.91.0.2:7007")
			b, _ := io.ReadAll(c)
			c.Close()
			if string(b) == "alive\n" {
				return
			}
			if time.Now().After(end) {
				t.Fatalf("it says %q", b)
			}
		}
	}
	alive()
	sentry := h.state(id).Pid
	before := resident(t, sentry)
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 1))
	err := w.at(func() error {
		dev, err := net.InterfaceByName("eth1")
		if err != nil {
			return err
		}
		fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, 0)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		to := &unix.SockaddrLinklayer{Ifindex: dev.Index, Halen: 6}
		near := nearMAC(t, w)
		for i := range often(1_000_000, 50_000) {
			if err := unix.Sendto(fd, hostileFrame(rng, near, dev.HardwareAddr), 0, to); err != nil && err != unix.ENOBUFS && err != unix.EMSGSIZE && err != unix.EINVAL {
				return err
			}
			if i%1000 == 0 {
				time.Sleep(time.Millisecond) // so that not all is lost on the way
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	// The link comes and goes as well.
	iproute(t, "-n", w.far, "link", "set", "eth1", "down")
	iproute(t, "-n", w.far, "link", "set", "eth1", "up")
	alive()
	const more = 96 << 20
	eventually(t, "it is as small as it was", func() bool { return resident(t, sentry) < before+more })
	if s := h.state(id).Status; s != specs.StateRunning {
		t.Errorf("it is %s", s)
	}
	h.must("delete", "--force", id)
	h.nothingLeft()
}

// resident is how much memory a process has, in bytes.
func resident(t *testing.T, pid int) int {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		t.Fatal(err)
	}
	n, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return n * os.Getpagesize()
}

func nearMAC(t *testing.T, w *wire) net.HardwareAddr {
	t.Helper()
	out := iproute(t, "-n", w.nearName(), "link", "show", "eth0")
	mac, err := net.ParseMAC(strings.Fields(out[strings.Index(out, "link/ether "):])[1])
	if err != nil {
		t.Fatal(err)
	}
	return mac
}

var (
	near4, far4 = net.IPv4(10, 91, 0, 2).To4(), net.IPv4(10, 91, 0, 1).To4()
	near6, far6 = net.ParseIP("fd91::2"), net.ParseIP("fd91::1")
)

// hostileFrame is a frame that is nearly right, of which some is wrong.
func hostileFrame(r *rand.Rand, to, from net.HardwareAddr) []byte {
	var payload []byte
	kind := uint16(unix.ETH_P_IP)
	switch r.IntN(10) {
	case 0:
		payload = noise(r, 1500)
		kind = uint16(r.Uint32())
	case 1:
		kind, payload = unix.ETH_P_ARP, arp(r, to, from)
	case 2, 3, 4:
		kind, payload = unix.ETH_P_IPV6, ipv6(r)
	default:
		payload = ipv4(r)
	}
	f := append(append(append([]byte{}, to...), from...), byte(kind>>8), byte(kind))
	if r.IntN(20) == 0 {
		copy(f, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
	}
	f = append(f, payload...)
	for range r.IntN(4) { // bits that fall over
		f[12+r.IntN(len(f)-12)] ^= 1 << r.IntN(8)
	}
	if r.IntN(8) == 0 {
		f = f[:14+r.IntN(len(f)-13)]
	}
	return f[:min(len(f), 1514)]
}

func noise(r *rand.Rand, most int) []byte {
	b := make([]byte, r.IntN(most))
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func arp(r *rand.Rand, to, from net.HardwareAddr) []byte {
	b := []byte{0, 1, 8, 0, 6, 4, 0, byte(1 + r.IntN(2))}
	b = append(append(b, from...), far4...)
	if r.IntN(2) == 0 {
		b[len(b)-1] = byte(r.Uint32()) // somebody else
	}
	return append(append(b, to...), near4...)
}

// sum is the Internet checksum of parts.
func sum(parts ...[]byte) uint16 {
	var s uint32
	for _, p := range parts {
		for i := 0; i < len(p); i += 2 {
			s += uint32(p[i]) << 8
			if i+1 < len(p) {
				s += uint32(p[i+1])
			}
		}
	}
	for s>>16 != 0 {
		s = s&0xffff + s>>16
	}
	return ^uint16(s)
}

// transport is a TCP, UDP or ICMP message, its checksum right most times.
func transport(r *rand.Rand, v6 bool) (proto byte, b []byte) {
	port := []uint16{7007, 5353, uint16(r.Uint32())}[r.IntN(3)]
	src, dst, icmp := []byte(far4), []byte(near4), byte(unix.IPPROTO_ICMP)
	if v6 {
		src, dst, icmp = far6, near6, unix.IPPROTO_ICMPV6
	}
	data := noise(r, 200)
	at := 0
	switch r.IntN(3) {
	case 0:
		proto, at = unix.IPPROTO_TCP, 16
		b = make([]byte, 20)
		binary.BigEndian.PutUint16(b, uint16(r.Uint32()))
		binary.BigEndian.PutUint16(b[2:], port)
		binary.BigEndian.PutUint32(b[4:], r.Uint32())
		binary.BigEndian.PutUint32(b[8:], r.Uint32())
		b[12], b[13] = 0x50, byte(r.Uint32())
		if options := noise(r, 40); r.IntN(2) == 0 {
			b = append(b, options[:len(options)&^3]...)
			b[12] = byte(len(b)/4) << 4
		}
		binary.BigEndian.PutUint16(b[14:], uint16(r.Uint32()))
	case 1:
		proto, at = unix.IPPROTO_UDP, 6
		b = make([]byte, 8)
		binary.BigEndian.PutUint16(b, uint16(r.Uint32()))
		binary.BigEndian.PutUint16(b[2:], port)
		binary.BigEndian.PutUint16(b[4:], uint16(8+len(data)))
	default:
		proto, at = icmp, 2
		b = make([]byte, 8)
		b[0], b[1] = byte(r.Uint32()), byte(r.IntN(16))
		if v6 {
			b[0] = byte(128 + r.IntN(16)) // echo, neighbours, routers
			data = append(append(append([]byte{}, near6...), 2, 1, 2, 3, 4, 5, 6, 7), data...)
		}
	}
	b = append(b, data...)
	if r.IntN(8) != 0 {
		pseudo := append(append(append([]byte{}, src...), dst...), 0, proto, byte(len(b)>>8), byte(len(b)))
		if proto == unix.IPPROTO_ICMP {
			pseudo = nil
		}
		binary.BigEndian.PutUint16(b[at:], sum(pseudo, b))
	}
	return proto, b
}

func ipv4(r *rand.Rand) []byte {
	proto, b := transport(r, false)
	head := make([]byte, 20)
	if r.IntN(6) == 0 { // options
		options := noise(r, 40)
		head = append(head, options[:len(options)&^3]...)
	}
	head[0] = 0x40 | byte(len(head)/4)
	binary.BigEndian.PutUint16(head[2:], uint16(len(head)+len(b)))
	binary.BigEndian.PutUint16(head[4:], uint16(r.IntN(8)))
	if r.IntN(4) == 0 { // fragments, which lie over one another
		binary.BigEndian.PutUint16(head[6:], uint16(r.IntN(2)<<13|r.IntN(64)))
	}
	head[8], head[9] = 64, proto
	copy(head[12:], far4)
	copy(head[16:], near4)
	if r.IntN(16) == 0 {
		copy(head[12:], noise(r, 5))
	}
	binary.BigEndian.PutUint16(head[10:], sum(head))
	return append(head, b...)
}

func ipv6(r *rand.Rand) []byte {
	proto, b := transport(r, true)
	for range r.IntN(4) { // extension headers
		kind := []byte{0, 43, 44, 60, 51, 59}[r.IntN(6)]
		ext := make([]byte, 8)
		copy(ext[2:], noise(r, 7))
		ext[0] = proto
		if r.IntN(4) == 0 {
			ext[1] = byte(r.Uint32())
		}
		proto, b = kind, append(ext, b...)
	}
	head := make([]byte, 40)
	head[0] = 0x60
	binary.BigEndian.PutUint16(head[4:], uint16(len(b)))
	head[6], head[7] = proto, 255
	copy(head[8:], far6)
	copy(head[24:], near6)
	if r.IntN(16) == 0 {
		copy(head[24:], net.ParseIP("ff02::1"))
	}
	return append(head, b...)
}
