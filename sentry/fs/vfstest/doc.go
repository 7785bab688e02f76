// Package vfstest is the suite that every file system passes: it works through
// the VFS as system calls do, as root and as an ordinary user. A file system's
// test calls Run.
package vfstest
