package boot

import (
	"bufio"
	"context"
	"os"

	"golang.org/x/sys/unix"

	"glovebox/control"
	"glovebox/lib/pax"
)

// archiveBuffer is how much of an archive is written at once, in bytes.
const archiveBuffer = 64 << 10

// Archive implements control.Container.
func (c *container) Archive(ctx context.Context, out *os.File) (control.Omitted, error) {
	defer out.Close()
	if c.upper == nil {
		return control.Omitted{}, control.Errorf(control.Invalid,
			"container %s has no changes in memory: it writes to its root itself (--overlay2=root:memory keeps them)", c.cfg.ID)
	}
	// Who reads may be slow, or gone without closing: then the write ends with ctx.
	fd, err := unix.FcntlInt(out.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return control.Omitted{}, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		return control.Omitted{}, err
	}
	pipe := os.NewFile(uintptr(fd), "archive")
	defer pipe.Close()
	defer context.AfterFunc(ctx, func() { pipe.Close() })()
	w := bufio.NewWriterSize(pipe, archiveBuffer)
	o, err := c.upper.Archive(pax.NewWriter(w))
	if err == nil {
		err = w.Flush()
	}
	return control.Omitted(o), err
}
