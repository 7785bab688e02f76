package boot

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"glovebox/host"
	"glovebox/sentry/platform"
	"glovebox/sentry/platform/systrap"
)

// A guestPlatform is a platform and the size of its threads' extended state.
type guestPlatform interface {
	platform.Platform
	FPSize() int
}

// DefaultPlatform is used where none is named.
const DefaultPlatform = "systrap"

// platforms is every way to run guest code, by name.
var platforms = map[string]func(procFD int) (guestPlatform, error){
	"systrap": func(procFD int) (guestPlatform, error) { return systrap.NewIn(procFD, host.ReopenMemory) },
}

// Platforms returns the names of all platforms.
func Platforms() []string { return slices.Sorted(maps.Keys(platforms)) }

func newPlatform(name string, procFD int) (guestPlatform, error) {
	if name == "" {
		name = DefaultPlatform
	}
	f := platforms[name]
	if f == nil {
		return nil, fmt.Errorf("platform %q: there are %s", name, strings.Join(Platforms(), ", "))
	}
	p, err := f(procFD)
	if err != nil {
		return nil, fmt.Errorf("platform %s: %w", name, err)
	}
	return p, nil
}
