package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

func (a *API) deleteRecords(_ context.Context, r *server.Request, q *kmsg.DeleteRecordsRequest) (*kmsg.DeleteRecordsResponse, error) {
	return kmsg.NewPtrDeleteRecordsResponse(), nil
}
