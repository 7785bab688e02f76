// Package devpts is pseudoterminals: /dev/ptmx, /dev/pts and the line discipline between the two ends (pty(7), termios(3)).
package devpts
