// Package boot assembles a Sentry out of its parts: the one place that knows
// all of them.
package boot

import (
	"fmt"
	"os"
)

// Main runs the container that cfg describes and returns the status that the
// process is to exit with. Not built yet: it says so and fails.
func Main(cfg *Config) (status int) {
	fmt.Fprintf(os.Stderr, "container %s: booting a Sentry is not implemented\n", cfg.ID)
	return 128
}
