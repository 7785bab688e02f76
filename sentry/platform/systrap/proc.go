package systrap

import (
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"glovebox/host"
)

// chunkSlots is how many slots the Sentry maps at a time.
const chunkSlots = 8

// A stubProc is a stub process in which no guest code has run yet.
type stubProc struct {
	pid   int
	pidfd int             // what death is of
	exit  *os.File        // owns pidfd
	death syscall.RawConn // of exit
	bell  bell
	sock  int // descriptors for the stub
	ctl   int // the file of its slots
	first page
}

// takeStub returns the stub that is ready, or one that is made meanwhile.
func (p *Platform) takeStub() (*stubProc, error) {
	p.making.Lock()
	defer p.making.Unlock()
	if err := p.orderLocked(); err != nil {
		return nil, err
	}
	s := p.next
	p.next = nil
	if err := s.adopt(p); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

// orderStub has the template make the next stub, because that takes half a
// millisecond. An error is reported when it is taken.
func (p *Platform) orderStub() {
	p.making.Lock()
	defer p.making.Unlock()
	_ = p.orderLocked()
}

func (p *Platform) orderLocked() (err error) {
	if p.next != nil {
		return nil
	}
	s := &stubProc{sock: -1, ctl: -1}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.ctl, err = memfd("slots", ctlSize); err != nil {
		return err
	}
	if s.first, err = mapSlots(s.ctl, 0); err != nil {
		return err
	}
	p.initSlot(s.first[:slotSize], 0)
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	s.sock = pair[0]
	ring, err := s.bell.open()
	if err == nil && host.Scarce(ring) {
		err = unix.EMFILE
	}
	if err == nil {
		err = sendFDs(p.sock, 0, s.ctl, pair[1], ring)
	}
	unix.Close(pair[1])
	if err != nil {
		return err
	}
	p.next = s
	return nil
}

// adopt learns which process the template made of s.
func (s *stubProc) adopt(p *Platform) (err error) {
	if s.pid, err = p.readPID(); err != nil {
		return err
	}
	if s.pid < 0 {
		return fmt.Errorf("fork: %w", unix.Errno(-s.pid))
	}
	// Nobody reaps it before this: its number is its own.
	if s.pidfd, err = unix.PidfdOpen(s.pid, unix.PIDFD_NONBLOCK); err != nil {
		_ = unix.Kill(s.pid, unix.SIGKILL)
		_, _ = unix.Wait4(s.pid, nil, 0, nil)
		return err
	}
	s.exit = os.NewFile(uintptr(s.pidfd), "stub")
	s.first.u32(sTID).Store(uint32(s.pid))
	s.death, err = s.exit.SyscallConn()
	return err
}

func (s *stubProc) close() {
	for _, f := range []*os.File{s.exit, s.bell.file} {
		if f != nil {
			f.Close()
		}
	}
	for _, fd := range []int{s.sock, s.ctl} {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	if s.first != nil {
		unix.Munmap(s.first)
	}
}

// mapSlots maps chunk number n of a control file.
func mapSlots(ctl, n int) (page, error) {
	const size = chunkSlots * slotSize
	return unix.Mmap(ctl, int64(n)*size, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// initSlot prepares slot i before its thread exists.
func (p *Platform) initSlot(s page, i int) {
	base := uint64(ctlBase + i*slotSize)
	s.u64(sSS).Store(base + stackOff) // stack_t
	s.u64(sSS + 8).Store(0)
	s.u64(sSS + 16).Store(slotSize - stackOff)
	s.u32(sSpin).Store(stubSpins)
	s.u32(sParked).Store(0)
	s.u32(sTID).Store(0)
	s.u32(sIndex).Store(uint32(i))
	s.u32(sState).Store(1)
	s.u32(sKicked).Store(0)
	s.u32(sXLo).Store(uint32(p.x.features))
	s.u32(sXHi).Store(uint32(p.x.features >> 32))
	s.u64(sSelf).Store(base)
	s.u64(sOne).Store(1)
	s.u32(sStubCPU).Store(noCPU)
	s.u32(sCached).Store(0)
	// struct msghdr, its iovec and its control buffer, for receiving
	// descriptors one at a time.
	m := base + sMsg
	s.u64(sMsg).Store(0)
	s.u64(sMsg + 8).Store(0)
	s.u64(sMsg + 16).Store(m + 0x40)
	s.u64(sMsg + 24).Store(1)
	s.u64(sMsg + 32).Store(m + 0x60)
	s.u64(sMsg + 48).Store(0)
	s.u64(sMsg + 0x40).Store(m + 0x50)
	s.u64(sMsg + 0x48).Store(8)
}
