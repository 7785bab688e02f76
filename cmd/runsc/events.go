package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"strconv"
	"time"

	"glovebox/control"
)

var eventsCommand = command{
	name: "events", args: "ID",
	summary: "show what a container uses",
	examples: []string{
		"runsc events --stats web",
		"runsc events --interval 1s web    # and {\"type\":\"oom\"} when a process is killed for memory",
	},
	run: func(g *globals, fs *flag.FlagSet) func([]string) (int, error) {
		e := &events{globals: g, interval: 5 * time.Second}
		fs.BoolVar(&e.once, "stats", false, "show it once and end")
		fs.Func("interval", "how `often` to show it: seconds, or 500ms (default 5s)", e.setInterval)
		return e.run
	},
}

type events struct {
	*globals
	once     bool
	interval time.Duration
}

func (e *events) setInterval(s string) error {
	d, err := time.ParseDuration(s)
	if n, nerr := strconv.Atoi(s); nerr == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err != nil || d <= 0 {
		return errors.New("want seconds, or a duration such as 500ms")
	}
	e.interval = d
	return nil
}

// An event is a line of events, in runc's form.
type event struct {
	Type string      `json:"type"`
	ID   string      `json:"id"`
	Data *eventStats `json:"data,omitempty"`
}

type eventStats struct {
	CPU struct {
		Usage struct {
			Total  int64   `json:"total"` // nanoseconds, as the others
			PerCPU []int64 `json:"percpu"`
			Kernel int64   `json:"kernel"`
			User   int64   `json:"user"`
		} `json:"usage"`
	} `json:"cpu"`
	Memory struct {
		Usage struct {
			Usage uint64 `json:"usage"`           // bytes
			Limit uint64 `json:"limit,omitempty"` // none: the host's
		} `json:"usage"`
	} `json:"memory"`
	Pids struct {
		Current int `json:"current"`
	} `json:"pids"`
}

func newEvent(id string, s control.Stats) event {
	e := event{Type: "stats", ID: id, Data: &eventStats{}}
	u := &e.Data.CPU.Usage
	u.Total, u.User, u.Kernel, u.PerCPU = s.UserNS+s.SystemNS, s.UserNS, s.SystemNS, []int64{}
	e.Data.Memory.Usage.Usage, e.Data.Memory.Usage.Limit, e.Data.Pids.Current = s.Resident, s.Memory.Limit, s.Tasks
	return e
}

func printEvent(e event) error {
	b, err := json.Marshal(e)
	if err == nil {
		_, err = fmt.Fprintf(os.Stdout, "%s\n", b)
	}
	return err
}

func (e *events) run(args []string) (int, error) {
	id, err := one(args)
	if err != nil {
		return 0, err
	}
	c, client, err := e.connect(id)
	if err != nil {
		return 0, err
	}
	defer client.Close()
	s, err := client.Stats()
	if err != nil {
		return 0, gone(c, err)
	}
	if err := printEvent(newEvent(id, s)); err != nil || e.once {
		return 0, err
	}
	// What was killed before is nothing that happens.
	killed := make(chan struct{})
	go func() {
		defer close(killed)
		for seen := s.OOMKills; ; {
			n, err := client.WaitOOM(seen)
			if err != nil || n == seen {
				return // it has ended
			}
			seen = n
			killed <- struct{}{}
		}
	}()
	tick := time.NewTicker(e.interval)
	defer tick.Stop()
	for {
		var next event
		select {
		case _, ok := <-killed:
			if !ok {
				return 0, nil
			}
			next = event{Type: "oom", ID: id}
		case <-tick.C:
			s, err := client.Stats()
			if errors.Is(err, control.ErrGone) {
				tick.Stop() // killed says what there was before
				continue
			}
			if err != nil {
				return 0, gone(c, err)
			}
			next = newEvent(id, s)
		}
		if err := printEvent(next); err != nil {
			return 0, err
		}
	}
}
