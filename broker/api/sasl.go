package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// A listener without authentication has nothing to negotiate: SaslHandshake (17)
// and SaslAuthenticate (36) are ILLEGAL_SASL_STATE. They are offered because
// older clients take their presence for a sign of what a broker can do.

func (a *API) saslHandshake(context.Context, *server.Request, *kmsg.SASLHandshakeRequest) (*kmsg.SASLHandshakeResponse, error) {
	out := kmsg.NewPtrSASLHandshakeResponse()
	out.ErrorCode = kerr.IllegalSaslState.Code
	return out, nil
}

func (a *API) saslAuthenticate(context.Context, *server.Request, *kmsg.SASLAuthenticateRequest) (*kmsg.SASLAuthenticateResponse, error) {
	out := kmsg.NewPtrSASLAuthenticateResponse()
	out.ErrorCode = kerr.IllegalSaslState.Code
	out.ErrorMessage = text("SaslAuthenticate request received after successful authentication")
	out.SASLAuthBytes = []byte{}
	return out, nil
}
