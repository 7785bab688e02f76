package kernel

import "glovebox/sentry/mm"

// A Memory is an address space, counted by the tasks that run in it.
type Memory = *mm.MM

// A FutexKey names a futex word.
type FutexKey = mm.FutexKey
