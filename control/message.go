// Package control is the RPC between runsc and a sandbox: JSON, one message a
// line, over a unix stream socket, with descriptors by SCM_RIGHTS. A request
// carries the protocol's version and an id; answers come in any order. A
// Client belongs to runsc, Serve and the Sandbox interface to the Sentry.
//
// Neither side trusts the other's lengths: a line is at most maxLine bytes, a
// message at most maxFDs descriptors.
package control

import (
	"encoding/json"
	"fmt"
)

// Version is the protocol's; both sides must have the same.
const Version = 1

const (
	maxLine = 1 << 20
	maxFDs  = 64
)

// A request asks for a method. FDs is how many descriptors came along.
type request struct {
	Version int    `json:"v"`
	ID      uint64 `json:"id"`
	Method  string `json:"method"`
	// Container is whom it is about; "" is the sandbox's first.
	Container string          `json:"container,omitempty"`
	Args      json.RawMessage `json:"args,omitempty"`
	FDs       int             `json:"fds,omitempty"`
}

// A response answers the request of the same id.
type response struct {
	ID     uint64          `json:"id"`
	Result json.RawMessage `json:"result,omitempty"`
	Error  *Error          `json:"error,omitempty"`
}

// Methods.
const (
	methodCreate    = "create"
	methodCheck     = "check"
	methodStart     = "start"
	methodSignal    = "signal"
	methodWait      = "wait"
	methodProcesses = "processes"
	methodState     = "state"
	methodDestroy   = "destroy"
	methodPause     = "pause"
	methodResume    = "resume"
	methodStats     = "stats"
	methodLimit     = "limit"
	methodStrace    = "strace"
	methodStacks    = "stacks"
	methodArchive   = "archive"
	methodWaitOOM   = "waitOOM"
	methodExec      = "exec"
	methodWaitExec  = "waitExec"
)

// A Code says what kind of error it is, for callers that act on it.
type Code string

// Codes.
const (
	Failed     Code = ""            // anything else
	NotFound   Code = "not-found"   // no such container or process
	NotStarted Code = "not-started" // Start was not called
	Finished   Code = "finished"    // the process ended
	Invalid    Code = "invalid"     // the request makes no sense
	NoProgram  Code = "no-program"  // the first program does not exist
	NotExec    Code = "not-exec"    // the first program cannot be executed
)

// An Error is what the other side answered.
type Error struct {
	Code Code   `json:"code,omitempty"`
	Msg  string `json:"msg"`
}

func (e *Error) Error() string { return e.Msg }

// Errorf makes an Error with a code.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Msg: fmt.Sprintf(format, args...)}
}

// CreateArgs say what container to make beside those that are there.
type CreateArgs struct {
	// Config is a boot.Config. Its descriptors are numbers of those that come
	// along, from 0 on; -1 is none.
	Config json.RawMessage `json:"config"`
}

// StartArgs say with what the first process is started.
type StartArgs struct {
	// Network is a boot.Network, by the numbers of the descriptors that come along;
	// none: only a loopback interface.
	Network json.RawMessage `json:"network,omitempty"`
}

// ExecArgs say what to run beside the first process. Descriptors 0, 1 and 2
// come along, and those of Passed.
type ExecArgs struct {
	// Process is a boot.Process.
	Process json.RawMessage `json:"process"`
	// Terminal says that the descriptors are a terminal, which the process
	// controls.
	Terminal bool `json:"terminal,omitempty"`
	// Passed is what the other descriptors are inside.
	Passed []int32 `json:"passed,omitempty"`
}

// An ExecResult is a process that Exec started.
type ExecResult struct {
	// PID is as the container sees it.
	PID int32 `json:"pid"`
	// ID is what WaitExec takes: process ids come again.
	ID uint64 `json:"id"`
}

