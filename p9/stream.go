package p9

import (
	"errors"
	"io"
)

var (
	errProtocol = errors.New("p9: the peer broke the protocol")
	errTooLarge = errors.New("p9: message is larger than was agreed")
)

// A header is how every message begins.
type header struct {
	body int // bytes that follow
	typ  uint8
	tag  uint16
}

// A stream cuts what it reads into messages.
type stream struct {
	src  io.Reader
	buf  []byte
	r, w int // what is buffered is buf[r:w]
}

// streamBuffer is how much is read at once; longer messages bypass it.
const streamBuffer = 16 << 10

func newStream(src io.Reader) *stream {
	return &stream{src: src, buf: make([]byte, streamBuffer)}
}

// header reads the next message's header. limit is the longest message
// allowed.
func (s *stream) header(limit uint32) (header, error) {
	if err := s.fill(headerSize); err != nil {
		return header{}, err
	}
	p := s.buf[s.r:]
	size := le.Uint32(p)
	if size < headerSize {
		return header{}, errProtocol
	}
	if size > limit {
		return header{}, errTooLarge
	}
	s.r += headerSize
	return header{int(size) - headerSize, p[4], le.Uint16(p[5:])}, nil
}

// fill makes at least n bytes buffered, n being small.
func (s *stream) fill(n int) error {
	if s.w-s.r >= n {
		return nil
	}
	s.w = copy(s.buf, s.buf[s.r:s.w])
	s.r = 0
	for s.w < n {
		m, err := s.src.Read(s.buf[s.w:])
		if s.w += m; err != nil && s.w < n {
			if s.w > 0 && err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return err
		}
	}
	return nil
}

// full reads len(p) bytes of the message.
func (s *stream) full(p []byte) error {
	n := copy(p, s.buf[s.r:s.w])
	s.r += n
	for n < len(p) {
		if len(p)-n >= len(s.buf) {
			m, err := s.src.Read(p[n:])
			if n += m; err != nil && n < len(p) {
				return unexpected(err)
			}
			continue
		}
		if err := s.fill(1); err != nil {
			return unexpected(err)
		}
		m := copy(p[n:], s.buf[s.r:s.w])
		s.r += m
		n += m
	}
	return nil
}

func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// grow returns a slice of n bytes, b's own if it is large enough.
func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n, max(n, 512))
	}
	return b[:n]
}
