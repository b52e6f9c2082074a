package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// heartbeat answers Heartbeat (12): a member is alive, and learns of a rebalance.
//
//	v1  throttle time
//	v3  static members (KIP-345)
//	v4  flexible
func (a *API) heartbeat(_ context.Context, _ *server.Request, q *kmsg.HeartbeatRequest) (*kmsg.HeartbeatResponse, error) {
	return a.Groups.Heartbeat(q), nil
}
