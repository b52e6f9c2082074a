package controller

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/image"
)

// eventKind is what has happened.
type eventKind int8

// The events. Those that only say "look again" are kept once however often they
// happen before they are handled.
const (
	called           eventKind = iota // a request of an API
	officeChanged                     // /controller
	brokersChanged                    // children of /brokers/ids
	brokerChanged                     // a registration
	topicsChanged                     // children of /brokers/topics
	topicChanged                      // a topic's own node
	deletionsChanged                  // /admin/delete_topics
	reassignChanged                   // /admin/reassign_partitions
	preferredChanged                  // /admin/preferred_replica_election
	isrsChanged                       // /isr_change_notification
	disksChanged                      // /log_dir_event_notification
	answered                          // a broker has answered
	configChanged                     // an entity is configured anew
	retryDue                          // a broker is to be asked for replicas it could not have
)

// event is one thing that has happened. Fields other than kind and name are
// those of the kind.
type event struct {
	kind eventKind
	name string // of a topic, or the id of a broker whose registration has changed
	at   time.Time

	call   *call
	broker int32
	req    kmsg.Request
	resp   kmsg.Response
	entity image.Entity
	config map[string]string
}

// again says whether an event only says "look again".
func (e *event) again() bool {
	return e.kind != called && e.kind != answered && e.kind != configChanged
}

// inbox is the queue of events of one term. It is not bounded, for watches and
// answers must not block; calls are bounded by those who wait for them.
type inbox struct {
	ready chan struct{} // holds one value while events wait
	now   func() time.Time

	mu     sync.Mutex
	events []event
	waits  map[watchKey]bool // events of this kind that wait
	closed bool
}

// watchKey is what a "look again" is about.
type watchKey struct {
	kind eventKind
	name string
}

func newInbox(now func() time.Time) *inbox {
	return &inbox{now: now, ready: make(chan struct{}, 1), waits: map[watchKey]bool{}}
}

// put adds an event; false if nobody reads any more.
func (b *inbox) put(e event) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closed {
		return false
	}
	if e.again() {
		key := watchKey{e.kind, e.name}
		if b.waits[key] {
			return true
		}
		b.waits[key] = true
	}
	e.at = b.now()
	b.events = append(b.events, e)
	select {
	case b.ready <- struct{}{}:
	default:
	}
	return true
}

// take returns the next event or, if it is a call, the calls that stand
// together at the head, at most maxBatch.
func (b *inbox) take() []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.events) == 0 {
		return nil
	}
	n := 1
	for b.events[0].kind == called && n < min(len(b.events), maxBatch) && b.events[n].kind == called {
		n++
	}
	head := b.events[:n:n]
	b.events = b.events[n:]
	if head[0].again() {
		delete(b.waits, watchKey{head[0].kind, head[0].name})
	}
	if len(b.events) > 0 {
		select {
		case b.ready <- struct{}{}:
		default:
		}
	}
	return head
}

// len is how many events wait.
func (b *inbox) len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.events)
}

// close refuses what comes from now on, and returns what still waited.
func (b *inbox) close() []event {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.closed = true
	left := b.events
	b.events = nil
	return left
}
