package stack

import (
	"bytes"
	"math/rand/v2"
	"net/netip"
	"runtime"
	"sync"
	"testing"
	"time"

	"glovebox/abi/linux"
)

// TestChaos changes interfaces of three namespaces from several sides at once, with packets
// on the way: nothing is left over, and nothing panics.
func TestChaos(t *testing.T) {
	before := runtime.NumGoroutine()
	stacks := []*Stack{}
	for range 3 {
		st, err := New()
		if err != nil {
			t.Fatal(err)
		}
		if err := st.SetForwarding(true); err != nil {
			t.Fatal(err)
		}
		stacks = append(stacks, st)
	}
	var wg sync.WaitGroup
	for seed := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, 1))
			any := func() (*Stack, int32) { return stacks[r.IntN(3)], 1 + r.Int32N(12) }
			for range 1000 {
				st, id := any()
				other, second := any()
				switch r.IntN(14) {
				case 0:
					_, _ = st.AddVeth(Spec{}, other, Spec{})
				case 1:
					_, _ = st.AddDevice([]string{Bridge, Dummy}[r.IntN(2)], Spec{MTU: 68 + r.Uint32N(9000)})
				case 2:
					_ = st.Remove(id)
				case 3:
					_ = st.Move(id, other, "")
				case 4:
					_ = st.SetMaster(id, second)
				case 5:
					_ = st.SetMTU(id, 68+r.Uint32N(9000))
				case 6:
					_ = st.SetLinkAddr(id, []byte{2, 0, 0, 0, 0, byte(r.IntN(4))})
				case 7:
					_ = st.AddAddress(id, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(3)), byte(r.IntN(9))}), 24))
				case 8:
					st.NICs()
					st.Routes()
				case 9:
					send(st, netip.AddrFrom4([4]byte{10, 0, byte(r.IntN(3)), byte(r.IntN(9))}))
				default:
					_ = st.SetUp(id, r.IntN(4) != 0)
				}
			}
		})
	}
	wg.Wait()
	for _, st := range stacks {
		st.Close()
	}
	for end := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before && time.Now().Before(end); {
		time.Sleep(10 * time.Millisecond)
	}
	if n := runtime.NumGoroutine(); n > before {
		buf := make([]byte, 1<<20)
		t.Errorf("%d goroutines, before %d: %s", n, before, buf[:runtime.Stack(buf, true)])
	}
}

// send makes a packet or two.
func send(st *Stack, to netip.Addr) {
	e, err := st.NewEndpoint(UDP, linux.AF_INET, 0)
	if err != nil {
		return
	}
	defer e.Close()
	if e.Connect(Addr{IP: to, Port: 9}) == nil {
		_ = e.WriteMessage(bytes.NewReader(make([]byte, 3000)), &Sending{})
	}
}

// TestBridgeTable: whoever makes up addresses fills a table that has an end.
func TestBridgeTable(t *testing.T) {
	b := newBridge(Spec{})
	b.dev.setUp(true)
	p := newDevice(Veth, Spec{})
	p.setUp(true)
	b.add(p)
	frame := make([]byte, 60)
	for i := range 3 * maxTable {
		frame[6], frame[7], frame[8] = 2, byte(i>>8), byte(i)
		b.forward(p, frame)
	}
	if len(b.table) > maxTable {
		t.Errorf("%d addresses", len(b.table))
	}
}

// TestNewDevice refuses what SetMTU and SetLinkAddr refuse.
func TestNewDevice(t *testing.T) {
	st, err := New()
	if err != nil {
		t.Fatal(err)
	}
	defer st.Close()
	for _, c := range []struct {
		s    Spec
		want error
	}{
		{Spec{MTU: minMTU - 1}, linux.EINVAL},
		{Spec{MTU: maxMTU + 1}, linux.EINVAL},
		{Spec{MTU: 1<<32 - 1}, linux.EINVAL},
		{Spec{LinkAddr: make([]byte, 6)}, linux.EADDRNOTAVAIL},
		{Spec{LinkAddr: []byte{1, 2, 3, 4, 5, 6}}, linux.EADDRNOTAVAIL},
		{Spec{LinkAddr: []byte{2}}, linux.EADDRNOTAVAIL},
		{Spec{MTU: minMTU, LinkAddr: []byte{2, 0, 0, 0, 0, 1}}, nil},
	} {
		if _, err := st.AddDevice(Dummy, c.s); err != c.want {
			t.Errorf("AddDevice(%+v) = %v, want %v", c.s, err, c.want)
		}
	}
}
