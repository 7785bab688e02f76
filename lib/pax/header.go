package pax

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Of a block's fields (ustar), how long they are.
const (
	nameSize = 100
	maxOctal = 1<<33 - 1 // eleven digits
	maxID    = 1<<21 - 1 // seven
)

// block writes the ustar header, whose fields hold what fits; records have the rest.
func (t *Writer) block(h *Header) {
	var b [blockSize]byte
	octal := func(at, digits int, n int64) {
		if n < 0 || n > 1<<(3*digits)-1 {
			n = 0
		}
		copy(b[at:], fmt.Sprintf("%0*o", digits, n))
	}
	copy(b[0:nameSize], h.Name)
	octal(100, 7, int64(h.Mode&0o7777))
	octal(108, 7, int64(h.UID))
	octal(116, 7, int64(h.GID))
	size := int64(0)
	if h.Kind == Regular || h.Kind == extended {
		size = h.Size
	}
	octal(124, 11, size)
	octal(136, 11, h.Sec)
	copy(b[148:156], "        ") // as which the checksum counts
	b[156] = byte(h.Kind)
	copy(b[157:157+nameSize], h.Link)
	copy(b[257:], "ustar\x0000")
	octal(329, 7, int64(h.Major))
	octal(337, 7, int64(h.Minor))
	sum := int64(0)
	for _, c := range b {
		sum += int64(c)
	}
	octal(148, 6, sum)
	b[154] = 0
	t.raw(b[:])
}

// records are those of an extended header.
type records []byte

// add appends a record, whose length counts itself.
func (r *records) add(key, value string) {
	n := len(key) + len(value) + 3
	size := n + len(strconv.Itoa(n))
	size = n + len(strconv.Itoa(size))
	*r = fmt.Appendf(*r, "%d %s=%s\n", size, key, value)
}

// header adds what does not fit h's block. Names that are not UTF-8 are there as they
// are, as GNU tar and others have it: it complains of hdrcharset.
func (r *records) header(h *Header) {
	if !fits(h.Name) {
		r.add("path", h.Name)
	}
	if !fits(h.Link) {
		r.add("linkpath", h.Link)
	}
	if h.Kind == Regular && h.Size > maxOctal {
		r.add("size", strconv.FormatInt(h.Size, 10))
	}
	if h.UID > maxID {
		r.add("uid", strconv.FormatUint(uint64(h.UID), 10))
	}
	if h.GID > maxID {
		r.add("gid", strconv.FormatUint(uint64(h.GID), 10))
	}
	if h.Nsec != 0 || h.Sec < 0 || h.Sec > maxOctal {
		r.add("mtime", seconds(h.Sec, h.Nsec))
	}
	for _, x := range h.Xattrs {
		r.add("SCHILY.xattr."+x.Name, string(x.Value))
	}
}

// fits reports whether a block holds the name.
func fits(name string) bool {
	return len(name) <= nameSize && strings.IndexFunc(name, func(c rune) bool { return c >= utf8.RuneSelf }) < 0
}

// seconds is a time as decimals, which may be negative.
func seconds(sec, nsec int64) string {
	sign := ""
	if sec < 0 {
		sign, sec = "-", -sec
		if nsec > 0 {
			sec, nsec = sec-1, 1e9-nsec
		}
	}
	s := sign + strconv.FormatUint(uint64(sec), 10)
	if nsec == 0 {
		return s
	}
	return s + strings.TrimRight(fmt.Sprintf(".%09d", nsec), "0")
}

// sparse makes h a file of GNU's format 1.0 for holes, whose content begins with the
// map that it returns (GNU tar's manual, "PAX Format, Version 1.0").
func (r *records) sparse(h *Header) []byte {
	list := h.Data
	if n := len(list); n == 0 || list[n-1].Off+list[n-1].Len < h.Size {
		// What ends in a hole is said to have nothing at its end.
		list = append(list[:n:n], Extent{h.Size, 0})
	}
	var m bytes.Buffer
	fmt.Fprintln(&m, len(list))
	sum := int64(0)
	for _, e := range list {
		fmt.Fprintf(&m, "%d\n%d\n", e.Off, e.Len)
		sum += e.Len
	}
	m.Write(zeros[:padding(int64(m.Len()))])
	r.add("GNU.sparse.major", "1")
	r.add("GNU.sparse.minor", "0")
	r.add("GNU.sparse.name", h.Name)
	r.add("GNU.sparse.realsize", strconv.FormatInt(h.Size, 10))
	h.Name, h.Size = "GNUSparseFile.0/file", int64(m.Len())+sum
	return m.Bytes()
}
