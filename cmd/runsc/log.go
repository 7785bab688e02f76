package main

import (
	"fmt"
	"os"
	"path/filepath"

	"glovebox/boot"
)

// A logger appends to the file of --log, which callers read: containerd's shim
// shows the last error of it.
type logger struct {
	f      *os.File
	format boot.LogFormat
	// held are warnings that came before the file was known.
	held []string
}

// openLog opens the log; "" is none.
func openLog(path, format string) (*logger, error) {
	l := &logger{format: boot.LogFormat(format)}
	if l.format != boot.JSONLog && l.format != boot.TextLog {
		return nil, fmt.Errorf("--log-format=%s is neither text nor json", format)
	}
	if path == "" {
		return l, nil
	}
	f, err := appendFile(path)
	if err != nil {
		return nil, fmt.Errorf("--log: %w", err)
	}
	l.f = f
	return l, nil
}

func appendFile(path string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	return os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o644)
}

func (l *logger) errorf(format string, args ...any) { l.line("error", fmt.Sprintf(format, args...)) }
func (l *logger) warnf(format string, args ...any)  { l.line("warning", fmt.Sprintf(format, args...)) }

func (l *logger) line(level, msg string) {
	if l.f == nil {
		l.held = append(l.held, msg)
		return
	}
	// A log that cannot be written does not stop a container.
	_, _ = l.f.Write(l.format.Line(level, msg))
}

// fd is the log's descriptor for a sandbox, -1 if there is none.
func (l *logger) fd() int {
	if l.f == nil {
		return -1
	}
	return int(l.f.Fd())
}

func (l *logger) close() {
	if l.f != nil {
		l.f.Close()
	}
}
