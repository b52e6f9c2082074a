package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/plan"
)

// createPartitions answers CreatePartitions (37): more partitions for topics.
// They are led when the answer comes. A topic named twice is refused once.
//
//	v2  flexible
//	v3  a client over its quota is refused rather than delayed
func (a *API) createPartitions(ctx context.Context, _ *server.Request, q *kmsg.CreatePartitionsRequest) (*kmsg.CreatePartitionsResponse, error) {
	out := kmsg.NewPtrCreatePartitionsResponse()
	var specs []plan.PartitionsSpec
	times := countNames(q.Topics, func(t *kmsg.CreatePartitionsRequestTopic) string { return t.Topic })
	for i := range q.Topics {
		t := &q.Topics[i]
		switch {
		case times[t.Topic] > 1:
			row := kmsg.NewCreatePartitionsResponseTopic()
			row.Topic, row.ErrorCode, row.ErrorMessage = t.Topic, kerr.InvalidRequest.Code, text("Duplicate topic in request.")
			out.Topics = append(out.Topics, row)
			times[t.Topic] = -1
		case times[t.Topic] == 1:
			specs = append(specs, growthOf(t))
		}
	}
	ctx, cancel := wish{timeoutMs: q.TimeoutMillis}.within(ctx)
	defer cancel()
	results, err := a.Controller.CreatePartitions(ctx, specs, controller.CreateOptions{ValidateOnly: q.ValidateOnly})
	for i := range specs {
		row := kmsg.NewCreatePartitionsResponseTopic()
		row.Topic = specs[i].Name
		switch {
		case err != nil:
			row.ErrorCode = codeOf(err)
		case results[i].Err != nil:
			row.ErrorCode, row.ErrorMessage = codeOf(results[i].Err), messageOf(results[i].Err)
		case !q.ValidateOnly && (q.TimeoutMillis <= 0 || !a.led(a.Image().Topic(row.Topic))):
			row.ErrorCode = kerr.RequestTimedOut.Code
		}
		out.Topics = append(out.Topics, row)
	}
	return out, nil
}

func growthOf(t *kmsg.CreatePartitionsRequestTopic) plan.PartitionsSpec {
	s := plan.PartitionsSpec{Name: t.Topic, Count: t.Count}
	if t.Assignment == nil {
		return s
	}
	s.Assignment = make([][]int32, len(t.Assignment))
	for i := range t.Assignment {
		s.Assignment[i] = t.Assignment[i].Replicas
	}
	return s
}
