package sandbox

import (
	"encoding/json"
	"fmt"

	"golang.org/x/sys/unix"

	"glovebox/control"
)

// Join makes a container in the sandbox that client, which becomes the result's, is
// connected to, and is about. Only the gofer is a process of its own: it ends when the
// container does, and with its status.
func Join(o *Options, client *control.Client) (_ *Sandbox, err error) {
	s := &Sandbox{Client: client, joined: true, lifeline: -1, crash: crashLog{-1}}
	defer func() {
		if err != nil {
			s.Kill()
		}
	}()
	var open fdSet
	defer open.close()
	p, err := s.prepare(o, &open)
	if err != nil {
		return nil, err
	}
	defer p.gate.close()
	p.gofer.joined = true
	signals := -1
	if o.OwnConsole {
		var line [2]int
		if err := unix.Pipe2(line[:], unix.O_CLOEXEC); err != nil {
			return nil, fmt.Errorf("pipe: %w", err)
		}
		open.add(line[0], line[1])
		signals, p.gofer.signals = line[0], line[1]
	}
	if s.gofer, err = startGofer(o, p.root, p.life, &p.gofer); err != nil {
		return nil, err
	}
	if o.Place != nil {
		if err := o.Place(s.gofer.pid); err != nil {
			return nil, err
		}
		if err := p.gate.open(1); err != nil {
			return nil, err
		}
	}
	// Descriptors are numbered as they come along.
	cfg := o.Boot
	var files fdTable
	files.boot(&cfg, p)
	cfg.EndFD, cfg.SignalFD = files.add(s.crash.fd), files.add(signals)
	b, err := json.Marshal(&cfg)
	if err != nil {
		return nil, err
	}
	return s, client.Create(b, files.fds...)
}
