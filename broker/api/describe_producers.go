package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

func (a *API) describeProducers(_ context.Context, r *server.Request, q *kmsg.DescribeProducersRequest) (*kmsg.DescribeProducersResponse, error) {
	return kmsg.NewPtrDescribeProducersResponse(), nil
}
