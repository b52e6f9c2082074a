package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// listGroups answers ListGroups (16): the groups that this broker coordinates.
//
//	v1  throttle time
//	v3  flexible
//	v4  states, and a filter by them (KIP-518)
//	v5  types, and a filter by them (KIP-848)
func (a *API) listGroups(_ context.Context, _ *server.Request, q *kmsg.ListGroupsRequest) (*kmsg.ListGroupsResponse, error) {
	return a.Groups.List(q), nil
}
