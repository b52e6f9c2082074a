package metrics

import (
	"sync/atomic"
	"time"
)

// cluster is what is counted of a broker's part in its cluster.
type cluster struct {
	in, out  copied
	requests histogram // to ZooKeeper
	waits    histogram // of events, for the controller
	events   [len(states)]histogram
}

// copied is what was copied in one direction.
type copied struct{ bytes, reassigned atomic.Uint64 }

func (c *copied) add(bytes int, reassigned bool) {
	c.bytes.Add(uint64(bytes))
	if reassigned {
		c.reassigned.Add(uint64(bytes))
	}
}

// CopiedIn counts what a follower here has copied; reassigned, because a
// reassignment adds it. It neither locks nor allocates.
func (m *Metrics) CopiedIn(bytes int, reassigned bool) { m.cluster.in.add(bytes, reassigned) }

// CopiedOut counts what a follower elsewhere was sent, likewise.
func (m *Metrics) CopiedOut(bytes int, reassigned bool) { m.cluster.out.add(bytes, reassigned) }

// Asked counts a request to ZooKeeper.
func (m *Metrics) Asked(took time.Duration) { m.cluster.requests.observe(took) }

// Controlled counts an event that the controller here was in the state for, by
// Kafka's numbers of states.
func (m *Metrics) Controlled(state int, waited, took time.Duration) {
	if state < 0 || state >= len(states) {
		state = 0
	}
	m.cluster.waits.observe(waited)
	m.cluster.events[state].observe(took)
}
