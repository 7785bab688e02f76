package p9

import (
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"glovebox/abi/linux"
)

// A call is one request and its reply. Calls are pooled; begin, do and end are
// the life of one:
//
//	k := c.begin(type), then k's encoder for the fields
//	c.do(k) sends and waits; on error k is gone
//	k.reply for the reply's fields, then c.end(k)
type call struct {
	encoder
	reply decoder
	buf   []byte // what reply reads
	typ   uint8
	tag   uint16
	fd    int   // came along with the reply; -1 if none
	err   error // of the reply
	// answered: the reply, or err, is there.
	answered atomic.Bool
	// wake has something when there is a reason to look: answered, or that
	// there is no leader.
	wake chan struct{}
	// async: nobody waits for the reply. clunk is the fid that is free again
	// then, noFid for none.
	async bool
	clunk uint32
	// holders are who still uses an async call: its sender, and who reads the
	// reply. A gofer may answer what was not sent yet.
	holders atomic.Int32
}

var calls = sync.Pool{New: func() any {
	return &call{wake: make(chan struct{}, 1), fd: -1}
}}

// poolLimit is the largest buffer that is kept for later calls.
const poolLimit = 16 << 10

func (c *Client) begin(typ uint8) *call {
	c.slots <- struct{}{}
	k := calls.Get().(*call)
	k.typ, k.fd, k.err, k.async, k.clunk = typ, -1, nil, false, noFid
	k.answered.Store(false)
	k.start(typ, noTag)
	return k
}

// send registers k under a tag and writes it.
func (c *Client) send(k *call) error {
	c.mu.Lock()
	if c.err != nil {
		c.mu.Unlock()
		return errGone
	}
	if k.typ == tversion {
		k.tag = noTag // by the protocol; nothing else is in flight
		c.hello = k
	} else if n := len(c.tags); n > 0 {
		k.tag = c.tags[n-1]
		c.tags = c.tags[:n-1]
		c.calls[k.tag] = k
	} else {
		k.tag = uint16(len(c.calls)) // below maxInFlight, by slots
		c.calls = append(c.calls, k)
	}
	c.mu.Unlock()
	msg := k.finish()
	le.PutUint16(msg[5:], k.tag)
	c.writeMu.Lock()
	err := error(errGone)
	if !c.outGone {
		err = c.out.send(msg, -1)
	}
	c.writeMu.Unlock()
	if err != nil {
		// Who notices fails what is registered.
		c.hangUp()
	}
	return nil
}

// do sends k and waits for its reply.
func (c *Client) do(k *call) error {
	err := c.send(k)
	if err == nil {
		c.await(k)
		err = k.err
	}
	if err != nil {
		c.release(k)
	}
	return err
}

// end gives k back. It fails if its reply was malformed, which ends the
// connection.
func (c *Client) end(k *call) error {
	ok := k.reply.ok()
	c.release(k)
	if !ok {
		c.hangUp()
		return errGone
	}
	return nil
}

func (c *Client) release(k *call) {
	if k.fd >= 0 {
		unix.Close(k.fd)
		k.fd = -1
	}
	k.reply = decoder{}
	if cap(k.b) <= poolLimit && cap(k.buf) <= poolLimit {
		calls.Put(k)
	}
	<-c.slots
}

// simple sends k and expects a reply without fields.
func (c *Client) simple(k *call) error {
	if err := c.do(k); err != nil {
		return err
	}
	return c.end(k)
}

// await returns when k is answered.
func (c *Client) await(k *call) {
	for !k.answered.Load() {
		c.mu.Lock()
		lead := !c.led && c.err == nil
		if lead {
			c.led = true
		}
		c.mu.Unlock()
		if !lead {
			<-k.wake
			continue
		}
		for !k.answered.Load() {
			if err := c.readReply(); err != nil {
				c.fail(err)
				return
			}
		}
		c.resign()
	}
}

// resign ends the caller's lead, and has somebody else look who waits.
func (c *Client) resign() {
	c.mu.Lock()
	if c.ending {
		c.mu.Unlock()
		c.fail(io.EOF)
		return
	}
	defer c.mu.Unlock()
	c.led = false
	for _, k := range c.calls {
		if k != nil && !k.async {
			k.nudge()
			return
		}
	}
	if c.hello != nil {
		c.hello.nudge()
	}
}

