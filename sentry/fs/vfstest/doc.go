// Package vfstest is the suite that every file system passes.
package vfstest
