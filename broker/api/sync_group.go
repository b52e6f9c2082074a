package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// syncGroup answers SyncGroup (14): the leader of a group says who does what,
// every member learns its part. The connection waits until the leader has said.
//
//	v1  throttle time
//	v3  static members (KIP-345)
//	v4  flexible
//	v5  protocol type and protocol, which must be the group's (KIP-559)
func (a *API) syncGroup(ctx context.Context, _ *server.Request, q *kmsg.SyncGroupRequest) (*kmsg.SyncGroupResponse, error) {
	defer a.waits.begin(groupMembers)()
	return a.Groups.Sync(ctx, q), nil
}