func (k *call) nudge() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// fail ends the connection, and every call. The caller leads, and goes on to.
func (c *Client) fail(err error) {
	c.hangUp()
	c.writeMu.Lock()
	c.outGone = true // watch closes it
	c.writeMu.Unlock()
	c.in.close()
	c.fds.close()
	c.mu.Lock()
	c.err = err
	left := c.calls
	c.calls, c.tags = nil, nil
	if c.hello != nil {
		left = append(left, c.hello)
		c.hello = nil
	}
	c.mu.Unlock()
	for _, k := range left {
		if k != nil {
			k.err = errGone
			c.finish(k)
		}
	}
	close(c.done)
}

// readReply hands the next reply to its call. The caller leads.
func (c *Client) readReply() error {
	h, err := c.replies.header(defaultMSize)
	if err != nil {
		return err
	}
	k := c.takeCall(h.tag)
	if k == nil {
		return errProtocol
	}
	k.buf = grow(k.buf, h.body)
	if err := c.replies.full(k.buf); err != nil {
		k.err = errGone
		c.finish(k)
		return err
	}
	k.reply = decoder{b: k.buf}
	switch {
	case h.typ == rlerror:
		k.err = replyError(&k.reply)
	case h.typ != k.typ+1:
		k.err = errGone
		err = errProtocol
	case h.typ == topenfd+1, h.typ == twalkopenfd+1 && h.body > 0 && k.buf[h.body-1] == 1:
		switch k.fd = c.fds.pop(); k.fd {
		case lostFD:
			k.err = linux.ENFILE
		case noFD:
			k.err = errGone
			err = errProtocol
		}
	}
	c.finish(k)
	return err
}

// takeCall returns the call that waits under tag, which is free then.
func (c *Client) takeCall(tag uint16) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	if tag == noTag {
		k := c.hello
		c.hello = nil
		return k
	}
	if int(tag) >= len(c.calls) || c.calls[tag] == nil {
		return nil
	}
	k := c.calls[tag]
	c.calls[tag] = nil
	c.tags = append(c.tags, tag)
	return k
}

// finish wakes who waits for k.
func (c *Client) finish(k *call) {
	if !k.async {
		k.answered.Store(true)
		k.nudge()
		return
	}
	if k.clunk != noFid {
		// Whatever the answer: a clunked fid is gone.
		c.freeFid(k.clunk)
	}
	c.unread.Add(-1)
	c.drop(k)
}

// drop gives an async call back when its last holder is done with it.
func (c *Client) drop(k *call) {
	if k.holders.Add(-1) == 0 {
		c.release(k)
	}
}

// replyError returns an Rlerror's error; anything that is no error number is
// EIO.
func replyError(d *decoder) error {
	n := d.u32()
	if !d.ok() || n == 0 || n > 4095 {
		return linux.EIO
	}
	return linux.Errno(n)
}

// An fdReader reads from a socket that blocks, and queues the descriptors that come along.
// A descriptor arrives with the first byte of its message at the latest, so
// the n-th message that has one finds it at the head of the queue.
type fdReader struct {
	fd  int
	fds []int
	oob [32]byte // room for two, so that a second is noticed
}

// maxQueuedFDs is more than can be sent by messages that were read only in
// part.
const maxQueuedFDs = 64

func (r *fdReader) Read(p []byte) (int, error) {
	n, oobn, flags, err := 0, 0, 0, error(unix.EINTR)
	for err == unix.EINTR {
		n, oobn, flags, _, err = unix.Recvmsg(r.fd, p, r.oob[:], unix.MSG_CMSG_CLOEXEC)
	}
	if err != nil {
		return 0, err
	}
	had := len(r.fds)
	if oobn > 0 {
		if err := r.queue(r.oob[:oobn]); err != nil {
			return 0, err
		}
	}
	if flags&unix.MSG_CTRUNC != 0 {
		if len(r.fds) > had {
			return 0, errProtocol
		}
		r.fds = append(r.fds, lostFD)
	}
	if len(r.fds) > maxQueuedFDs {
		return 0, errProtocol
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

func (r *fdReader) queue(oob []byte) error {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return err
	}
	for _, m := range msgs {
		fds, err := unix.ParseUnixRights(&m)
		if err != nil {
			return err
		}
		r.fds = append(r.fds, fds...)
	}
	return nil
}

// What stands for a descriptor that is not there.
const (
	noFD   = -1
	lostFD = -2 // it came, but the process has as many as it may (unix(7))
)

// pop returns the oldest descriptor, or noFD, or lostFD.
func (r *fdReader) pop() int {
	if len(r.fds) == 0 {
		return noFD
	}
	fd := r.fds[0]
	r.fds = append(r.fds[:0], r.fds[1:]...)
	return fd
}

func (r *fdReader) close() {
	for _, fd := range r.fds {
		if fd >= 0 {
			unix.Close(fd)
		}
	}
	r.fds = nil
}
