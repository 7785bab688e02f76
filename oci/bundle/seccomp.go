package bundle

import (
	"errors"

	"glovebox/oci/seccomp"
)

// seccomp compiles the profile.
func (b *Bundle) seccomp() error {
	const field = "linux.seccomp"
	if b.Spec.Linux == nil || b.Spec.Linux.Seccomp == nil {
		return nil
	}
	if !b.options.Seccomp {
		b.warnf(field, "ignored: the Sentry's own calls are filtered; --oci-seccomp filters the guest's as well")
		return nil
	}
	prog, err := seccomp.Compile(b.Spec.Linux.Seccomp)
	var f *seccomp.FieldError
	if errors.As(err, &f) {
		return &FieldError{field + "." + f.Field, f.Err}
	}
	b.Boot.Process.Seccomp = prog
	return err
}
