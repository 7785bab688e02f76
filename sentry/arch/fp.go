package arch

// An FPState is the extended state of a thread in XSAVE's standard format, as
// in a signal frame. nil is the initial state.
type FPState []byte
