package api

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/config"
	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/replication/plan"
)

// errOperation is an operation on a key that is none of the four.
var errOperation = errors.New("no such operation on a configuration")

// incrementalAlterConfigs answers IncrementalAlterConfigs (44): single keys are
// set, deleted, appended to or subtracted from; others stay (KIP-339).
//
//	v1  flexible
func (a *API) incrementalAlterConfigs(ctx context.Context, _ *server.Request, q *kmsg.IncrementalAlterConfigsRequest) (*kmsg.IncrementalAlterConfigsResponse, error) {
	out := kmsg.NewPtrIncrementalAlterConfigsResponse()
	seen := map[resource]int{}
	for i := range q.Resources {
		seen[resource{q.Resources[i].ResourceType, q.Resources[i].ResourceName}]++
	}
	for i := range q.Resources {
		ask := &q.Resources[i]
		row := kmsg.NewIncrementalAlterConfigsResponseResource()
		row.ResourceType, row.ResourceName = ask.ResourceType, ask.ResourceName
		r := resource{ask.ResourceType, ask.ResourceName}
		err := errNamedTwice
		if seen[r] == 1 {
			err = a.changeConfigs(ctx, r, ask.Configs, q.ValidateOnly)
		}
		row.ErrorCode, row.ErrorMessage = configRefusal(r, err)
		out.Resources = append(out.Resources, row)
	}
	return out, nil
}

func (a *API) changeConfigs(ctx context.Context, r resource, changes []kmsg.IncrementalAlterConfigsRequestResourceConfig, validateOnly bool) error {
	ops := make([]config.Op, len(changes))
	for i := range changes {
		c := &changes[i]
		if c.Op < kmsg.IncrementalAlterConfigOpSet || c.Op > kmsg.IncrementalAlterConfigOpSubtract {
			return errOperation
		}
		ops[i] = config.Op{Name: c.Name, Kind: config.OpKind(c.Op), Value: c.Value}
	}
	switch r.kind {
	case kmsg.ConfigResourceTypeTopic:
		return a.alterTopic(ctx, r.name, validateOnly, func(was map[string]string) (map[string]string, error) {
			return a.Config.AlterTopic(was, ops)
		})
	case kmsg.ConfigResourceTypeBroker:
		return a.alterBroker(ctx, r.name, validateOnly, func(scope config.Scope) (map[string]string, error) {
			return a.Config.AlterBroker(scope, ops)
		})
	case kmsg.ConfigResourceTypeBrokerLogger:
		return a.alterLoggers(r.name, ops)
	case clientMetricsResource:
		return refused(plan.ErrInvalidRequest, "AlterConfigs is only supported for topics and brokers, but resource type is CLIENT_METRICS")
	}
	return refused(plan.ErrInvalidRequest, fmt.Sprintf("Unknown resource type %d", int8(r.kind)))
}

// alterLoggers refuses to set the level of a single logger: there are none.
func (a *API) alterLoggers(broker string, ops []config.Op) error {
	if message := a.foreign(broker, "expected %d but received %d"); message != "" {
		return refused(plan.ErrInvalidRequest, message)
	}
	for _, op := range ops {
		return refused(plan.ErrInvalidConfig, fmt.Sprintf("Logger %s does not exist!", op.Name))
	}
	return nil
}
