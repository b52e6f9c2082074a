package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/metrics"
	"github.com/leatmq/leat/log/checkpoint"
)

// countProduced counts what became of each partition of a Produce.
func (a *API) countProduced(c *produceCall) {
	if a.Metrics == nil {
		return
	}
	for i := range c.parts {
		p := &c.parts[i]
		a.Metrics.Error(int16(kmsg.Produce), p.code)
		switch {
		case p.skip || p.replica == nil: // not a topic of this broker
		case p.code != 0:
			a.Metrics.TopicIn(p.topic).ProduceFailed()
		default:
			a.Metrics.TopicIn(p.topic).Produced(p.appended, p.bytes)
		}
	}
}

// countFetched counts what each partition has in a Fetch answer.
func (a *API) countFetched(c *fetchCall) {
	if c.q.replica >= 0 {
		a.countReplicated(c)
		return
	}
	if a.Metrics == nil {
		return
	}
	for i := range c.out.rows {
		row := &c.out.rows[i]
		a.Metrics.Error(int16(kmsg.Fetch), row.code)
		if row.code == 0 && c.q.version < 13 {
			a.Metrics.TopicIn(row.topic).Fetched(row.slice.Len() + row.old.len())
			continue
		}
		t := a.Image().TopicByID(row.id)
		if c.q.version < 13 {
			t = a.Image().Topic(string(row.topic))
		}
		switch {
		case t == nil:
		case row.code != 0:
			a.Metrics.Topic(t.Name).FetchFailed()
		default:
			a.Metrics.Topic(t.Name).Fetched(row.slice.Len() + row.old.len())
		}
	}
}

// countReplicated counts what goes out to a follower: against the bound of
// replication, and not as what consumers get.
func (a *API) countReplicated(c *fetchCall) {
	now := a.Now()
	for i := range c.out.rows {
		row := &c.out.rows[i]
		if a.Metrics != nil {
			a.Metrics.Error(metrics.FetchFollower, row.code)
		}
		n := row.bytes()
		if n == 0 {
			continue
		}
		name := string(row.topic)
		if c.q.version >= 13 {
			t := a.Image().TopicByID(row.id)
			if t == nil {
				continue
			}
			name = t.Name
		}
		if a.Metrics != nil {
			r, err := a.Partitions.Get(checkpoint.Partition{Topic: name, Index: row.index})
			a.Metrics.CopiedOut(n, err == nil && r.Adds(c.q.replica))
		}
		if a.Cluster != nil && a.Cluster.Throttle != nil && a.Cluster.Throttle.Holds(name, row.index) {
			a.Cluster.Throttle.Record(now, n)
		}
	}
}
