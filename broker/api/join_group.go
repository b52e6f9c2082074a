package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// joinGroup answers JoinGroup (11): a client becomes, or stays, a member of a
// group. The connection waits until all members have joined; it is served
// nothing else meanwhile, as in Kafka.
//
//	v1  rebalance timeout; before, it is the session timeout
//	v2  throttle time
//	v4  a new member is sent back with an id first (KIP-394)
//	v5  static members (KIP-345)
//	v6  flexible
//	v7  protocol type; no protocol is null
//	v8  reason, for logs (KIP-800)
//	v9  a leader may be told to skip assigning (KIP-814)
func (a *API) joinGroup(ctx context.Context, r *server.Request, q *kmsg.JoinGroupRequest) (*kmsg.JoinGroupResponse, error) {
	defer a.waits.begin(groupMembers)()
	return a.Groups.Join(ctx, caller(r), q), nil
}
