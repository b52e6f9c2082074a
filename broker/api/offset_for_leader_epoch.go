package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

func (a *API) offsetForLeaderEpoch(_ context.Context, r *server.Request, q *kmsg.OffsetForLeaderEpochRequest) (*kmsg.OffsetForLeaderEpochResponse, error) {
	return kmsg.NewPtrOffsetForLeaderEpochResponse(), nil
}
