// Package sys is /sys: what programs read there about processors, and the
// places where others are mounted.
package sys
