package epoll

// A list is items in the order in which they became ready.
type list struct {
	head, tail *item
	n          int
}

// remove takes it, which is on the list, off it.
func (l *list) remove(it *item) {
	if it.prev != nil {
		it.prev.next = it.next
	} else {
		l.head = it.next
	}
	if it.next != nil {
		it.next.prev = it.prev
	} else {
		l.tail = it.prev
	}
	it.prev, it.next, it.queued = nil, nil, false
	l.n--
}

// push puts it at the end of the ready list, if it is not on it.
func (ep *Instance) push(it *item) {
	ep.readyMu.Lock()
	defer ep.readyMu.Unlock()
	if it.queued {
		return
	}
	l := &ep.ready
	it.queued, it.prev = true, l.tail
	if l.tail != nil {
		l.tail.next = it
	} else {
		l.head = it
	}
	l.tail = it
	l.n++
}

// pop takes the first item off the ready list.
func (ep *Instance) pop() *item {
	ep.readyMu.Lock()
	defer ep.readyMu.Unlock()
	it := ep.ready.head
	if it != nil {
		ep.ready.remove(it)
	}
	return it
}

func (ep *Instance) readyLen() int {
	ep.readyMu.Lock()
	defer ep.readyMu.Unlock()
	return ep.ready.n
}
