// Package sys is the system calls: one row a call in the table of its family,
// one handler beside it. Dispatch serves the call that stopped a task.
//
// A handler takes typed arguments (FD, Addr, Size, ...), which also say how
// strace shows them. It checks them in Linux's order, because which errno wins
// is ABI. Results are a value or a linux.Errno; ERESTART* ask for Linux's
// restart when no handler runs.
package sys

import "glovebox/abi/sysno"

// families is every family's table. A call lives in one of them (tested).
var families = [...]family{
	processes,
	namespaces,
	mappings,
	opening,
	reading,
	copying,
	splicing,
	controlling,
	directories,
	attributes,
	changing,
	naming,
	places,
	mounting,
	xattrs,
	syncing,
	polling,
	epolling,
	anonymous,
	memories,
	posixQueues,
	sockets,
	messages,
	executions,
	waits,
	foreignMemory,
	segments,
	semaphores,
	msgQueues,
	pidfds,
	signals,
	futexes,
	times,
	timers,
	scheduling,
	credentials,
	capabilities,
	prctls,
	filters,
	system,
	limits,
	refused,
}

// table is the rows by number; a hole has no fn.
var table = rows()

func rows() *[sysno.Max]Call {
	var t [sysno.Max]Call
	for _, f := range families {
		for no, c := range f {
			if c.Name == "" {
				c.Name = sysno.Names[no]
			}
			t[no] = c
		}
	}
	return &t
}

// Rows returns the table: what is implemented, partial or refused.
func Rows() []Call { return table[:] }
