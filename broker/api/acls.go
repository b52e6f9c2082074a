package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// Without an authorizer there are no access control lists to tell, make or
// remove: SECURITY_DISABLED, which tools know (DescribeAcls 29, CreateAcls 30,
// DeleteAcls 31; all flexible from v2 on).

func (a *API) describeACLs(context.Context, *server.Request, *kmsg.DescribeACLsRequest) (*kmsg.DescribeACLsResponse, error) {
	out := kmsg.NewPtrDescribeACLsResponse()
	out.ErrorCode, out.ErrorMessage = kerr.SecurityDisabled.Code, text("No Authorizer is configured on the broker")
	return out, nil
}

func (a *API) createACLs(_ context.Context, _ *server.Request, q *kmsg.CreateACLsRequest) (*kmsg.CreateACLsResponse, error) {
	out := kmsg.NewPtrCreateACLsResponse()
	for range q.Creations {
		row := kmsg.NewCreateACLsResponseResult()
		row.ErrorCode, row.ErrorMessage = kerr.SecurityDisabled.Code, text("No Authorizer is configured.")
		out.Results = append(out.Results, row)
	}
	return out, nil
}

func (a *API) deleteACLs(_ context.Context, _ *server.Request, q *kmsg.DeleteACLsRequest) (*kmsg.DeleteACLsResponse, error) {
	out := kmsg.NewPtrDeleteACLsResponse()
	for range q.Filters {
		row := kmsg.NewDeleteACLsResponseResult()
		row.ErrorCode, row.ErrorMessage = kerr.SecurityDisabled.Code, text("No Authorizer is configured.")
		out.Results = append(out.Results, row)
	}
	return out, nil
}
