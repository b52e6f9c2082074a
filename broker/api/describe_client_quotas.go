package api

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// Ways to match the name of a quota's entity.
const (
	matchExact   kmsg.QuotasMatchType = 0
	matchDefault kmsg.QuotasMatchType = 1
	matchAny     kmsg.QuotasMatchType = 2
)

// describeClientQuotas answers DescribeClientQuotas (48): the quotas that are
// set, for entities that have the given types and names; strict: and no other
// types (KIP-546).
//
//	v1  flexible
func (a *API) describeClientQuotas(_ context.Context, _ *server.Request, q *kmsg.DescribeClientQuotasRequest) (*kmsg.DescribeClientQuotasResponse, error) {
	out := kmsg.NewPtrDescribeClientQuotasResponse()
	refusal := refuseQuotaFilter(q.Components)
	out.ErrorCode, out.ErrorMessage = refusal.code, text(refusal.message)
	if refusal.code != 0 {
		if refusal.message == "" {
			out.ErrorMessage = nil
		}
		return out, nil
	}
	out.Entries = []kmsg.DescribeClientQuotasResponseEntry{}
	for _, e := range quotasOf(a.Image()) {
		if matchesQuota(e.entity, q) {
			out.Entries = append(out.Entries, quotaRow(e))
		}
	}
	return out, nil
}

func refuseQuotaFilter(components []kmsg.DescribeClientQuotasRequestComponent) refusal {
	seen := map[string]bool{}
	for i := range components {
		c := &components[i]
		bad := func(text string) refusal { return refusal{kerr.InvalidRequest.Code, text} }
		switch {
		case c.MatchType < matchExact || c.MatchType > matchAny:
			return refusal{code: kerr.UnknownServerError.Code}
		case c.EntityType == "":
			return bad("Unexpected empty filter component entity type")
		case c.EntityType != quotaUser && c.EntityType != quotaClient && c.EntityType != quotaIP:
			return refusal{kerr.UnsupportedVersion.Code, fmt.Sprintf("Custom entity type '%s' not supported", c.EntityType)}
		case seen[c.EntityType]:
			return bad(fmt.Sprintf("Duplicate %s filter component entity type", c.EntityType))
		case c.MatchType == matchExact && c.Match == nil:
			return bad("Request specifies an exact match without a name to match")
		}
		seen[c.EntityType] = true
	}
	if seen[quotaIP] && len(seen) > 1 {
		return refusal{kerr.InvalidRequest.Code, "Invalid entity filter component combination, IP filter component should not be used with user or clientId filter component."}
	}
	return refusal{}
}

func matchesQuota(e quotaEntity, q *kmsg.DescribeClientQuotasRequest) bool {
	for i := range q.Components {
		c := &q.Components[i]
		name, there := e[c.EntityType]
		switch {
		case !there,
			c.MatchType == matchDefault && name != nil,
			c.MatchType == matchExact && (name == nil || *name != *c.Match):
			return false
		}
	}
	return !q.Strict || len(e) == len(q.Components)
}

func quotaRow(e quotaEntry) kmsg.DescribeClientQuotasResponseEntry {
	row := kmsg.NewDescribeClientQuotasResponseEntry()
	for _, kind := range e.entity.kinds() {
		part := kmsg.NewDescribeClientQuotasResponseEntryEntity()
		part.Type, part.Name = kind, e.entity[kind]
		row.Entity = append(row.Entity, part)
	}
	for _, key := range slices.Sorted(maps.Keys(e.values)) {
		value := kmsg.NewDescribeClientQuotasResponseEntryValue()
		value.Key, value.Value = key, e.values[key]
		row.Values = append(row.Values, value)
	}
	return row
}
