package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// deleteGroups answers DeleteGroups (42): groups without members go, with their
// offsets (KIP-229).
//
//	v2  flexible
func (a *API) deleteGroups(ctx context.Context, _ *server.Request, q *kmsg.DeleteGroupsRequest) (*kmsg.DeleteGroupsResponse, error) {
	return a.Groups.Delete(ctx, q), nil
}
