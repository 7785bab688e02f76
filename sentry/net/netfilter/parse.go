package netfilter

import (
	"bytes"
	"encoding/binary"
	"net/netip"

	"glovebox/abi/linux"
	"glovebox/sentry/net/stack"
)

// A layout is where things lie in an entry: struct ipt_entry, ip6t_entry.
type layout struct {
	v6                       bool
	size                     int // of the entry's head
	address                  int // bytes of an address, of which there are four at the start
	in, out, inMask, outMask int
	proto, flags, inverted   int
	target, next             int
	gotoFlag, unknownFlags   uint8
}

func layoutOf(v6 bool) *layout {
	if v6 {
		return &layout{v6: true, size: 168, address: 16, in: 64, out: 80, inMask: 96, outMask: 112, proto: 128, flags: 131, inverted: 132,
			target: 140, next: 142, gotoFlag: 4, unknownFlags: 2}
	}
	return &layout{size: 112, address: 4, in: 16, out: 32, inMask: 48, outMask: 64, proto: 80, flags: 82, inverted: 83,
		target: 88, next: 90, gotoFlag: 2, unknownFlags: 1}
}

// Bits of invflags.
const (
	notIn    = 0x01
	notOut   = 0x02
	notSrc   = 0x08
	notDst   = 0x10
	notProto = 0x40
	knownNot = notIn | notOut | notSrc | notDst | notProto
)

// Verdicts of a standard target are -NF_* - 1, XT_RETURN, or where to jump.
const (
	verdictDrop   = 0
	verdictAccept = 1
	verdictReturn = -5
)

const (
	extensionHead = 32 // struct xt_entry_match and xt_entry_target without data
	alignment     = 8
)

// head makes an entry without matches, and room for a target.
func (l *layout) head(target int) []byte {
	b := make([]byte, l.size+target)
	binary.NativeEndian.PutUint16(b[l.target:], uint16(l.size))
	binary.NativeEndian.PutUint16(b[l.next:], uint16(len(b)))
	binary.NativeEndian.PutUint16(b[l.size:], uint16(target))
	return b
}

// standard is an entry that does a verdict with every packet.
func (l *layout) standard(verdict int32) []byte {
	b := l.head(extensionHead + 8)
	binary.NativeEndian.PutUint32(b[l.size+extensionHead:], uint32(verdict))
	return b
}

// failure is the entry at a chain's begin, and at a table's end.
func (l *layout) failure(name string) []byte {
	b := l.head(extensionHead + 32)
	copy(b[l.size+2:], "ERROR")
	copy(b[l.size+extensionHead:], name)
	return b
}

// parse makes rules of a table's entries (translate_table): EINVAL for what is malformed,
// ENOENT for a match or target that there is not.
func (t *table) parse(v6 bool, hooks uint32) (*stack.Table, error) {
	l := layoutOf(v6)
	at := map[uint32]int{} // a rule's number by its offset
	p := t.entries
	for off := 0; off < len(p); {
		if len(p)-off < l.size+extensionHead {
			return nil, linux.EINVAL
		}
		next := int(binary.NativeEndian.Uint16(p[off+l.next:]))
		target := int(binary.NativeEndian.Uint16(p[off+l.target:]))
		if next%alignment != 0 || target < l.size || next < target+extensionHead || next > len(p)-off {
			return nil, linux.EINVAL
		}
		at[uint32(off)] = len(at)
		off += next
	}
	if len(at) != int(t.count) {
		return nil, linux.EINVAL
	}
	out := &stack.Table{Rules: make([]stack.Rule, 0, len(at))}
	for off := 0; off < len(p); {
		next := int(binary.NativeEndian.Uint16(p[off+l.next:]))
		r, err := l.rule(p[off:off+next], at)
		if err != nil {
			return nil, err
		}
		out.Rules = append(out.Rules, r)
		off += next
	}
	for h := range stack.NumHooks {
		out.Entry[h], out.Underflow[h] = -1, -1
		if hooks&(1<<h) == 0 {
			continue
		}
		entry, ok := at[t.entry[h]]
		under, ok2 := at[t.underflow[h]]
		if !ok || !ok2 || !unconditional(&out.Rules[under]) {
			return nil, linux.EINVAL
		}
		out.Entry[h], out.Underflow[h] = entry, under
	}
	return out, bounded(out)
}

// maxSteps is how many rules a packet may meet at most: jumps multiply.
const maxSteps = 1 << 16

// bounded refuses chains that lead back to themselves (ELOOP, mark_source_chains), and
// tables in which a packet would meet too many rules (EINVAL, where Linux lets it).
func bounded(t *stack.Table) error {
	const open = -1 // on the way that is looked at
	cost := make([]int, len(t.Rules))
	var from func(i, depth int) (int, error)
	from = func(i, depth int) (int, error) {
		// A chain, from its end: rules are many, jumps in one another few.
		if depth > maxDepth {
			return 0, linux.ELOOP
		}
		end := i
		for end < len(t.Rules) && cost[end] == 0 {
			cost[end] = open
			if ends(&t.Rules[end]) {
				break
			}
			end++
		}
		if end < len(t.Rules) && cost[end] == open && !ends(&t.Rules[end]) {
			return 0, linux.ELOOP
		}
		after := 0
		if end < len(t.Rules) && cost[end] > 0 {
			after = cost[end]
			end--
		}
		for j := min(end, len(t.Rules)-1); j >= i; j-- {
			n := 1
			if !ends(&t.Rules[j]) {
				n += after
			}
			if r := &t.Rules[j]; r.Do.Verdict == stack.Jump {
				if cost[r.Do.To] == open {
					return 0, linux.ELOOP
				}
				c := cost[r.Do.To]
				if c == 0 {
					var err error
					if c, err = from(r.Do.To, depth+1); err != nil {
						return 0, err
					}
				}
				n += c
			}
			if n > maxSteps {
				return 0, linux.EINVAL
			}
			cost[j], after = n, n
		}
		return cost[i], nil
	}
	for _, h := range t.Entry {
		if h < 0 || cost[h] > 0 {
			continue
		}
		if _, err := from(h, 0); err != nil {
			return err
		}
	}
	return nil
}

