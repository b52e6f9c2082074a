package api

import (
	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/replication/image"
)

// address is where a client reaches a broker.
type address struct {
	host string
	port int32
}

// reach says where the client of a connection reaches a broker: by the
// broker's advertised endpoint of the listener that the connection came by.
// Where a single node advertises nothing, each client is told the address that it
// has dialled. ok is false for a broker that lacks the listener.
func (a *API) reach(b *image.Broker, c *server.Conn) (at address, ok bool) {
	if a.Cluster == nil && b.ID == a.BrokerID && a.Config.String("advertised.listeners") == "" {
		local := c.LocalAddr()
		return address{host: local.Addr().Unmap().WithZone("").String(), port: int32(local.Port())}, true
	}
	e, ok := b.Endpoint(c.Listener())
	return address{host: e.Host, port: e.Port}, ok
}

// notAsked stands where authorised operations were not asked for.
const notAsked int32 = -1 << 31

// Bits of authorised operations: the numbers of the operations that a resource
// knows. Without an authorizer everything is allowed.
const (
	topicOperations   int32 = 1<<3 | 1<<4 | 1<<5 | 1<<6 | 1<<7 | 1<<8 | 1<<10 | 1<<11
	clusterOperations int32 = 1<<5 | 1<<7 | 1<<8 | 1<<9 | 1<<10 | 1<<11 | 1<<12
)

// operations are the bits if they were asked for.
func operations(asked bool, all int32) int32 {
	if asked {
		return all
	}
	return notAsked
}
