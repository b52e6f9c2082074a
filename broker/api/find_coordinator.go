package api

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/replication/plan"
)

// What a coordinator coordinates.
const (
	groupKey       int8 = 0
	transactionKey int8 = 1
	shareKey       int8 = 2
)

// shareKeysFrom is the first version that may ask for a share coordinator.
const shareKeysFrom = 6

// findCoordinator answers FindCoordinator (10): the broker that leads the
// partition of the internal topic that a group's id hashes to.
//
//	v1  key type, error message, throttle time
//	v3  flexible
//	v4  several keys (KIP-699)
//	v6  share coordinators (KIP-932)
//
// Where the internal topic does not exist it is created, and the answer tells of
// it at once; Kafka answers COORDINATOR_NOT_AVAILABLE until it is there.
// Transactions and share groups have no coordinator here:
// COORDINATOR_NOT_AVAILABLE. Other key types are INVALID_REQUEST.
func (a *API) findCoordinator(ctx context.Context, r *server.Request, q *kmsg.FindCoordinatorRequest) (*kmsg.FindCoordinatorResponse, error) {
	out := kmsg.NewPtrFindCoordinatorResponse()
	if r.Version < 4 {
		c := a.coordinator(ctx, r, q.CoordinatorType, q.CoordinatorKey)
		out.ErrorCode, out.ErrorMessage = c.ErrorCode, c.ErrorMessage
		out.NodeID, out.Host, out.Port = c.NodeID, c.Host, c.Port
		if c.ErrorCode == 0 {
			none := "NONE"
			out.ErrorMessage = &none
		}
		return out, nil
	}
	out.Coordinators = make([]kmsg.FindCoordinatorResponseCoordinator, len(q.CoordinatorKeys))
	for i, key := range q.CoordinatorKeys {
		c := a.coordinator(ctx, r, q.CoordinatorType, key)
		empty := ""
		c.Key, c.ErrorMessage = key, &empty
		out.Coordinators[i] = c
	}
	return out, nil
}

// coordinator finds the coordinator of one key.
func (a *API) coordinator(ctx context.Context, r *server.Request, kind int8, key string) kmsg.FindCoordinatorResponseCoordinator {
	c := kmsg.NewFindCoordinatorResponseCoordinator()
	c.NodeID, c.Port = -1, -1
	var err error
	switch {
	case kind == groupKey:
		err = a.groupCoordinator(ctx, r, key, &c)
	case kind == transactionKey:
		err = kerr.UnsupportedVersion
	case kind == shareKey && r.Version >= shareKeysFrom:
		err = kerr.CoordinatorNotAvailable
	default:
		err = kerr.InvalidRequest
	}
	if ke := (*kerr.Error)(nil); errors.As(err, &ke) {
		c.ErrorCode, c.ErrorMessage = ke.Code, &ke.Description
	}
	return c
}

// groupCoordinator finds the leader of a group's partition.
func (a *API) groupCoordinator(ctx context.Context, r *server.Request, group string, c *kmsg.FindCoordinatorResponseCoordinator) error {
	if a.Image().Topic(coordinator.Topic) == nil {
		if a.uninformed() {
			return kerr.CoordinatorNotAvailable
		}
		if err := a.createInternal(ctx, coordinator.Topic); err != nil {
			a.Logger.Warn("internal topic could not be created", "topic", coordinator.Topic, "error", err)
			return kerr.CoordinatorNotAvailable
		}
	}
	im := a.Image()
	p := im.Partition(coordinator.Topic, a.Groups.PartitionFor(group))
	if p == nil {
		return kerr.CoordinatorNotAvailable
	}
	b, ok := im.Broker(p.Leader)
	if !ok {
		return kerr.CoordinatorNotAvailable
	}
	at, ok := a.reach(b, r.Conn)
	if !ok {
		return kerr.CoordinatorNotAvailable
	}
	c.NodeID, c.Host, c.Port = b.ID, at.host, at.port
	return nil
}

// createInternal creates one of Kafka's own topics; that it exists is no error.
func (a *API) createInternal(ctx context.Context, name string) error {
	results, err := a.autoCreate(ctx, []string{name})
	if err != nil {
		return err
	}
	for _, one := range results {
		if one.Err != nil && !errors.Is(one.Err, plan.ErrTopicExists) {
			return one.Err
		}
	}
	return nil
}