// SignalArgs says whom to signal.
type SignalArgs struct {
	// PID is as the container sees it; 0 is its first process.
	PID    int32 `json:"pid"`
	Signal int   `json:"signal"`
	// Scope widens it.
	Scope Scope `json:"scope,omitempty"`
}

// A Scope says which processes a signal goes to.
type Scope string

// Scopes.
const (
	OneProcess   Scope = ""
	ProcessGroup Scope = "group" // the process group PID
	Everyone     Scope = "all"   // every process of the container
	// Foreground is the foreground process group of the terminal that the
	// process was started with, or the process where there is none.
	Foreground Scope = "foreground"
)

// A WaitStatus is wait(2)'s status word of a guest process.
type WaitStatus uint32

// ExitCode is the status as a shell shows it: 128+n for signal n.
func (s WaitStatus) ExitCode() int {
	if sig := s & 0x7f; sig != 0 {
		return 128 + int(sig)
	}
	return int(s >> 8 & 0xff)
}

// A Process is one line of ps.
type Process struct {
	PID       int32    `json:"pid"`
	PPID      int32    `json:"ppid"`
	PGID      int32    `json:"pgid"`
	SID       int32    `json:"sid"`
	UID       uint32   `json:"uid"`
	Threads   int      `json:"threads"`
	State     string   `json:"state"` // as in /proc/PID/stat
	TTY       string   `json:"tty,omitempty"`
	HostPID   int      `json:"hostPID"`   // of the process that runs it, as the Sentry's pid namespace has it
	StartedNS int64    `json:"startedNS"` // since the epoch
	CPUNS     int64    `json:"cpuNS"`
	Args      []string `json:"args"`
}

// Limits are the container's. nil leaves one as it is, 0 is none.
type Limits struct {
	MaxTasks *int64  `json:"maxTasks,omitempty"`
	Memory   *uint64 `json:"memory,omitempty"` // bytes
	// These are only shown: linux.resources.cpu.
	CPUQuota  *int64  `json:"cpuQuota,omitempty"`  // microseconds
	CPUPeriod *uint64 `json:"cpuPeriod,omitempty"` // microseconds
	CPUShares *uint64 `json:"cpuShares,omitempty"`
}

// Stats is what the container uses.
type Stats struct {
	UserNS   int64  `json:"userNS"`
	SystemNS int64  `json:"systemNS"`
	Resident uint64 `json:"resident"` // bytes
	OOMKills int64  `json:"oomKills,omitempty"`
	Tasks    int    `json:"tasks"`
	// Processes is how many of Tasks are processes.
	Processes int    `json:"processes"`
	Memory    Memory `json:"memory"`
	Sentry    Sentry `json:"sentry"`
}

// Memory is what a container has in memory, in bytes. What the host caches of files
// is not in it.
type Memory struct {
	Anonymous uint64 `json:"anonymous"` // processes' own
	Shared    uint64 `json:"shared"`    // between processes
	Files     uint64 `json:"files"`     // tmpfs and overlays
	// Kernel is what is in pipes, sockets and queues and, where the Sentry has no other
	// container, what it knows of its objects.
	Kernel uint64 `json:"kernel"`
	// Total is what Limit, 0 for none, is held against.
	Total uint64 `json:"total"`
	Limit uint64 `json:"limit"`
}

// Sentry is what the Sentry itself has for all containers together, in bytes.
type Sentry struct {
	Heap       uint64 `json:"heap"`    // objects, some of which may be garbage
	Runtime    uint64 `json:"runtime"` // all that Go has of the host, the heap too
	Goroutines int    `json:"goroutines"`
	Containers int    `json:"containers"`
}

// Omitted is what an archive of changes could not hold.
type Omitted struct {
	Count int      `json:"count"`           // of files
	First []string `json:"first,omitempty"` // why, of the first of them
}

// A State is how far the container is.
type State struct {
	// Status is created, running, paused or stopped.
	Status string `json:"status"`
	// Exit is the first process's, once Status is stopped.
	Exit WaitStatus `json:"exit"`
}
