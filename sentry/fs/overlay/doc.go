// Package overlay is a file system of two layers (overlayfs): a lower one that
// is only read, and an upper one in memory that takes all changes.
//
// Names are kept here: a directory knows what was made, moved or removed in it
// (a whiteout), and finds the rest in the lower layer. The upper layer is a
// store of inodes without an order: a file gets one when it is first changed
// (copy-up), a directory for its attributes. So a directory of the lower layer
// can be renamed like any other, and hard links stay together.
//
// A node that was not changed lives as long as anyone holds it; one that was is
// pinned by the file system. Lock order: a directory's mu, another directory's
// by address order of the rename, a node's copy, FileSystem.mu; all come before
// the locks of both layers.
package overlay
