package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// Delegation tokens are for those who have proved who they are, which nobody
// can on a listener without authentication: DELEGATION_TOKEN_REQUEST_NOT_ALLOWED
// (CreateDelegationToken 38, Renew 39, Expire 40, Describe 41; all flexible from
// v2 on).

// anonymous is who an unauthenticated client is.
const anonymousType, anonymousName = "User", "ANONYMOUS"

func (a *API) createDelegationToken(context.Context, *server.Request, *kmsg.CreateDelegationTokenRequest) (*kmsg.CreateDelegationTokenResponse, error) {
	out := kmsg.NewPtrCreateDelegationTokenResponse()
	out.ErrorCode = kerr.DelegationTokenRequestNotAllowed.Code
	out.PrincipalType, out.PrincipalName = anonymousType, anonymousName
	out.TokenRequesterPrincipalType, out.TokenRequesterPrincipalName = anonymousType, anonymousName
	out.IssueTimestamp, out.ExpiryTimestamp, out.MaxTimestamp = -1, -1, -1
	out.HMAC = []byte{}
	return out, nil
}

func (a *API) renewDelegationToken(context.Context, *server.Request, *kmsg.RenewDelegationTokenRequest) (*kmsg.RenewDelegationTokenResponse, error) {
	out := kmsg.NewPtrRenewDelegationTokenResponse()
	out.ErrorCode, out.ExpiryTimestamp = kerr.DelegationTokenRequestNotAllowed.Code, -1
	return out, nil
}

func (a *API) expireDelegationToken(context.Context, *server.Request, *kmsg.ExpireDelegationTokenRequest) (*kmsg.ExpireDelegationTokenResponse, error) {
	out := kmsg.NewPtrExpireDelegationTokenResponse()
	out.ErrorCode, out.ExpiryTimestamp = kerr.DelegationTokenRequestNotAllowed.Code, -1
	return out, nil
}

func (a *API) describeDelegationToken(context.Context, *server.Request, *kmsg.DescribeDelegationTokenRequest) (*kmsg.DescribeDelegationTokenResponse, error) {
	out := kmsg.NewPtrDescribeDelegationTokenResponse()
	out.ErrorCode = kerr.DelegationTokenRequestNotAllowed.Code
	return out, nil
}
