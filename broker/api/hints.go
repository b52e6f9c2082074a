package api

import (
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/replication/image"
)

// hintLeaders adds to each row that this broker does not lead who does, and
// where that broker is reached (KIP-951, from version 10 on).
func (a *API) hintLeaders(c *produceCall, r *server.Request) {
	if c.version < 10 {
		return
	}
	for i := range c.parts {
		p := &c.parts[i]
		if p.code != kerr.NotLeaderForPartition.Code {
			continue
		}
		im := a.Image()
		p.hint = hintOf(im.Partition(string(p.topic), p.index))
		c.nodes = addEndpoint(c.nodes, im, p.hint, r.Conn.Listener())
	}
}

// hintOf says who leads a partition; nil is one that does not exist.
func hintOf(p *image.Partition) hint {
	if p == nil {
		return hint{}
	}
	return hint{known: true, id: p.Leader, epoch: p.LeaderEpoch}
}

// addEndpoint adds where the hinted leader is reached by a listener, unless it
// is there already or unknown.
func addEndpoint(nodes []endpoint, im *image.Image, h hint, listener string) []endpoint {
	if !h.known {
		return nodes
	}
	for i := range nodes {
		if nodes[i].id == h.id {
			return nodes
		}
	}
	b, ok := im.Broker(h.id)
	if !ok {
		return nodes
	}
	e, ok := b.Endpoint(listener)
	if !ok {
		return nodes
	}
	n := endpoint{id: b.ID, host: e.Host, port: e.Port}
	if b.Rack != "" {
		n.rack = &b.Rack
	}
	return append(nodes, n)
}
