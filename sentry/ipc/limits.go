package ipc

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"glovebox/abi/linux"
)

// Limits are a namespace's sysctls (proc(5), mq_overview(7)).
type Limits struct {
	ShmMax uint64 // bytes of a segment
	ShmAll uint64 // pages of all
	ShmMNI uint64 // segments

	MsgMax uint64 // bytes of a message
	MsgMNB uint64 // of a new queue
	MsgMNI uint64 // queues

	SemMSL uint64 // semaphores of a set
	SemMNS uint64 // of all
	SemOPM uint64 // operations a call
	SemMNI uint64 // sets

	// Of POSIX message queues, for who has no privileges.
	MQQueues          uint64
	MQMessages        uint64 // of a queue
	MQSize            uint64 // of a message, in bytes
	MQDefaultMessages uint64 // where none is asked for
	MQDefaultSize     uint64
}

// DefaultLimits are those of a new namespace.
func DefaultLimits() Limits {
	const ulong = math.MaxUint64 - 1<<24 // ULONG_MAX - (1UL << 24)
	return Limits{
		ShmMax: ulong, ShmAll: ulong, ShmMNI: linux.SHMMNI,
		MsgMax: linux.MSGMAX, MsgMNB: linux.MSGMNB, MsgMNI: linux.MSGMNI,
		SemMSL: linux.SEMMSL, SemMNS: linux.SEMMNS, SemOPM: linux.SEMOPM, SemMNI: linux.SEMMNI,
		MQQueues: 256, MQMessages: 10, MQSize: 8192, MQDefaultMessages: 10, MQDefaultSize: 8192,
	}
}

// A sysctl is some limits by a name, and what each may be.
type sysctl struct {
	fields   func(*Limits) []*uint64
	min, max uint64
}

func field(f func(*Limits) *uint64, min, max uint64) sysctl {
	return sysctl{func(l *Limits) []*uint64 { return []*uint64{f(l)} }, min, max}
}

const (
	maxObjects = 32768 // IPCMNI
	// maxMessage and maxOps are less than Linux's, whose kernel may refuse memory
	// for a call.
	maxMessage = 16 << 20
	maxOps     = 1 << 16
	// maxSet is what sem_num of struct sembuf can tell apart.
	maxSet = 1 << 16
)

// sysctls are the names in /proc/sys, with dots.
var sysctls = map[string]sysctl{
	"kernel.shmmax": field(func(l *Limits) *uint64 { return &l.ShmMax }, 0, math.MaxUint64),
	"kernel.shmall": field(func(l *Limits) *uint64 { return &l.ShmAll }, 0, math.MaxUint64),
	"kernel.shmmni": field(func(l *Limits) *uint64 { return &l.ShmMNI }, 0, maxObjects),
	"kernel.msgmax": field(func(l *Limits) *uint64 { return &l.MsgMax }, 0, maxMessage),
	"kernel.msgmnb": field(func(l *Limits) *uint64 { return &l.MsgMNB }, 0, math.MaxInt32),
	"kernel.msgmni": field(func(l *Limits) *uint64 { return &l.MsgMNI }, 0, maxObjects),
	"kernel.sem": {func(l *Limits) []*uint64 {
		return []*uint64{&l.SemMSL, &l.SemMNS, &l.SemOPM, &l.SemMNI}
	}, 0, math.MaxInt32},
	"fs.mqueue.queues_max":      field(func(l *Limits) *uint64 { return &l.MQQueues }, 0, math.MaxInt32),
	"fs.mqueue.msg_max":         field(func(l *Limits) *uint64 { return &l.MQMessages }, 1, mqHardMessages),
	"fs.mqueue.msgsize_max":     field(func(l *Limits) *uint64 { return &l.MQSize }, 128, mqHardSize),
	"fs.mqueue.msg_default":     field(func(l *Limits) *uint64 { return &l.MQDefaultMessages }, 1, mqHardMessages),
	"fs.mqueue.msgsize_default": field(func(l *Limits) *uint64 { return &l.MQDefaultSize }, 128, mqHardSize),
}

// Sysctls returns the names of all limits.
func Sysctls() []string { return slices.Sorted(maps.Keys(sysctls)) }

// Set gives what is called name in /proc/sys, with dots, a value as one writes it there.
func (l *Limits) Set(name, value string) error {
	c, ok := sysctls[name]
	if !ok {
		return fmt.Errorf("there is no %s", name)
	}
	fields, words := c.fields(l), strings.Fields(value)
	if len(words) != len(fields) {
		return fmt.Errorf("%q: numbers wanted: %d", value, len(fields))
	}
	for i, w := range words {
		n, err := strconv.ParseUint(w, 0, 64)
		if err != nil {
			return fmt.Errorf("%q is not a number", w)
		}
		if n < c.min || n > c.max {
			return fmt.Errorf("%d is not within %d and %d", n, c.min, c.max)
		}
		*fields[i] = n
	}
	if l.SemMSL > maxSet || l.SemOPM > maxOps || l.SemMNI > maxObjects {
		return fmt.Errorf("%q: more than %d semaphores a set, %d operations or %d sets", value, maxSet, maxOps, maxObjects)
	}
	return nil
}

// Get returns what /proc/sys shows for a name of Sysctls.
func (l *Limits) Get(name string) string {
	var words []string
	for _, f := range sysctls[name].fields(l) {
		words = append(words, strconv.FormatUint(*f, 10))
	}
	return strings.Join(words, "\t")
}
