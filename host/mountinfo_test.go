package host

import (
	"slices"
	"testing"
)

func TestMountsBelow(t *testing.T) {
	const info = `22 1 0:20 / / rw - ext4 /dev/vda rw
23 22 0:21 / /a rw - tmpfs t rw
24 23 0:22 / /a/b\040c rw - tmpfs t rw
25 24 0:23 / /a/b\040c/d rw - tmpfs t rw
26 22 0:24 / /ab rw - tmpfs t rw
27 23 0:25 / /a/x\134y rw - tmpfs t rw
28 23 0:25 / /a/x\134y rw - tmpfs t rw
short line
`
	for dir, want := range map[string][]string{
		"/a":     {"/b c", `/x\y`},
		"/a/b c": {"/d"},
		"/":      {"/a", "/ab"},
		"/none":  nil,
	} {
		if got := mountsBelow(info, dir); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", dir, got, want)
		}
	}
}
