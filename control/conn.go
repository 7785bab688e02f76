package control

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"syscall"
)

// A conn sends and receives lines and descriptors.
type conn struct {
	unix *net.UnixConn

	// mu serialises writers.
	mu sync.Mutex

	// Of the one reader: bytes of lines to come, descriptors not claimed yet.
	buf []byte
	fds []*os.File
}

// send writes v as one line with descriptors attached.
func (c *conn) send(v any, fds ...int) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if len(b) >= maxLine {
		return errors.New("control: message is too long")
	}
	var oob []byte
	if len(fds) > 0 {
		oob = syscall.UnixRights(fds...)
	}
	b = append(b, '\n')
	c.mu.Lock()
	defer c.mu.Unlock()
	// The descriptors travel with the first byte (unix(7)).
	n, _, err := c.unix.WriteMsgUnix(b, oob, nil)
	if err == nil && n < len(b) {
		_, err = c.unix.Write(b[n:])
	}
	return err
}

// receive reads one line into v.
func (c *conn) receive(v any) error {
	for {
		if i := bytes.IndexByte(c.buf, '\n'); i >= 0 {
			line := c.buf[:i]
			c.buf = c.buf[i+1:]
			if err := json.Unmarshal(line, v); err != nil {
				return fmt.Errorf("control: bad message: %w", err)
			}
			return nil
		}
		if len(c.buf) > maxLine {
			return errors.New("control: message is too long")
		}
		if err := c.fill(); err != nil {
			return err
		}
	}
}

func (c *conn) fill() error {
	var data [16 << 10]byte
	oob := make([]byte, syscall.CmsgSpace(4*maxFDs))
	n, oobn, flags, _, err := c.unix.ReadMsgUnix(data[:], oob)
	if err != nil {
		return err
	}
	if oobn > 0 {
		files, err := parseRights(oob[:oobn])
		c.fds = append(c.fds, files...)
		if err != nil {
			return err
		}
	}
	if flags&syscall.MSG_CTRUNC != 0 || len(c.fds) > maxFDs {
		return errors.New("control: too many descriptors")
	}
	if n == 0 {
		return io.EOF
	}
	c.buf = append(c.buf, data[:n]...)
	return nil
}

func parseRights(oob []byte) ([]*os.File, error) {
	msgs, err := syscall.ParseSocketControlMessage(oob)
	if err != nil {
		return nil, err
	}
	var files []*os.File
	for i := range msgs {
		nums, err := syscall.ParseUnixRights(&msgs[i])
		if err != nil {
			return files, err
		}
		for _, n := range nums {
			files = append(files, os.NewFile(uintptr(n), "control"))
		}
	}
	return files, nil
}

// claim takes the next n descriptors off the queue.
func (c *conn) claim(n int) ([]*os.File, error) {
	if n < 0 || n > len(c.fds) {
		return nil, errors.New("control: descriptors are missing")
	}
	files := c.fds[:n:n]
	c.fds = c.fds[n:]
	return files, nil
}

// close closes the socket and every descriptor that nobody claimed. Called by
// the reader.
func (c *conn) close() {
	c.unix.Close()
	closeAll(c.fds)
	c.fds = nil
}

func closeAll(files []*os.File) {
	for _, f := range files {
		f.Close()
	}
}
