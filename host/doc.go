// Package host is the calls that Sentry and gofer make to the host kernel, and
// the rules that keep them to those. Tables of rules (sentry.go, gofer.go) have one row
// a system call; a filter made of one table is installed by SealSentry or
// SealGofer and cannot be taken off.
//
// Everything here is for x86-64 Linux 5.12 or newer (mount_setattr(2)).
package host
