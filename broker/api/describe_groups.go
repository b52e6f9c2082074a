package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// groupOperations are the operations on a group that there are: read, delete
// and describe, each as the bit of its number. Without an authoriser everybody
// may do them all.
const groupOperations int32 = 1<<3 | 1<<6 | 1<<8

// describeGroups answers DescribeGroups (15): states and members of groups. A
// group that does not exist is described as dead.
//
//	v1  throttle time
//	v3  operations that the client may do (KIP-430)
//	v4  static members (KIP-345)
//	v5  flexible
func (a *API) describeGroups(ctx context.Context, _ *server.Request, q *kmsg.DescribeGroupsRequest) (*kmsg.DescribeGroupsResponse, error) {
	out := a.Groups.Describe(ctx, q)
	for i := range out.Groups {
		out.Groups[i].AuthorizedOperations = operations(q.IncludeAuthorizedOperations, groupOperations)
	}
	return out, nil
}
