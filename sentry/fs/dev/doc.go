// Package dev is the devices that every container has: null, zero, full,
// random and urandom (null(4), full(4), random(4)), and what else lies in
// /dev. Terminals are package devpts.
package dev
