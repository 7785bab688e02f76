package bundle

import (
	specs "github.com/opencontainers/runtime-spec/specs-go"
)

// podAnnotations are those by which a caller says that a container belongs into the
// sandbox of another: containerd's CRI plug-in's; CRI-O's, which Podman sets as well.
var podAnnotations = []struct{ kind, sandbox string }{
	{"io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"},
	{"io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"},
}

// pod finds out whether this is a container of a pod beside the first.
func (b *Bundle) pod() error {
	for _, a := range podAnnotations {
		switch kind := b.Spec.Annotations[a.kind]; kind {
		case "", "sandbox":
		case "container":
			if b.SandboxID = b.Spec.Annotations[a.sandbox]; b.SandboxID == "" {
				return fieldErrorf("annotations", "%s is container, but %s is missing", a.kind, a.sandbox)
			}
		default:
			return fieldErrorf("annotations", "%s: %q is neither sandbox nor container", a.kind, kind)
		}
	}
	if b.SandboxID == "" {
		return nil
	}
	b.Shared = map[specs.LinuxNamespaceType]string{specs.PIDNamespace: "", specs.IPCNamespace: "", specs.UTSNamespace: ""}
	if b.Spec.Linux == nil {
		return nil
	}
	for _, n := range b.Spec.Linux.Namespaces {
		if _, ok := b.Shared[n.Type]; !ok {
			continue
		}
		if n.Path == "" {
			delete(b.Shared, n.Type)
		} else {
			b.Shared[n.Type] = n.Path
		}
	}
	return nil
}
