package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// ApiVersions (18) tells which APIs and versions the broker serves.
//
//	v1  throttle time
//	v3  flexible (its answer's header is still v0); the client names its
//	    library (KIP-511), the broker its features (KIP-584)
//	v4  feature ranges that begin at 0 are shown
//
// A version that is not served is answered at version 0 with
// UNSUPPORTED_VERSION and the range of ApiVersions alone, so that the client can
// ask again (KIP-35). A library that names itself with other signs than letters,
// digits, and '-' and '.' inside is INVALID_REQUEST.
func (a *API) apiVersions(_ context.Context, r *server.Request, q *kmsg.ApiVersionsRequest) (*kmsg.ApiVersionsResponse, error) {
	out := kmsg.NewPtrApiVersionsResponse()
	if r.Version >= 3 {
		if !softwareName(q.ClientSoftwareName) || !softwareName(q.ClientSoftwareVersion) {
			out.ErrorCode = kerr.InvalidRequest.Code
			return out, nil
		}
		r.Conn.SetSoftware(q.ClientSoftwareName, q.ClientSoftwareVersion)
	}
	for i := range a.routes {
		if a.routes[i].handle == nil {
			continue
		}
		out.ApiKeys = append(out.ApiKeys, rangeOf(&a.routes[i]))
	}
	// The version of /feature in the tree; a new cluster's is 0.
	out.FinalizedFeaturesEpoch = a.Image().FeatureEpoch
	return out, nil
}

func rangeOf(r *route) kmsg.ApiVersionsResponseApiKey {
	k := kmsg.NewApiVersionsResponseApiKey()
	k.ApiKey, k.MinVersion, k.MaxVersion = int16(r.key), r.min, r.max
	return k
}

// apiVersionsUnsupported answers a version that is not served.
func (a *API) apiVersionsUnsupported(w *server.Response) server.Outcome {
	out := kmsg.NewPtrApiVersionsResponse()
	out.ErrorCode = kerr.UnsupportedVersion.Code
	out.ApiKeys = append(out.ApiKeys, rangeOf(&a.routes[kmsg.ApiVersions]))
	out.SetVersion(0)
	w.Buf = out.AppendTo(w.Buf)
	return server.Answered
}

// softwareName says whether a library's name or version is a legal one.
func softwareName(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		case (c == '-' || c == '.') && i > 0 && i < len(s)-1:
		default:
			return false
		}
	}
	return s != ""
}
