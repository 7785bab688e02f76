package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// globals are the flags before the verb.
type globals struct {
	root       string
	logPath    string
	logFormat  string
	debug      bool
	debugLog   string
	pcapLog    string
	version    bool
	strace     bool
	calls      string
	platform   string
	network    string
	overlay2   string
	fileAccess string

	ignoreCgroups, systemdCgroup, ociSeccomp bool

	log *logger
}

func (g *globals) flags() *flag.FlagSet {
	fs := flag.NewFlagSet("runsc", flag.ContinueOnError)
	fs.StringVar(&g.root, "root", defaultRoot(), "`directory` of the containers' state")
	fs.StringVar(&g.logPath, "log", "", "`file` to append errors and warnings to")
	fs.StringVar(&g.logFormat, "log-format", "text", "`format` of the log: text or json")
	fs.BoolVar(&g.debug, "debug", false, "log what the sandbox does to the debug log")
	fs.StringVar(&g.debugLog, "debug-log", "", "`file` to append debug output to; %ID% is the container's")
	fs.StringVar(&g.pcapLog, "pcap-log", "", "`file` for the packets of the sandbox's interfaces, as tcpdump -w writes them; %ID% is the container's")
	fs.BoolVar(&g.version, "version", false, "print the version")
	fs.BoolVar(&g.strace, "strace", false, "log system calls to the debug log")
	fs.StringVar(&g.calls, "strace-syscalls", "", "log only these `calls`, comma separated")
	fs.StringVar(&g.platform, "platform", "systrap", "`platform` that runs guest code: see help platforms")
	fs.StringVar(&g.network, "network", "sandbox", "`kind` of network: sandbox (its own), host (the host's sockets, of the namespace that the bundle names or runsc is in) or none")
	fs.StringVar(&g.overlay2, "overlay2", "none", "`what` keeps a bundle's files as they are, writes being kept in memory: none, root:memory or all:memory (bind mounts, too)")
	fs.StringVar(&g.fileAccess, "file-access", "exclusive", "`who` changes a bundle's root: exclusive (the container alone) or shared")
	fs.BoolVar(&g.ignoreCgroups, "ignore-cgroups", false, "leave the host's control groups alone")
	fs.BoolVar(&g.systemdCgroup, "systemd-cgroup", false, "have systemd make control groups: cgroupsPath is slice:prefix:name")
	fs.BoolVar(&g.ociSeccomp, "oci-seccomp", false, "filter a container's calls as linux.seccomp of its bundle says")
	for name, kind := range ignoredFlags {
		fs.Var(&ignored{name: name, kind: kind, g: g}, name, "")
	}
	return fs
}

func defaultRoot() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, "runsc")
	}
	return "/var/run/runsc"
}

// parseGlobals returns the flags and what follows them.
func parseGlobals(args []string) (*globals, []string, error) {
	g := &globals{log: &logger{}}
	fs := g.flags()
	if err := parse(fs, args); err != nil {
		return g, nil, err
	}
	l, err := openLog(g.logPath, g.logFormat)
	if err != nil {
		return g, nil, err
	}
	warnings := g.log.held
	g.log = l
	for _, w := range warnings {
		l.warnf("%s", w)
	}
	return g, fs.Args(), g.check()
}

// check refuses values that would otherwise be found out too late.
func (g *globals) check() error {
	switch {
	case g.platform != "systrap":
		return fmt.Errorf("--platform=%s is not implemented; systrap is", g.platform)
	case !slices.Contains([]string{"sandbox", "host", "none"}, g.network):
		return fmt.Errorf("--network=%s is none of sandbox, host, none", g.network)
	case g.pcapLog != "" && g.network == "host":
		return errors.New("--pcap-log and --network=host exclude each other: the packets are the host's (tcpdump shows them there)")
	case !slices.Contains([]string{"exclusive", "shared"}, g.fileAccess):
		return fmt.Errorf("--file-access=%s is neither exclusive nor shared", g.fileAccess)
	}
	if _, err := g.overlay(); err != nil {
		return err
	}
	if g.root == "" {
		return errors.New("--root must not be empty")
	}
	var err error
	g.root, err = filepath.Abs(g.root)
	return err
}

// An overlay says which writes stay in memory.
type overlay struct{ root, mounts bool }

// overlays are values of --overlay2; gVisor's syntax is MOUNT:MEDIUM, of whose media
// memory is built.
var overlays = map[string]overlay{
	"": {}, "none": {}, "root:memory": {root: true}, "all:memory": {root: true, mounts: true},
}

func (g *globals) overlay() (overlay, error) {
	o, ok := overlays[g.overlay2]
	if !ok {
		return o, fmt.Errorf("--overlay2=%s is not implemented; none, root:memory and all:memory are", g.overlay2)
	}
	return o, nil
}

