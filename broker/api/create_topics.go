package api

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// createTopics answers CreateTopics (19). A topic is led, and in Metadata, when
// the answer comes. Kafka's oddities are kept: a timeout of 0 answers
// REQUEST_TIMED_OUT for topics that were made, and so does a replica on a broker
// that does not exist.
//
//	v1  error messages; validate only
//	v4  -1 for the number of partitions and the replication factor means the
//	    broker's defaults (older clients may send it, too)
//	v5  flexible; the answer has counts and all configurations (KIP-525)
//	v7  topic id
func (a *API) createTopics(ctx context.Context, _ *server.Request, q *kmsg.CreateTopicsRequest) (*kmsg.CreateTopicsResponse, error) {
	out := kmsg.NewPtrCreateTopicsResponse()
	out.Topics = make([]kmsg.CreateTopicsResponseTopic, len(q.Topics))
	var specs []plan.TopicSpec
	var at []int
	times := countNames(q.Topics, func(t *kmsg.CreateTopicsRequestTopic) string { return t.Topic })
	for i := range q.Topics {
		t := &q.Topics[i]
		row := &out.Topics[i]
		*row = kmsg.NewCreateTopicsResponseTopic()
		row.Topic, row.NumPartitions, row.ReplicationFactor = t.Topic, -1, -1
		row.Configs = []kmsg.CreateTopicsResponseTopicConfig{}
		switch {
		case t.Topic == topic.ClusterMetadata:
			row.ErrorCode, row.ErrorMessage = kerr.InvalidRequest.Code, text("Creation of internal topic "+t.Topic+" is prohibited.")
		case times[t.Topic] > 1:
			row.ErrorCode, row.ErrorMessage = kerr.InvalidRequest.Code, text("Found multiple entries for this topic.")
		default:
			specs, at = append(specs, specOf(t)), append(at, i)
		}
	}
	results, err := a.create(ctx, specs, wish{timeoutMs: q.TimeoutMillis, validateOnly: q.ValidateOnly})
	for i, n := range at {
		row := &out.Topics[n]
		if err != nil {
			row.ErrorCode, row.ErrorMessage = codeOf(err), nil
			continue
		}
		a.fillCreated(row, &results[i], q)
	}
	return out, nil
}

// wish is what a request about several topics says for all of them.
type wish struct {
	timeoutMs    int32
	validateOnly bool
}

// within bounds ctx by the client's patience. A client without patience is
// answered that time is up, but what it wants is done.
func (w wish) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if w.timeoutMs <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, time.Duration(w.timeoutMs)*time.Millisecond)
}

// create is the controller's CreateTopics within the client's patience.
func (a *API) create(ctx context.Context, specs []plan.TopicSpec, w wish) ([]plan.TopicResult, error) {
	if len(specs) == 0 {
		return nil, nil
	}
	ctx, cancel := w.within(ctx)
	defer cancel()
	return a.Controller.CreateTopics(ctx, specs, controller.CreateOptions{ValidateOnly: w.validateOnly})
}

// specOf is a topic of the request as the plan takes it.
func specOf(t *kmsg.CreateTopicsRequestTopic) plan.TopicSpec {
	s := plan.TopicSpec{Name: t.Topic, Partitions: t.NumPartitions, Replication: t.ReplicationFactor}
	for i := range t.ReplicaAssignment {
		if s.Assignment == nil {
			s.Assignment = make(map[int32][]int32, len(t.ReplicaAssignment))
		}
		s.Assignment[t.ReplicaAssignment[i].Partition] = t.ReplicaAssignment[i].Replicas
	}
	for i := range t.Configs {
		c := &t.Configs[i]
		if c.Value == nil {
			s.NullConfig = append(s.NullConfig, c.Name)
			continue
		}
		if s.Config == nil {
			s.Config = make(map[string]string, len(t.Configs))
		}
		s.Config[c.Name] = *c.Value
	}
	return s
}

// fillCreated writes what became of a topic into its row.
func (a *API) fillCreated(row *kmsg.CreateTopicsResponseTopic, r *plan.TopicResult, q *kmsg.CreateTopicsRequest) {
	if r.Err != nil {
		row.ErrorCode, row.ErrorMessage = codeOf(r.Err), messageOf(r.Err)
		return
	}
	if !q.ValidateOnly {
		if q.TimeoutMillis <= 0 || !a.led(a.Image().Topic(r.Name)) {
			row.ErrorCode = kerr.RequestTimedOut.Code
			return
		}
		row.TopicID = r.ID
	}
	row.NumPartitions, row.ReplicationFactor = r.Partitions, r.Replication
	if q.Version < 5 {
		return
	}
	for _, e := range a.Config.DescribeTopic(r.Config, nil) {
		c := kmsg.NewCreateTopicsResponseTopicConfig()
		c.Name, c.Value, c.ReadOnly, c.Source, c.IsSensitive = e.Name, e.Value, e.ReadOnly, int8(e.Source), e.Sensitive
		row.Configs = append(row.Configs, c)
	}
}

// led says whether every partition of a topic has a leader.
func (a *API) led(t *image.Topic) bool {
	if t == nil {
		return false
	}
	for i := range t.Partitions {
		if t.Partitions[i].Leader == image.NoBroker {
			return false
		}
	}
	return true
}

// countNames counts how often each name is in a request.
func countNames[T any](rows []T, name func(*T) string) map[string]int {
	times := make(map[string]int, len(rows))
	for i := range rows {
		times[name(&rows[i])]++
	}
	return times
}

// text is a message.
func text(s string) *string { return &s }
