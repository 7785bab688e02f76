package stack

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"glovebox/abi/linux"
)

// TestRandomRules: whatever rules there are, no packet makes the engine panic or stop.
func TestRandomRules(t *testing.T) {
	const pair = "10.0.0."
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 7))
		a, err := New()
		if err != nil {
			t.Fatal(err)
		}
		b, err := New()
		if err != nil {
			t.Fatal(err)
		}
		id, err := a.AddVeth(Spec{}, b, Spec{})
		if err != nil {
			t.Fatal(err)
		}
		for i, st := range []*Stack{a, b} {
			_ = st.SetForwarding(true)
			for _, nic := range []int32{LoopbackNIC, id} {
				if err := st.SetUp(nic, true); err != nil {
					t.Fatal(err)
				}
			}
			if i == 0 || r.IntN(2) == 0 { // one may be without an address
				p := netip.MustParsePrefix(pair + string(rune('1'+i)) + "/24")
				_ = st.AddAddress(id, p)
				st.AddRoute(Connected(id, p))
			}
		}
		for range 6 {
			for _, st := range []*Stack{a, b} {
				name := []string{"nat", "filter", "mangle", "raw"}[r.IntN(4)]
				if err := st.ReplaceTable(name, false, randomTable(r, name)); err != nil {
					t.Fatal(err)
				}
			}
			done := make(chan struct{})
			go func() {
				defer close(done)
				for range 30 {
					st := []*Stack{a, b}[r.IntN(2)]
					to := netip.MustParseAddr([]string{"127.0.0.1", pair + "1", pair + "2", pair + "9", "10.1.0.1"}[r.IntN(5)])
					kind := []Kind{TCP, UDP}[r.IntN(2)]
					e, err := st.NewEndpoint(kind, linux.AF_INET, 0)
					if err != nil {
						continue
					}
					e.SetOwner(r.Uint32N(2), 0)
					if e.Connect(Addr{IP: to, Port: uint16(1 + r.IntN(3))}) == nil && kind == UDP {
						_ = e.WriteMessage(bytes.NewReader(make([]byte, r.IntN(4000))), &Sending{})
					}
					e.Abort()
					e.Close()
				}
			}()
			select {
			case <-done:
			case <-time.After(30 * time.Second):
				t.Fatalf("seed %d: the engine stands still", seed)
			}
		}
		a.Close()
		b.Close()
	}
}

// randomTable has a chain for each hook, and two that are jumped to.
func randomTable(r *rand.Rand, name string) *Table {
	valid := map[string][]int{"nat": {0, 1, 3, 4}, "filter": {1, 2, 3}, "mangle": {0, 1, 2, 3, 4}, "raw": {0, 3}}[name]
	t := &Table{}
	any4 := netip.IPv4Unspecified()
	head := Header{Src: any4, SrcMask: any4, Dst: any4, DstMask: any4}
	chain := func(last Verdict) (first int) {
		first = len(t.Rules)
		for range 1 + r.IntN(4) {
			h := head
			h.Proto = []uint8{0, linux.IPPROTO_TCP, linux.IPPROTO_UDP, linux.IPPROTO_ICMP}[r.IntN(4)]
			h.NotProto = r.IntN(4) == 0
			do := Action{Verdict: Verdict(r.IntN(int(Reject) + 1)), With: []int{0, 1, 3, 5, 6, 7, 8}[r.IntN(7)]}
			switch {
			case do.Verdict == Jump:
				do.To = r.IntN(len(t.Rules) + 8)
			case do.Verdict >= Redirect && do.Verdict <= Masquerade && name != "nat", do.Verdict == Reject && name != "filter":
				do.Verdict = Accept
			case do.Verdict == Redirect:
				do.Port = uint16(1 + r.IntN(3))
			case do.Verdict == DNAT || do.Verdict == SNAT:
				do.Port = uint16(r.IntN(3))
				if do.Port == 0 || r.IntN(2) == 0 {
					do.Addr = netip.AddrFrom4([4]byte{10, 0, 0, byte(r.IntN(4))})
				}
			}
			t.Rules = append(t.Rules, Rule{Header: h, Do: do, Matches: []func(*View) bool{func(v *View) bool { return v.State != 0 && (!v.Owned || v.UID == 0) }}})
		}
		t.Rules = append(t.Rules, Rule{Header: head, Do: Action{Verdict: last}})
		return first
	}
	for h := range NumHooks {
		t.Entry[h], t.Underflow[h] = -1, -1
	}
	for _, h := range valid {
		t.Entry[h] = chain([]Verdict{Accept, Accept, Drop}[r.IntN(3)])
		t.Underflow[h] = len(t.Rules) - 1
	}
	chain(Return)
	chain(Return)
	for i := range t.Rules {
		t.Rules[i].Do.To = min(t.Rules[i].Do.To, len(t.Rules)-1)
	}
	return t
}
