// Package devpts is pseudoterminals: /dev/ptmx, /dev/pts and the line
// discipline between the two ends (pty(7), termios(3)).
//
// A TTY joins a master, which a terminal emulator holds, and a slave, which is
// the terminal of the programs in it. What the master writes goes through the
// line discipline to the slave's readers, and its echo back; what the slave
// writes is processed for output and read by the master. One lock, TTY.mu,
// guards it all; signals are sent and waiters are told after it is unlocked.
package devpts
