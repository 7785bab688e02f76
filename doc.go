// Package glovebox holds the checks of the whole repository: what may import
// what, and how files are kept. The program is cmd/runsc.
package glovebox
