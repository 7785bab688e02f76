package tmpfs

import (
	"math/rand/v2"
	"testing"

	"golang.org/x/sys/unix"

	"glovebox/sentry/guest"
	"glovebox/sentry/memfile"
)

// TestData: all that is not zero is in what data returns, which is not much more, by
// pages and once the file was mapped.
func TestData(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for _, size := range []int64{0, 5, 1 << 20, 1<<20 + 1, 1 << 30, 1 << 40} {
		fs := New(Options{Memory: &memfile.Account{Reopen: unix.Dup}})
		d := &content{}
		written := map[int64]bool{}
		for range 50 {
			if size == 0 {
				break
			}
			off := random.Int64N(size)
			b := guest.Local([]byte{1})
			if _, err := d.write(fs, &b, off); err != nil {
				t.Fatal(err)
			}
			written[off] = true
		}
		if err := d.truncate(fs, size); err != nil {
			t.Fatal(err)
		}
		for _, how := range []string{"pages", "mapped"} {
			total, end := int64(0), int64(0)
			list := d.data()
			for _, e := range list {
				if e.Off < end || e.Len <= 0 || e.Off+e.Len > size {
					t.Errorf("%s, %d bytes: a part %+v behind %d", how, size, e, end)
				}
				end = e.Off + e.Len
				total += e.Len
			}
			for off := range written {
				in := false
				for _, e := range list {
					in = in || off >= e.Off && off < e.Off+e.Len
				}
				if !in {
					t.Errorf("%s, %d bytes: nothing at %d", how, size, off)
				}
			}
			if total > max(50*pageSize, size>>12) {
				t.Errorf("%s: %d of %d bytes in %d parts", how, total, size, len(list))
			}
			if err := d.share(fs); err != nil {
				t.Fatal(err)
			}
		}
		d.release(fs)
	}
}
