package stack

import (
	"sync/atomic"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/link/qdisc/fifo"
	engine "gvisor.dev/gvisor/pkg/tcpip/stack"
)

// A queue is where a link's frames wait to be sent: large ones for a goroutine, which
// writes them while the next are made. A small one with data that none is before is
// written at once: its answer is waited for.
type queue struct {
	engine.QueueingDiscipline
	link engine.LinkWriter
	// waiting is how many were given to the goroutine and are not written.
	waiting atomic.Int64
}

const (
	// queueLength is how many frames may wait (txqueuelen).
	queueLength = 1000
	// smallFrame is the longest that is written at once, in bytes.
	smallFrame = 2048
)

func newQueue(link engine.LinkWriter) *queue {
	q := &queue{link: link}
	q.QueueingDiscipline = fifo.New(q, 1, queueLength)
	return q
}

// WritePacket implements engine.QueueingDiscipline.
func (q *queue) WritePacket(p *engine.PacketBuffer) tcpip.Error {
	if p.Size() <= smallFrame && p.Data().Size() > 0 && q.waiting.Load() == 0 {
		var one engine.PacketBufferList
		one.PushBack(p)
		_, err := q.link.WritePackets(one)
		return err
	}
	q.waiting.Add(1)
	err := q.QueueingDiscipline.WritePacket(p)
	if err != nil {
		q.waiting.Add(-1)
	}
	return err
}

// WritePackets implements engine.LinkWriter, for the goroutine.
func (q *queue) WritePackets(pkts engine.PacketBufferList) (int, tcpip.Error) {
	n, err := q.link.WritePackets(pkts)
	q.waiting.Add(-int64(pkts.Len()))
	return n, err
}
