package bundle

import (
	"path"

	specs "github.com/opencontainers/runtime-spec/specs-go"

	"glovebox/boot"
)

// maxTimeout bounds a hook's time, in seconds: a year.
const maxTimeout = 366 * 24 * 3600

func checkHooks(s *specs.Spec) error {
	h := s.Hooks
	if h == nil {
		return nil
	}
	for _, l := range []struct {
		field string
		hooks []specs.Hook
	}{
		//lint:ignore SA1019 Docker sets prestart
		{"hooks.prestart", h.Prestart}, {"hooks.createRuntime", h.CreateRuntime}, {"hooks.createContainer", h.CreateContainer},
		{"hooks.startContainer", h.StartContainer}, {"hooks.poststart", h.Poststart}, {"hooks.poststop", h.Poststop},
	} {
		for i := range l.hooks {
			if err := checkHook(index(l.field, i), &l.hooks[i]); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkHook(field string, h *specs.Hook) error {
	switch {
	case !path.IsAbs(h.Path):
		return fieldErrorf(field+".path", "%q is not an absolute path", h.Path)
	case h.Timeout != nil && (*h.Timeout <= 0 || *h.Timeout > maxTimeout):
		return fieldErrorf(field+".timeout", "%d s is not more than 0 and at most %d", *h.Timeout, maxTimeout)
	}
	if err := checkString(field+".path", h.Path); err != nil {
		return err
	}
	if err := checkStrings(field+".args", h.Args); err != nil {
		return err
	}
	return checkStrings(field+".env", h.Env)
}

// startHooks are those that run inside.
func (b *Bundle) startHooks() (out []boot.Hook) {
	if b.Spec.Hooks == nil {
		return nil
	}
	for _, h := range b.Spec.Hooks.StartContainer {
		g := boot.Hook{Path: h.Path, Args: h.Args, Env: h.Env}
		if h.Timeout != nil {
			g.Timeout = *h.Timeout
		}
		out = append(out, g)
	}
	return out
}
