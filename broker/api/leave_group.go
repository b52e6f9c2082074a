package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// leaveGroup answers LeaveGroup (13): members go, or are sent away by an admin.
//
//	v1  throttle time
//	v3  several members, static ones by their instance (KIP-345)
//	v4  flexible
//	v5  reason, for logs (KIP-800)
func (a *API) leaveGroup(_ context.Context, _ *server.Request, q *kmsg.LeaveGroupRequest) (*kmsg.LeaveGroupResponse, error) {
	return a.Groups.Leave(q), nil
}
