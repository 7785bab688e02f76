package tmpfs_test

import (
	"testing"

	"glovebox/sentry/fs/tmpfs"
	"glovebox/sentry/fs/vfstest"
	"glovebox/sentry/vfs"
)

func TestSuite(t *testing.T) {
	vfstest.Run(t, func(*testing.T) vfs.FileSystem {
		return tmpfs.New(tmpfs.Options{Mode: 0o755, Dev: 7})
	})
}
