package controller

import (
	"time"

	"github.com/leatmq/leat/replication/image"
)

// State is what a controller is doing, by Kafka's numbers.
type State int32

// The states. Kafka has others beside, for what this controller never does.
const (
	Idle                   State = 0
	ControllerChange       State = 1
	BrokerChange           State = 2
	TopicChange            State = 3
	TopicDeletion          State = 4
	AlterReassignment      State = 5
	AutoBalance            State = 6
	ManualBalance          State = 7
	ControlledShutdown     State = 8
	IsrChange              State = 9
	ResponseReceived       State = 10
	LogDirChange           State = 11
	UncleanElectionEnabled State = 13
	UncleanElectionOfTopic State = 14
	ListReassignments      State = 15
)

// Work is one event that a controller has handled.
type Work struct {
	State  State
	Waited time.Duration // since it happened
	Took   time.Duration
}

// Standing is what a controller has before it; zero out of office.
type Standing struct {
	State   State
	Waiting int // events that were not looked at yet
	Brokers int // registered
	// Topics and Replicas are to be deleted. Held are those of the topics that
	// wait for a broker to come back, Absent the replicas there.
	Topics, Replicas int
	Held, Absent     int
}

// Standing tells what is before the controller.
func (c *Controller) Standing() Standing {
	t := c.term.Load()
	if t == nil {
		return Standing{}
	}
	im := c.Image()
	s := Standing{State: State(c.state.Load()), Waiting: t.inbox.len(), Brokers: len(im.Brokers()), Topics: len(im.DeletingTopics())}
	for _, name := range im.DeletingTopics() {
		replicas, absent := leftOf(im, im.Deletion(name))
		s.Replicas += replicas
		s.Absent += absent
		if absent > 0 {
			s.Held++
		}
	}
	return s
}

// leftOf counts the replicas of a deleted topic that are not known to be gone,
// and those of them whose broker is away.
func leftOf(im *image.Image, d *image.Deletion) (replicas, absent int) {
	if d == nil {
		return 0, 0
	}
	for _, ids := range d.Left {
		replicas += len(ids)
		for _, id := range ids {
			if _, live := im.Broker(id); !live {
				absent++
			}
		}
	}
	return replicas, absent
}

// during does something in a state, and tells of it for each of the events that
// it is about. They are as old as they say.
func (t *term) during(s State, events []event, do func() error) error {
	c := t.c
	began := c.o.Now()
	c.state.Store(int32(s))
	err := do()
	c.state.Store(int32(Idle))
	took := c.o.Now().Sub(began)
	for i := range events {
		w := Work{State: s, Waited: max(began.Sub(events[i].at), 0), Took: took}
		if k := events[i].call; k != nil {
			w.State = k.state
		}
		c.o.Handled(w)
	}
	return err
}

// soon is an event that was due now.
func (t *term) soon() []event { return []event{{at: t.c.o.Now()}} }

// stateOf is the state in which an event is handled.
func (t *term) stateOf(e *event) State {
	switch e.kind {
	case called:
		return e.call.state
	case officeChanged:
		return ControllerChange
	case brokersChanged, brokerChanged:
		return BrokerChange
	case topicsChanged, topicChanged:
		return TopicChange
	case deletionsChanged:
		return TopicDeletion
	case reassignChanged:
		return AlterReassignment
	case preferredChanged:
		return ManualBalance
	case isrsChanged:
		return IsrChange
	case disksChanged:
		return LogDirChange
	case answered:
		return ResponseReceived
	case configChanged:
		return t.allows(e)
	}
	return Idle
}
