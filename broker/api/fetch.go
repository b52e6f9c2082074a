package api

import (
	"context"

	"github.com/leatmq/leat/broker/server"
)

func (a *API) fetch(ctx context.Context, r *server.Request, w *server.Response) server.Outcome {
	return server.Close
}
