package api

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/replication/image"
)

// liveBroker is a live broker as the client reaches it.
type liveBroker struct {
	broker *image.Broker
	at     address
	ok     bool // it has the client's listener
}

// answerMetadata appends the answer.
func (a *API) answerMetadata(c *metadataCall, buf []byte) []byte {
	w := writer{buf: buf, flexible: c.flexible}
	reachable := c.findLive(a)
	if c.version >= 3 {
		w.int32(0) // throttle time
	}
	w.array(reachable)
	for i := range c.live {
		if c.live[i].ok {
			c.writeBroker(&w, &c.live[i])
		}
	}
	if c.version >= 2 {
		w.str(c.im.ClusterID)
	}
	if c.version >= 1 {
		w.int32(c.im.Controller)
	}
	c.writeTopics(&w)
	if c.version >= 8 && c.version <= 10 {
		w.int32(operations(c.clusterOps, clusterOperations))
	}
	w.noTags()
	return w.buf
}

// findLive notes the live brokers and returns how many of them the client can
// reach.
func (c *metadataCall) findLive(a *API) (reachable int) {
	brokers := c.im.Brokers()
	c.live = c.live[:0]
	for i := range brokers {
		at, ok := a.reach(&brokers[i], c.conn)
		c.live = append(c.live, liveBroker{&brokers[i], at, ok})
		if ok {
			reachable++
		}
	}
	return reachable
}

func (c *metadataCall) writeBroker(w *writer, b *liveBroker) {
	w.int32(b.broker.ID)
	w.str(b.at.host)
	w.int32(b.at.port)
	if c.version >= 1 {
		if b.broker.Rack == "" {
			w.null(false)
		} else {
			w.str(b.broker.Rack)
		}
	}
	w.noTags()
}

func (c *metadataCall) writeTopics(w *writer) {
	if c.all {
		topics := c.im.Topics()
		w.array(len(topics))
		for _, t := range topics {
			c.writeTopic(w, t)
		}
		return
	}
	rows := 0
	for i := range c.asks {
		if !c.asks[i].skip {
			rows++
		}
	}
	w.array(rows)
	for i := range c.asks {
		switch ask := &c.asks[i]; {
		case ask.skip:
		case ask.found != nil:
			c.writeTopic(w, ask.found)
		default:
			c.writeMissing(w, ask)
		}
	}
}

// writeMissing writes the row of a topic that is not there. One asked for by id
// has no name.
func (c *metadataCall) writeMissing(w *writer, ask *metadataAsk) {
	w.int16(ask.code)
	if c.byID {
		w.null(false)
	} else {
		w.name(ask.name)
	}
	if c.version >= 10 {
		w.uuid(ask.id)
	}
	if c.version >= 1 {
		w.bool(!c.byID && isInternal(ask.name))
	}
	w.array(0)
	if c.version >= 8 {
		w.int32(notAsked)
	}
	w.noTags()
}

func (c *metadataCall) writeTopic(w *writer, t *image.Topic) {
	w.int16(0)
	w.str(t.Name)
	if c.version >= 10 {
		w.uuid(t.ID)
	}
	if c.version >= 1 {
		w.bool(t.Internal)
	}
	w.array(told(t))
	for i := range t.Partitions {
		if len(t.Partitions[i].Replicas) > 0 {
			c.writePartition(w, &t.Partitions[i], int32(i))
		}
	}
	if c.version >= 8 {
		w.int32(operations(c.topics, topicOperations))
	}
	w.noTags()
}

// told is how many partitions of a topic this broker was told about: of one that
// is being made, a later partition may have come before an earlier one.
func told(t *image.Topic) int {
	n := 0
	for i := range t.Partitions {
		if len(t.Partitions[i].Replicas) > 0 {
			n++
		}
	}
	return n
}

func (c *metadataCall) writePartition(w *writer, p *image.Partition, index int32) {
	code, leader := c.leaderOf(p)
	if c.version == 0 && code == 0 && (c.count(p.Replicas, c.alive) < len(p.Replicas) || c.count(p.ISR, c.alive) < len(p.ISR)) {
		code = kerr.ReplicaNotAvailable.Code
	}
	w.int16(code)
	w.int32(index)
	w.int32(leader)
	if c.version >= 7 {
		w.int32(p.LeaderEpoch)
	}
	keep := func(*image.Partition, int32) bool { return true }
	if c.version == 0 {
		keep = func(_ *image.Partition, id int32) bool { return c.alive(id) }
	}
	c.writeIDs(w, p, p.Replicas, keep)
	c.writeIDs(w, p, p.ISR, keep)
	if c.version >= 5 {
		c.writeIDs(w, p, p.Replicas, c.offline)
	}
	w.noTags()
}

// leaderOf is the leader that the client can reach, or none and why.
func (c *metadataCall) leaderOf(p *image.Partition) (code int16, leader int32) {
	for i := range c.live {
		switch {
		case c.live[i].broker.ID != p.Leader:
		case c.live[i].ok:
			return 0, p.Leader
		case c.version >= 6:
			return kerr.ListenerNotFound.Code, image.NoBroker
		}
	}
	return kerr.LeaderNotAvailable.Code, image.NoBroker
}

// alive says whether a broker is registered.
func (c *metadataCall) alive(id int32) bool {
	for i := range c.live {
		if c.live[i].broker.ID == id {
			return true
		}
	}
	return false
}

// offline says whether a replica is: its broker is away or its disk has failed.
func (c *metadataCall) offline(p *image.Partition, id int32) bool {
	for _, o := range p.Offline {
		if o == id {
			return true
		}
	}
	return !c.alive(id)
}

func (c *metadataCall) count(ids []int32, what func(int32) bool) int {
	n := 0
	for _, id := range ids {
		if what(id) {
			n++
		}
	}
	return n
}

// writeIDs writes those of the brokers that are to be kept.
func (c *metadataCall) writeIDs(w *writer, p *image.Partition, ids []int32, keep func(*image.Partition, int32) bool) {
	n := 0
	for _, id := range ids {
		if keep(p, id) {
			n++
		}
	}
	w.array(n)
	for _, id := range ids {
		if keep(p, id) {
			w.int32(id)
		}
	}
}

// answerRefused answers a request that is wrong as a whole: every topic has the
// code, and the cluster is not told.
func (c *metadataCall) answerRefused(buf []byte, code int16) []byte {
	w := writer{buf: buf, flexible: c.flexible}
	w.int32(0) // throttle time; no version below 3 is refused
	w.array(0) // brokers
	w.null(false)
	w.int32(image.NoBroker)
	w.array(len(c.asks))
	for i := range c.asks {
		ask := &c.asks[i]
		w.int16(code)
		w.name(ask.name) // null reads as empty here, as in Kafka
		w.uuid(ask.id)
		w.bool(false)
		w.array(0)
		w.int32(notAsked)
		w.noTags()
	}
	if c.version <= 10 {
		w.int32(notAsked)
	}
	w.noTags()
	return w.buf
}
