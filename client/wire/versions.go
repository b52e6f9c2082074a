package wire

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Versions are what APIs a peer serves.
type Versions map[int16]Range

// Range is the versions of one API, both included.
type Range struct{ Min, Max int16 }

// Best returns the highest version of an API that both the peer and the caller,
// who knows those in the range, understand; false if there is none.
func (v Versions) Best(key int16, known Range) (int16, bool) {
	r, ok := v[key]
	best := min(known.Max, r.Max)
	return best, ok && best >= known.Min && best >= r.Min
}

// Versions asks the peer what APIs it serves. A peer that does not know the
// version of the question is asked again with the first.
func (c *Conn) Versions(ctx context.Context) (Versions, error) {
	req, resp := kmsg.NewPtrApiVersionsRequest(), kmsg.NewPtrApiVersionsResponse()
	req.Version = 3
	req.ClientSoftwareName, req.ClientSoftwareVersion = "leat", "1"
	answer := new(Answer)
	if _, err := c.Do(ctx, req, answer, nil); err != nil {
		return nil, err
	}
	resp.Version = 3
	err := resp.ReadFrom(answer.Body)
	if err != nil || resp.ErrorCode == kerr.UnsupportedVersion.Code { // which answers with version 0
		req.Version = 0
		if _, err = c.Do(ctx, req, resp, nil); err != nil {
			return nil, err
		}
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, fmt.Errorf("API versions of %s: %w", c.o.Addr, err)
	}
	v := make(Versions, len(resp.ApiKeys))
	for _, k := range resp.ApiKeys {
		v[k.ApiKey] = Range{Min: k.MinVersion, Max: k.MaxVersion}
	}
	return v, nil
}
