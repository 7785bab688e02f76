// Package netfilter is iptables' and ip6tables' rules (the legacy kind: struct ipt_replace
// of linux/netfilter_ipv4/ip_tables.h): what a guest wrote is kept as it is, for who reads
// it, and made into rules of the engine.
package netfilter

import (
	"bytes"
	"encoding/binary"
	"slices"
	"sync"

	"glovebox/abi/linux"
	"glovebox/sentry/net/stack"
)

// Socket options of SOL_IP and SOL_IPV6.
const (
	SetReplace     = 64 // IPT_SO_SET_REPLACE
	SetAddCounters = 65
	GetInfo        = 64 // IPT_SO_GET_INFO
	GetEntries     = 65
	GetMatch       = 66 // IPT_SO_GET_REVISION_MATCH
	GetTarget      = 67
	First, Last    = 64, 67
)

// Hooks (enum nf_inet_hooks).
const (
	preRouting = iota
	localIn
	forward
	localOut
	postRouting
)

// validHooks are the hooks of each table.
var validHooks = map[string]uint32{
	"filter": 1<<localIn | 1<<forward | 1<<localOut,
	"nat":    1<<preRouting | 1<<localIn | 1<<localOut | 1<<postRouting,
	"mangle": 1<<preRouting | 1<<localIn | 1<<forward | 1<<localOut | 1<<postRouting,
	"raw":    1<<preRouting | 1<<localOut,
}

const (
	nameSize = 32 // XT_TABLE_MAXNAMELEN
	// maxEntries is how many rules a table may have.
	maxEntries = 16384
)

// Tables are those of a network namespace. The zero value has every table, empty.
type Tables struct {
	mu sync.Mutex
	// tables are those that were asked for, by family and name; guarded by mu.
	tables map[key]*table
	used   []key // in the order in which they were asked for first; guarded by mu
}

// Names returns the tables that were asked for, the last first
// (/proc/net/ip_tables_names).
func (t *Tables) Names(v6 bool) (names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, k := range slices.Backward(t.used) {
		if k.v6 == v6 {
			names = append(names, k.name)
		}
	}
	return names
}

type key struct {
	v6   bool
	name string
}

// A table is a table as a guest wrote it.
type table struct {
	entries          []byte
	count            uint32
	entry, underflow [stack.NumHooks]uint32
}

// get returns a table: ENOENT if there is none of the name. t.mu is held.
func (t *Tables) get(k key) (*table, error) {
	if o := t.tables[k]; o != nil {
		return o, nil
	}
	hooks, ok := validHooks[k.name]
	if !ok {
		return nil, linux.ENOENT
	}
	if t.tables == nil {
		t.tables = map[key]*table{}
	}
	o := empty(k.v6, hooks)
	t.tables[k] = o
	t.used = append(t.used, k)
	return o, nil
}

// empty is a table that lets everything pass (ipt_alloc_initial_table).
func empty(v6 bool, hooks uint32) *table {
	l := layoutOf(v6)
	t := &table{}
	for h := range stack.NumHooks {
		if hooks&(1<<h) == 0 {
			continue
		}
		t.entry[h], t.underflow[h] = uint32(len(t.entries)), uint32(len(t.entries))
		t.entries = append(t.entries, l.standard(-verdictAccept-1)...)
		t.count++
	}
	t.entries = append(t.entries, l.failure("ERROR")...)
	t.count++
	return t
}

func tableName(b []byte) (string, error) {
	if len(b) < nameSize {
		return "", linux.EINVAL
	}
	name, _, ok := bytes.Cut(b[:nameSize], []byte{0})
	if !ok {
		return "", linux.EINVAL
	}
	return string(name), nil
}