// parse is fs.Parse with our errors: one line that names the nearest flag.
func parse(fs *flag.FlagSet, args []string) error {
	fs.SetOutput(io.Discard)
	fs.Usage = func() {}
	err := fs.Parse(args)
	if err == nil || errors.Is(err, flag.ErrHelp) {
		return err
	}
	const unknown = "flag provided but not defined: -"
	if name, ok := strings.CutPrefix(err.Error(), unknown); ok {
		var names []string
		fs.VisitAll(func(f *flag.Flag) { names = append(names, "--"+f.Name) })
		return fmt.Errorf("unknown flag --%s%s", name, didYouMean("--"+name, names))
	}
	return err
}

// ignored is a flag of gVisor's that has no meaning here.
type ignored struct {
	name string
	kind flagKind
	g    *globals
}

type flagKind int

const (
	boolFlag flagKind = iota
	valueFlag
)

func (f *ignored) String() string   { return "" }
func (f *ignored) IsBoolFlag() bool { return f.kind == boolFlag }

func (f *ignored) Set(v string) error {
	if f.kind == boolFlag {
		if _, err := strconv.ParseBool(v); err != nil {
			return errors.New("not true or false")
		}
	}
	f.g.log.warnf("flag --%s has no effect", f.name)
	return nil
}

// ignoredFlags are accepted so that set-ups made for gVisor keep working.
// Whatever gets a meaning moves to flags().
var ignoredFlags = map[string]flagKind{
	"rootless":                            boolFlag,
	"net-raw":                             boolFlag,
	"gso":                                 boolFlag,
	"software-gso":                        boolFlag,
	"gvisor-gro":                          boolFlag,
	"tx-checksum-offload":                 boolFlag,
	"rx-checksum-offload":                 boolFlag,
	"allow-flag-override":                 boolFlag,
	"TESTONLY-unsafe-nonroot":             boolFlag,
	"alsologtostderr":                     boolFlag,
	"allow-packet-socket-write":           boolFlag,
	"reproduce-nat":                       boolFlag,
	"reproduce-nftables":                  boolFlag,
	"directfs":                            boolFlag,
	"lisafs":                              boolFlag,
	"overlay":                             boolFlag,
	"fsgofer-host-uds":                    boolFlag,
	"host-fifo-open":                      boolFlag,
	"vfs2":                                boolFlag,
	"fuse":                                boolFlag,
	"cgroupfs":                            boolFlag,
	"enable-core-tags":                    boolFlag,
	"nvproxy":                             boolFlag,
	"nvproxy-docker":                      boolFlag,
	"tpuproxy":                            boolFlag,
	"rdmaproxy":                           boolFlag,
	"profile":                             boolFlag,
	"log-packets":                         boolFlag,
	"strace-event":                        boolFlag,
	"strace-log-size":                     valueFlag,
	"ref-leak-mode":                       valueFlag,
	"cpu-num-from-quota":                  boolFlag,
	"iouring":                             boolFlag,
	"buffer-pooling":                      boolFlag,
	"EXPERIMENTAL-afxdp":                  boolFlag,
	"host-settings":                       valueFlag,
	"panic-signal":                        valueFlag,
	"watchdog-action":                     valueFlag,
	"panic-log":                           valueFlag,
	"coverage-report":                     valueFlag,
	"num-network-channels":                valueFlag,
	"network-processors-per-channel":      valueFlag,
	"qdisc":                               valueFlag,
	"dcache":                              valueFlag,
	"file-access-mounts":                  valueFlag,
	"host-uds":                            valueFlag,
	"pod-init-config":                     valueFlag,
	"metric-server":                       valueFlag,
	"platform_device_path":                valueFlag,
	"debug-log-format":                    valueFlag,
	"debug-command":                       valueFlag,
	"debug-to-user-log":                   boolFlag,
	"profile-block":                       valueFlag,
	"profile-cpu":                         valueFlag,
	"profile-heap":                        valueFlag,
	"profile-mutex":                       valueFlag,
	"trace":                               valueFlag,
	"controller-fd":                       valueFlag,
	"systrap-disable-syscall-patching":    boolFlag,
	"restore-spec-validation":             valueFlag,
	"save-restore-netstack":               boolFlag,
	"app-huge-pages":                      boolFlag,
	"final-metrics-log":                   valueFlag,
	"profiling-metrics":                   valueFlag,
	"profiling-metrics-log":               valueFlag,
	"profiling-metrics-rate-us":           valueFlag,
	"nvproxy-driver-version":              valueFlag,
	"nvproxy-allowed-driver-capabilities": valueFlag,
}
