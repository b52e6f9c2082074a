package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

func (a *API) listOffsets(_ context.Context, r *server.Request, q *kmsg.ListOffsetsRequest) (*kmsg.ListOffsetsResponse, error) {
	return kmsg.NewPtrListOffsetsResponse(), nil
}
