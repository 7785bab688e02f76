package boot

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"

	"glovebox/abi/linux"
	"glovebox/sentry/net/stack"
)

// pcapBacklog is how many packets wait to be written. The network waits for nobody: what
// is more is left out.
const pcapBacklog = 4096

// capturePackets writes what the sandbox's interfaces send and receive to w, as a file of
// tcpdump's (pcap-savefile(5)) with times in nanoseconds.
func (s *sandbox) capturePackets(w io.Writer) error {
	st, err := s.net.Stack()
	if err != nil {
		return err
	}
	const magic, major, minor, snapLength, ethernet = 0xa1b23c4d, 2, 4, 256 << 10, 1
	var head []byte
	for _, v := range []uint32{magic, major | minor<<16, 0, 0, snapLength, ethernet} {
		head = binary.NativeEndian.AppendUint32(head, v)
	}
	if _, err := w.Write(head); err != nil {
		return err
	}
	packets := make(chan []byte, pcapBacklog)
	if _, err := st.Tap(0, linux.ETH_P_ALL, func(p *stack.Packet) {
		// On lo each packet is seen twice.
		if p.NIC == stack.LoopbackNIC && p.Type == linux.PACKET_OUTGOING {
			return
		}
		select {
		case packets <- record(p, time.Now()):
		default:
		}
	}); err != nil {
		return err
	}
	go func() {
		for p := range packets {
			if _, err := w.Write(p); err != nil {
				s.k.Warnf("--pcap-log: %v", err)
				return
			}
		}
	}()
	return nil
}

// record is p as the file has it. A link without frames gets some.
func record(p *stack.Packet, at time.Time) []byte {
	var frame []byte
	if p.Header == 0 {
		frame = binary.BigEndian.AppendUint16(make([]byte, 12), p.Proto)
	}
	n := uint32(len(frame) + len(p.Frame))
	var b []byte
	for _, v := range []uint32{uint32(at.Unix()), uint32(at.Nanosecond()), n, n} {
		b = binary.NativeEndian.AppendUint32(b, v)
	}
	return append(append(b, frame...), p.Frame...)
}

// startCapture does what cfg.PcapFD asks for.
func (s *sandbox) startCapture(cfg *Config) error {
	if cfg.PcapFD < 0 {
		return nil
	}
	if err := s.capturePackets(fdWriter(cfg.PcapFD)); err != nil {
		return fmt.Errorf("--pcap-log: %w", err)
	}
	return nil
}