// Get answers one of the questions; value is what the guest's memory held.
func (t *Tables) Get(v6 bool, option int, value []byte) ([]byte, error) {
	switch option {
	case GetMatch, GetTarget:
		return revision(v6, option == GetTarget, value)
	}
	name, err := tableName(value)
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	o, err := t.get(key{v6, name})
	if err != nil {
		return nil, err
	}
	const sizeOfInfo, sizeOfEntries = 84, 40
	if option == GetInfo {
		if len(value) != sizeOfInfo {
			return nil, linux.EINVAL
		}
		b := append([]byte(nil), value[:nameSize]...)
		b = binary.NativeEndian.AppendUint32(b, validHooks[name])
		for _, a := range [][stack.NumHooks]uint32{o.entry, o.underflow} {
			for _, v := range a {
				b = binary.NativeEndian.AppendUint32(b, v)
			}
		}
		b = binary.NativeEndian.AppendUint32(b, o.count)
		return binary.NativeEndian.AppendUint32(b, uint32(len(o.entries))), nil
	}
	if len(value) < sizeOfEntries {
		return nil, linux.EINVAL
	}
	size := binary.NativeEndian.Uint32(value[nameSize:])
	switch {
	case uint64(len(value)) != sizeOfEntries+uint64(size):
		return nil, linux.EINVAL
	case int(size) != len(o.entries):
		return nil, linux.EAGAIN
	}
	return append(append([]byte(nil), value[:sizeOfEntries]...), o.entries...), nil
}

// revision answers whether there is a match or target of a revision (xt_find_revision).
func revision(v6, isTarget bool, value []byte) ([]byte, error) {
	const sizeOfRevision, nameLength = 30, 29
	if len(value) != sizeOfRevision {
		return nil, linux.EINVAL
	}
	name, _, _ := bytes.Cut(value[:nameLength], []byte{0})
	var ok, known bool
	if isTarget {
		known, ok = knowsTarget(string(name), value[nameLength], v6)
	} else {
		_, ok = matches[extension{string(name), value[nameLength]}]
		for e := range matches {
			known = known || e.name == string(name)
		}
	}
	switch {
	case ok:
		return value, nil
	case known:
		return nil, linux.EPROTONOSUPPORT
	}
	return nil, linux.ENOENT
}

// Replace is IPT_SO_SET_REPLACE: value is a struct ipt_replace and its entries. It returns
// where in the guest's memory it wants the counters of the old rules, and how many.
func (t *Tables) Replace(st *stack.Stack, v6 bool, value []byte) (counters uint64, n int, err error) {
	const sizeOfReplace, sizeOfCounters = 96, 16
	name, err := tableName(value)
	switch {
	case err != nil:
		return 0, 0, err
	case len(value) < sizeOfReplace:
		return 0, 0, linux.EINVAL
	}
	u32 := func(at int) uint32 { return binary.NativeEndian.Uint32(value[at:]) }
	entries := value[sizeOfReplace:]
	hooks, ok := validHooks[name]
	old := u32(84)
	switch {
	case !ok:
		return 0, 0, linux.ENOENT
	case uint64(u32(40)) != uint64(len(entries)):
		return 0, 0, linux.ENOPROTOOPT // as translate_table's caller has it
	case u32(32) != hooks, u32(36) == 0, u32(36) > maxEntries:
		return 0, 0, linux.EINVAL
	}
	o := &table{entries: append([]byte(nil), entries...), count: u32(36)}
	for h := range stack.NumHooks {
		o.entry[h], o.underflow[h] = u32(44+4*h), u32(64+4*h)
	}
	rules, err := o.parse(v6, hooks)
	if err != nil {
		return 0, 0, err
	}
	for i := range rules.Rules {
		if only, ok := onlyIn[rules.Rules[i].Do.Verdict]; ok && only != name {
			return 0, 0, linux.EINVAL
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	before, err := t.get(key{v6, name})
	if err != nil {
		return 0, 0, err
	}
	if old != before.count {
		return 0, 0, linux.EINVAL
	}
	if err := st.ReplaceTable(name, v6, rules); err != nil {
		return 0, 0, err
	}
	t.tables[key{v6, name}] = o
	return binary.NativeEndian.Uint64(value[88:]), int(old) * sizeOfCounters, nil
}
