package boot

import "glovebox/lib/bpf"

// A Config is all that `runsc boot` is told: plain data, sent as JSON over a
// pipe before the Sentry seals itself. Descriptor numbers are those of the
// boot process; -1 stands for none.
type Config struct {
	// ID is the container's.
	ID string `json:"id"`
	// Process is the container's first process.
	Process Process `json:"process"`
	// Root is what the gofer serves as attach point 0.
	Root Root `json:"root"`
	// Join names containers of the sandbox whose namespaces this one shares.
	Join Join `json:"join"`
	// UIDMap and GIDMap are what the gofer of root's container makes of the host's
	// ids; none: the same.
	UIDMap []IDRange `json:"uidMap,omitempty"`
	GIDMap []IDRange `json:"gidMap,omitempty"`
	// Mounts are made in order, above the root.
	Mounts []Mount `json:"mounts"`

	// StartHooks run inside before the first process does, with HookState on
	// their standard input.
	StartHooks []Hook `json:"startHooks,omitempty"`
	HookState  []byte `json:"hookState,omitempty"`

	Hostname   string `json:"hostname"`
	Domainname string `json:"domainname"`
	// Sysctl are limits of the container's IPC namespace (ipc.Limits).
	Sysctl map[string]string `json:"sysctl,omitempty"`
	// FirstPort is the first port that everybody may bind; nil for Linux's default.
	FirstPort     *int     `json:"firstPort,omitempty"`
	Devices       []Device `json:"devices,omitempty"`
	MaskedPaths   []string `json:"maskedPaths,omitempty"`
	ReadonlyPaths []string `json:"readonlyPaths,omitempty"`

	// Platform names a row of the platform table; Network is sandbox, host
	// or none.
	Platform string `json:"platform"`
	Network  string `json:"network"`

	// MaxTasks, Memory and CPUs are the container's limits: tasks, bytes and
	// processors that it sees; 0 is the host's.
	MaxTasks int64  `json:"maxTasks,omitempty"`
	Memory   uint64 `json:"memory,omitempty"`
	CPUs     int    `json:"cpus,omitempty"`
	// HostHeadroom is how many bytes more the host's control group may have; 0 if
	// there is none, nobody watches it, or a group above has a limit, too: tellHost.
	HostHeadroom uint64 `json:"hostHeadroom,omitempty"`
	// CPUTime is enforced by the host, and shown inside.
	CPUTime CPUTime `json:"cpuTime"`

	// TSC says that the host's clocks are told by the processor's time-stamp
	// counter: guests may do so too.
	TSC bool `json:"tsc,omitempty"`

	// Strace logs system calls to DebugLogFD: all of them, or StraceCalls.
	Strace      bool     `json:"strace,omitempty"`
	StraceCalls []string `json:"straceCalls,omitempty"`
	// Ends has the Sentry end with the first process, and with its status.
	Ends bool `json:"ends,omitempty"`
	// Debug logs what the Sentry does to DebugLogFD.
	Debug bool `json:"debug,omitempty"`

	// LogFD takes what an operator should know, DebugLogFD what a developer
	// asked for. Both are opened with O_APPEND, one write a line.
	LogFD      int       `json:"logFD"`
	LogFormat  LogFormat `json:"logFormat,omitempty"`
	DebugLogFD int       `json:"debugLogFD"`
	// PcapFD takes the packets of the sandbox's interfaces; -1 for nobody.
	PcapFD int `json:"pcapFD"`
	// GoferFDs are connected stream sockets that speak 9P2000.L: replies
	// come from the first, requests go to the second.
	GoferFDs [2]int `json:"goferFDs"`
	// ControlFD is a listening unix stream socket: control.Serve.
	ControlFD int `json:"controlFD"`
	// ProcFD is the root of a procfs of the Sentry's own pid namespace that
	// is mounted nowhere. host.SealSentry closes it.
	ProcFD int `json:"procFD"`
	// StdioFDs become descriptors 0, 1 and 2 of the first process.
	StdioFDs [3]int `json:"stdioFDs"`
	// These two are of containers beside a sandbox's first. EndFD gets the
	// container's end: NoteEnd. SignalFD says what signals its terminal
	// sends, a byte each.
	EndFD    int `json:"endFD"`
	SignalFD int `json:"signalFD"`
	// PassedFDs become descriptors of the first process, too.
	PassedFDs []PassedFD `json:"passedFDs,omitempty"`
	// Console says that StdioFDs are a terminal which the first process
	// controls.
	Console bool `json:"console,omitempty"`
	// ConsoleSignals says that the terminal's signals come to the Sentry, not
	// by way of runsc.
	ConsoleSignals bool `json:"consoleSignals,omitempty"`

	hostMemory uint64 // bytes; found out at the start
	// Uplink is what the Sentry's network namespace had; nil for nothing.
	Uplink *Network `json:"-"`
}

