package overlay_test

import (
	"testing"

	"glovebox/sentry/fs/overlay"
	"glovebox/sentry/fs/tmpfs"
	"glovebox/sentry/fs/vfstest"
	"glovebox/sentry/vfs"
)

func newFS(t *testing.T, lower vfs.FileSystem) vfs.FileSystem {
	t.Helper()
	return mustNew(t, lower, tmpfs.New(tmpfs.Options{Mode: 0o755}))
}

func mustNew(t *testing.T, lower, upper vfs.FileSystem) vfs.FileSystem {
	t.Helper()
	fs, err := overlay.New(lower, upper, 9)
	if err != nil {
		t.Fatal(err)
	}
	return fs
}

func TestSuite(t *testing.T) {
	vfstest.Run(t, func(t *testing.T) vfs.FileSystem {
		return newFS(t, tmpfs.New(tmpfs.Options{Mode: 0o755}))
	})
}
