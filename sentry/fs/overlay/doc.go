// Package overlay is a file system of two layers (overlayfs): a lower one that is only read, and an upper one in memory that takes all changes.
package overlay
