package api

import (
	"context"
	"errors"

	"github.com/leatmq/leat/broker/server"
)

var (
	errAcks            = errors.New("acks must be -1, 0 or 1")
	errTimedOut        = errors.New("not committed in time")
	errTransactionalID = errors.New("transactional records without the right to their transactional id")
	errProducerID      = errors.New("producer id does not belong to the transactional id")
)

func (a *API) produce(ctx context.Context, r *server.Request, w *server.Response) server.Outcome {
	return server.Close
}
