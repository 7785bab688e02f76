// Package dev is the devices of /dev: null, zero, full, random and urandom, and the names under which they are found.
package dev
