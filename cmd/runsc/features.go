package main

import (
	"flag"
	"fmt"
	"strings"

	specs "github.com/opencontainers/runtime-spec/specs-go"
	"github.com/opencontainers/runtime-spec/specs-go/features"

	"glovebox/boot"
	"glovebox/oci/seccomp"
	"glovebox/sentry/auth"
)

var featuresCommand = command{
	name:     "features",
	summary:  "say what the runtime supports, as OCI's JSON",
	examples: []string{"runsc features"},
	run: func(g *globals, _ *flag.FlagSet) func([]string) (int, error) {
		return func(args []string) (int, error) {
			if len(args) != 0 {
				return 0, fmt.Errorf("features: takes no arguments, and was given %q", args[0])
			}
			return 0, printJSON(supported(g))
		}
	},
}

// supported is the truth (runtime-spec, features.md).
func supported(g *globals) *features.Features {
	no := false
	return &features.Features{
		OCIVersionMin: "1.0.0",
		OCIVersionMax: specs.Version,
		Hooks:         []string{"prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"},
		MountOptions:  boot.MountOptions(),
		Linux: &features.Linux{
			Namespaces: []string{
				string(specs.PIDNamespace), string(specs.NetworkNamespace), string(specs.MountNamespace),
				string(specs.IPCNamespace), string(specs.UTSNamespace), string(specs.UserNamespace), string(specs.CgroupNamespace),
			},
			Capabilities: auth.CapNames(),
			Cgroup:       &features.Cgroup{V1: &no, V2: &no, Systemd: &no, SystemdUser: &no, Rdma: &no},
			Seccomp: &features.Seccomp{
				Enabled: &g.ociSeccomp, Actions: seccomp.Actions(), Operators: seccomp.Operators(), Archs: seccomp.Archs(),
				KnownFlags: seccomp.Flags(), SupportedFlags: seccomp.Flags(),
			},
			Apparmor:        &features.Apparmor{Enabled: &no},
			Selinux:         &features.Selinux{Enabled: &no},
			IntelRdt:        &features.IntelRdt{Enabled: &no},
			MountExtensions: &features.MountExtensions{IDMap: &features.IDMap{Enabled: &no}},
		},
		Annotations: map[string]string{"dev.glovebox.version": version, "dev.glovebox.platforms": strings.Join(boot.Platforms(), ",")},
	}
}