// An IDRange is one line of /proc/PID/uid_map: user_namespaces(7).
type IDRange struct {
	Inside  uint32 `json:"inside"`
	Outside uint32 `json:"outside"`
	Size    uint32 `json:"size"`
}

// A Join is ids of containers, "" for a namespace of one's own.
type Join struct {
	PID string `json:"pid,omitempty"`
	IPC string `json:"ipc,omitempty"`
	UTS string `json:"uts,omitempty"`
}

// A PassedFD is a descriptor that a process gets beside its standard streams, as
// number Guest.
type PassedFD struct {
	FD    int   `json:"fd"`
	Guest int32 `json:"guest"`
}

// A Process is the process that a container starts with.
type Process struct {
	// Path is the program, if it is not Args[0].
	Path string   `json:"path,omitempty"`
	Args []string `json:"args"`
	Env  []string `json:"env"`
	Cwd  string   `json:"cwd"`
	// MakeCwd makes Cwd if it is missing.
	MakeCwd bool `json:"makeCwd,omitempty"`
	// UID and the rest are ids inside the sandbox.
	UID       uint32   `json:"uid"`
	GID       uint32   `json:"gid"`
	ExtraGIDs []uint32 `json:"extraGIDs,omitempty"`
	Umask     uint32   `json:"umask"`
	Caps      Caps     `json:"caps"`
	Rlimits   []Rlimit `json:"rlimits,omitempty"`

	NoNewPrivileges bool `json:"noNewPrivileges,omitempty"`
	OOMScoreAdj     int  `json:"oomScoreAdj,omitempty"`
	// Seccomp is the filter that it starts with, if any. Those of Exec have the
	// first process's.
	Seccomp []bpf.Insn `json:"seccomp,omitempty"`
	// Personality is personality(2)'s value; those of Exec have the first
	// process's.
	Personality uint32     `json:"personality,omitempty"`
	Scheduler   *Scheduler `json:"scheduler,omitempty"`
	// CPUs are those that it is to run on; none: all.
	CPUs []int `json:"cpus,omitempty"`
}

// A Scheduler is what sched_setattr(2) takes.
type Scheduler struct {
	Policy      int  `json:"policy"`
	Priority    int  `json:"priority,omitempty"`
	Nice        int  `json:"nice,omitempty"`
	ResetOnFork bool `json:"resetOnFork,omitempty"`
}

// A Hook is a startContainer hook (runtime-spec, config.md).
type Hook struct {
	Path string   `json:"path"`
	Args []string `json:"args,omitempty"` // from its name on; none: Path
	Env  []string `json:"env,omitempty"`
	// Timeout is in seconds; 0 is none.
	Timeout int `json:"timeout,omitempty"`
}

// Caps are capability sets, bit n for capability n.
type Caps struct {
	Bounding    uint64 `json:"bounding"`
	Effective   uint64 `json:"effective"`
	Inheritable uint64 `json:"inheritable"`
	Permitted   uint64 `json:"permitted"`
	Ambient     uint64 `json:"ambient"`
}

// An Rlimit is one of RLIMIT_*, by Linux's number.
type Rlimit struct {
	Resource int    `json:"resource"`
	Cur      uint64 `json:"cur"`
	Max      uint64 `json:"max"`
}

// A Root is how the root file system is presented.
type Root struct {
	// ReadOnly mounts it read-only inside.
	ReadOnly bool `json:"readOnly,omitempty"`
	// Shared says that others change the files too.
	Shared bool `json:"shared,omitempty"`
	// Overlay keeps every write in memory.
	Overlay bool `json:"overlay,omitempty"`
}

// A Device is a node to be made in the container. Kind is S_IFCHR, S_IFBLK or S_IFIFO.
type Device struct {
	Path         string `json:"path"`
	Kind         uint32 `json:"kind"`
	Major, Minor uint32
	Mode         uint32 `json:"mode"` // permissions
	UID          uint32 `json:"uid"`
	GID          uint32 `json:"gid"`
}

// CPUTime is what a container gets of the processors, 0 for any: Quota microseconds
// in each Period, and Shares of 1024.
type CPUTime struct {
	Quota  int64  `json:"quota,omitempty"`
	Period uint64 `json:"period,omitempty"`
	Shares uint64 `json:"shares,omitempty"`
}

// A Mount is one mount above the root.
type Mount struct {
	Destination string `json:"destination"`
	// Type and Source are what /proc/self/mountinfo shows; Type bind is
	// served by the gofer.
	Type   string `json:"type"`
	Source string `json:"source"`
	// Options are fstab(5) options, flags and data alike.
	Options []string `json:"options,omitempty"`
	// Overlay keeps changes of Attach in memory.
	Overlay bool `json:"overlay,omitempty"`
	// Attach is the gofer's attach point, 0 if the Sentry makes the files
	// itself.
	Attach int `json:"attach,omitempty"`
	// File says that it is one file.
	File bool `json:"file,omitempty"`
}
