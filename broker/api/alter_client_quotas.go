package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// alterClientQuotas answers AlterClientQuotas (49): quotas are kept in the tree
// as Kafka keeps them, and told by DescribeClientQuotas. This broker does not
// slow anybody down for them; whoever sets one finds a warning in the log.
//
//	v1  flexible
func (a *API) alterClientQuotas(ctx context.Context, _ *server.Request, q *kmsg.AlterClientQuotasRequest) (*kmsg.AlterClientQuotasResponse, error) {
	out := kmsg.NewPtrAlterClientQuotasResponse()
	for i := range q.Entries {
		ask := &q.Entries[i]
		row := kmsg.NewAlterClientQuotasResponseEntry()
		for _, e := range ask.Entity {
			part := kmsg.NewAlterClientQuotasResponseEntryEntity()
			part.Type, part.Name = e.Type, e.Name
			row.Entity = append(row.Entity, part)
		}
		err := a.alterQuota(ctx, ask, q.ValidateOnly)
		row.ErrorCode, row.ErrorMessage = codeOf(err), messageOf(err)
		out.Entries = append(out.Entries, row)
	}
	return out, nil
}

func (a *API) alterQuota(ctx context.Context, ask *kmsg.AlterClientQuotasRequestEntry, validateOnly bool) error {
	entity := quotaEntity{}
	for _, e := range ask.Entity {
		if err := entity.add(e.Type, e.Name); err != nil {
			return err
		}
	}
	at, err := entity.place()
	if err != nil {
		return err
	}
	ops := make([]quotaOp, len(ask.Ops))
	sets := false
	for i, op := range ask.Ops {
		ops[i] = quotaOp{key: op.Key, value: op.Value, remove: op.Remove}
		sets = sets || !op.Remove
	}
	change := func(was map[string]string) (map[string]string, error) { return applyQuotas(was, at, ops) }
	if validateOnly {
		_, err := change(a.Image().Config(at))
		return err
	}
	if err := a.alterConfig(ctx, at, change); err != nil {
		return err
	}
	if sets {
		a.Logger.Warn("a client quota was stored; this broker does not enforce quotas", "entity", at.Path())
	}
	return nil
}
