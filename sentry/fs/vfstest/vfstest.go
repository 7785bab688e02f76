package vfstest

import (
	"testing"

	"glovebox/sentry/vfs"
)

// Run runs the suite, each part on a file system that fresh has just made.
func Run(t *testing.T, fresh func(t *testing.T) vfs.FileSystem) {
	for _, part := range []struct {
		name string
		run  func(*World)
	}{
		{"Open", open},
		{"Exclusive", exclusive},
		{"Content", content},
		{"Append", appending},
		{"Truncate", truncate},
		{"Seek", seek},
		{"Limit", limit},
		{"Mkdir", mkdir},
		{"Remove", remove},
		{"Unlinked", unlinked},
		{"ReadDir", readDir},
		{"ReadDirChanges", readDirChanges},
		{"Link", link},
		{"Temporary", temporary},
		{"Symlink", symlink},
		{"Walk", walk},
		{"Rename", rename},
		{"RenameDir", renameDir},
		{"Exchange", exchange},
		{"Mode", mode},
		{"Owner", owner},
		{"SetID", setID},
		{"Sticky", sticky},
		{"Times", times},
		{"Xattr", xattr},
		{"Nodes", nodes},
		{"Locks", locks},
		{"Concurrent", concurrent},
	} {
		t.Run(part.name, func(t *testing.T) { part.run(NewWorld(t, fresh(t))) })
	}
}