// maxDepth is how deep chains jump into one another: deeper packets are lost.
const maxDepth = 16

// ends reports whether no packet goes on from r to the next rule.
func ends(r *stack.Rule) bool {
	h := &r.Header
	always := len(r.Matches) == 0 && h.SrcMask.IsUnspecified() && h.DstMask.IsUnspecified() && h.In == "" && h.Out == "" && h.Proto == 0
	return r.Do.Verdict != stack.Jump && always || r.Error
}

// unconditional reports whether r is a chain's policy (check_underflow).
func unconditional(r *stack.Rule) bool {
	h := &r.Header
	return !r.Error && len(r.Matches) == 0 && h.SrcMask.IsUnspecified() && h.DstMask.IsUnspecified() && h.In == "" && h.Out == "" && h.Proto == 0 &&
		(r.Do.Verdict == stack.Accept || r.Do.Verdict == stack.Drop)
}

func (l *layout) rule(e []byte, at map[uint32]int) (r stack.Rule, err error) {
	h := &r.Header
	for i, a := range []*netip.Addr{&h.Src, &h.Dst, &h.SrcMask, &h.DstMask} {
		*a, _ = netip.AddrFromSlice(e[i*l.address : (i+1)*l.address])
	}
	inv, flags := e[l.inverted], e[l.flags]
	if inv&^knownNot != 0 || flags&(l.gotoFlag|l.unknownFlags) != 0 || flags > 7 {
		return r, linux.EINVAL
	}
	h.NotIn, h.NotOut, h.NotSrc, h.NotDst, h.NotProto = inv&notIn != 0, inv&notOut != 0, inv&notSrc != 0, inv&notDst != 0, inv&notProto != 0
	h.In, h.Out = iface(e[l.in:l.in+16], e[l.inMask:l.inMask+16]), iface(e[l.out:l.out+16], e[l.outMask:l.outMask+16])
	proto := binary.NativeEndian.Uint16(e[l.proto:])
	if proto > 255 {
		return r, linux.EINVAL
	}
	h.Proto = uint8(proto)
	target := int(binary.NativeEndian.Uint16(e[l.target:]))
	for off := l.size; off < target; {
		x, name, rev, err := l.extension(e[off:target])
		if err != nil {
			return r, err
		}
		parse, ok := matches[extension{name, rev}]
		if !ok {
			return r, linux.ENOENT
		}
		f, err := parse(x[extensionHead:])
		if err != nil {
			return r, err
		}
		if f != nil {
			r.Matches = append(r.Matches, f)
		}
		off += len(x)
	}
	x, name, rev, err := l.extension(e[target:])
	switch {
	case err != nil:
		return r, err
	case len(x) != len(e)-target:
		return r, linux.EINVAL
	case name == "":
		r.Do, err = standardTarget(x[extensionHead:], at)
	case name == "ERROR":
		r.Do, r.Error = stack.Action{Verdict: stack.Drop}, true // nobody comes here
	default:
		r.Do, err = parseTarget(name, rev, l.v6, x[extensionHead:])
	}
	return r, err
}

// extension takes a match or a target off the start of b.
func (l *layout) extension(b []byte) (x []byte, name string, rev uint8, err error) {
	if len(b) < extensionHead {
		return nil, "", 0, linux.EINVAL
	}
	n := int(binary.NativeEndian.Uint16(b))
	if n < extensionHead || n > len(b) || n%alignment != 0 {
		return nil, "", 0, linux.EINVAL
	}
	raw, _, ok := bytes.Cut(b[2:31], []byte{0})
	if !ok {
		return nil, "", 0, linux.EINVAL
	}
	return b[:n], string(raw), b[31], nil
}

// iface is the name of an interface, with + for all that begin so.
func iface(name, mask []byte) string {
	n := bytes.IndexByte(name, 0)
	if n < 0 {
		n = len(name)
	}
	if n == 0 {
		return ""
	}
	if n < len(mask) && mask[n] == 0 {
		return string(name[:n]) + "+"
	}
	return string(name[:n])
}

func standardTarget(data []byte, at map[uint32]int) (a stack.Action, err error) {
	if len(data) < 4 {
		return a, linux.EINVAL
	}
	switch v := int32(binary.NativeEndian.Uint32(data)); {
	case v == -verdictAccept-1:
		a.Verdict = stack.Accept
	case v == -verdictDrop-1:
		a.Verdict = stack.Drop
	case v == verdictReturn:
		a.Verdict = stack.Return
	case v >= 0:
		to, ok := at[uint32(v)]
		if !ok {
			return a, linux.EINVAL
		}
		a = stack.Action{Verdict: stack.Jump, To: to}
	default:
		return a, linux.EINVAL
	}
	return a, nil
}
