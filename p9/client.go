package p9

import (
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
)

// A Client is one end of a connection to a 9P server. Its methods, and those
// of its Files, may be called at once from everywhere; each request has a tag
// of its own. Errors are linux.Errno; EIO stands for a connection that is gone.
//
// One of those who wait for replies, the leader, reads them all, with a host call that
// blocks: it goes on by itself when its own is there, and nobody else was woken for
// a short request. While nobody waits, nobody reads.
type Client struct {
	msize uint32
	// extended says that the server speaks the glovebox dialect.
	extended bool

	// in is where replies come from. Only the leader reads.
	in      *sock
	replies *stream
	fds     *fdReader

	// out is where requests go. It may be the same connection.
	out     *sock
	writeMu sync.Mutex // one message at a time; a leaf
	outGone bool       // guarded by writeMu

	mu     sync.Mutex
	led    bool          // guarded by mu; there is a leader
	ending bool          // guarded by mu; the leader is to end the connection
	calls  []*call       // by tag; nil where free. Guarded by mu.
	hello  *call         // Tversion, which has no tag. Guarded by mu.
	tags   []uint16      // free ones below len(calls). Guarded by mu.
	fids   []uint32      // free ones below nextFid. Guarded by mu.
	next   uint32        // the first fid that was never used. Guarded by mu.
	err    error         // why the connection is gone. Guarded by mu.
	unread atomic.Int32  // async calls whose replies nobody read
	slots  chan struct{} // bounds the calls in flight

	done chan struct{} // closed when the connection is gone
}

// maxInFlight bounds a client's outstanding requests.
const maxInFlight = 1024

// NewClientFD is NewClientFDs on one socket for both directions.
func NewClientFD(fd int) (*Client, error) {
	out, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("p9: %w", err)
	}
	return NewClientFDs(fd, out)
}

// NewClientFDs agrees with the server on a version. It owns the descriptors, of
// connected stream sockets.
func NewClientFDs(replies, requests int) (*Client, error) {
	c := &Client{
		in: &sock{fd: replies}, out: &sock{fd: requests}, msize: defaultMSize,
		slots: make(chan struct{}, maxInFlight), done: make(chan struct{}),
	}
	c.fds = &fdReader{fd: replies}
	c.replies = newStream(c.fds)
	for _, fd := range []int{replies, requests} {
		if err := unix.SetNonblock(fd, false); err != nil {
			c.in.close()
			c.out.close()
			return nil, fmt.Errorf("p9: descriptor %d: %w", fd, err)
		}
	}
	go c.watch()
	for _, v := range []string{versionGlovebox, versionPlain} {
		got, err := c.version(v)
		if err == nil && got == versionUnknown {
			continue
		}
		if err == nil && got != v && got != versionPlain {
			err = fmt.Errorf("p9: the server speaks %q", got)
		}
		if err != nil {
			c.Close()
			return nil, err
		}
		c.extended = got == versionGlovebox
		return c, nil
	}
	c.Close()
	return nil, fmt.Errorf("p9: the server does not speak %s", versionPlain)
}

// Close ends the connection; calls in flight return EIO.
func (c *Client) Close() {
	c.hangUp()
	<-c.done
}

// hangUp makes the connection end.
func (c *Client) hangUp() {
	c.in.hangUp()
	c.out.hangUp()
}

// watch ends the connection when the server does, while nobody waits for replies,
// too. A thread of the host sleeps in poll(2) for that: unlike Go's poller, it is not
// woken by what goes back and forth.
func (c *Client) watch() {
	fds := []unix.PollFd{{Fd: int32(c.out.fd), Events: unix.POLLRDHUP}}
	for {
		if _, err := unix.Poll(fds, -1); err != unix.EINTR {
			break
		}
	}
	c.hangUp()
	c.mu.Lock()
	led := c.led
	c.led, c.ending = true, true
	c.mu.Unlock()
	if !led {
		c.fail(io.EOF)
	}
	c.writeMu.Lock()
	c.outGone = true
	c.out.close()
	c.writeMu.Unlock()
}

// Extended reports whether the server speaks the glovebox dialect: whether
// files can be donated.
func (c *Client) Extended() bool { return c.extended }

// Done is closed when the connection is gone.
func (c *Client) Done() <-chan struct{} { return c.done }

func (c *Client) version(v string) (string, error) {
	k := c.begin(tversion)
	k.u32(defaultMSize)
	k.str(v)
	if err := c.do(k); err != nil {
		return "", err
	}
	msize, got := k.reply.u32(), k.reply.str()
	if err := c.end(k); err != nil {
		return "", err
	}
	if got == versionUnknown {
		return got, nil
	}
	if msize < minMSize || msize > defaultMSize {
		return "", fmt.Errorf("p9: the server's message size of %d bytes is no good", msize)
	}
	// The reader bounds replies by defaultMSize, which is no less.
	c.msize = msize
	return got, nil
}

// Attach returns the root of the tree called name.
func (c *Client) Attach(name string) (*File, Attr, error) {
	f := c.newFile()
	k := c.begin(tattach)
	k.u32(f.fid)
	k.u32(noFid)
	k.str("")
	k.str(name)
	k.u32(math.MaxUint32) // n_uname: whoever the server runs as
	if err := c.do(k); err != nil {
		c.freeFid(f.fid)
		return nil, Attr{}, err
	}
	k.reply.qid()
	if err := c.end(k); err != nil {
		return nil, Attr{}, err
	}
	a, err := f.attach()
	if err != nil {
		f.Close()
		return nil, Attr{}, err
	}
	return f, a, nil
}

// attach returns the attributes of a fid just attached: a walk of no steps, as
// only that tells the device.
func (f *File) attach() (Attr, error) {
	if !f.c.extended {
		return f.GetAttr()
	}
	g, a, err := f.Walk()
	if err == nil {
		g.Close()
	}
	return a, err
}

func (c *Client) newFile() *File { return &File{c: c, fid: c.newFid()} }

func (c *Client) newFid() uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if n := len(c.fids); n > 0 {
		fid := c.fids[n-1]
		c.fids = c.fids[:n-1]
		return fid
	}
	c.next++
	return c.next - 1
}

func (c *Client) freeFid(fid uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.fids = append(c.fids, fid)
}

// errGone is what every call returns once the connection is gone.
const errGone = linux.EIO
