package api

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// ForwardClientID is what the client id begins with by which one broker passes
// requests of its clients on to the controller. They are answered where they
// arrive, and never passed on once more: between two brokers that each take the
// other for the controller they would go round for ever.
const ForwardClientID = "leat-forward-"

// controllers are the handlers of requests that only the active controller may
// answer. Where Kafka's other brokers refuse them (NOT_CONTROLLER), this one
// passes them on, and the answer back.
func (a *API) controllers() map[kmsg.Key]func(context.Context, kmsg.Request) (kmsg.Response, error) {
	return map[kmsg.Key]func(context.Context, kmsg.Request) (kmsg.Response, error){
		kmsg.CreateTopics:               here(a.createTopics),
		kmsg.DeleteTopics:               here(a.deleteTopics),
		kmsg.CreatePartitions:           here(a.createPartitions),
		kmsg.ElectLeaders:               here(a.electLeaders),
		kmsg.AlterPartitionAssignments:  here(a.alterPartitionReassignments),
		kmsg.ListPartitionReassignments: here(a.listPartitionReassignments),
		kmsg.UpdateFeatures:             here(a.updateFeatures),
	}
}

// here makes a function that answers a request without asking another broker.
func here[Q kmsg.Request, A kmsg.Response](answer func(context.Context, *server.Request, Q) (A, error)) func(context.Context, kmsg.Request) (kmsg.Response, error) {
	return func(ctx context.Context, q kmsg.Request) (kmsg.Response, error) {
		out, err := answer(ctx, &server.Request{Key: q.Key(), Version: q.GetVersion()}, q.(Q))
		if err != nil {
			return nil, err
		}
		out.SetVersion(q.GetVersion())
		return out, nil
	}
}

// AnswerAsController answers a request for the controller that another part of
// this broker has: as far as this broker is the active one.
func (a *API) AnswerAsController(ctx context.Context, q kmsg.Request) (kmsg.Response, error) {
	answer := a.controllers()[kmsg.Key(q.Key())]
	if answer == nil {
		return nil, fmt.Errorf("%s is not for the controller", kmsg.Key(q.Key()).Name())
	}
	return answer(ctx, q)
}

// atController has the active controller answer: this broker or another.
func atController[Q kmsg.Request, A kmsg.Response](a *API, answer func(context.Context, *server.Request, Q) (A, error)) func(context.Context, *server.Request, Q) (A, error) {
	return func(ctx context.Context, r *server.Request, q Q) (A, error) {
		if a.Cluster == nil || a.Cluster.Active() || strings.HasPrefix(r.ClientID, ForwardClientID) {
			return answer(ctx, r, q)
		}
		bounded, cancel := context.WithTimeout(ctx, a.patience(q))
		defer cancel()
		got, err := a.Cluster.Ask(bounded, q)
		if out, ok := got.(A); err == nil && ok {
			return out, nil
		}
		a.Logger.Info("the controller did not answer a client's request", "request", kmsg.NameForKey(q.Key()), "error", err)
		return answer(ctx, r, q) // which says that this is not the controller
	}
}

// patience is how long a client waits for the controller's answer.
func (a *API) patience(q kmsg.Request) time.Duration {
	longest := a.Config.Duration("request.timeout.ms")
	if t, ok := q.(kmsg.TimeoutRequest); ok && t.Timeout() > 0 {
		return min(longest, time.Duration(t.Timeout())*time.Millisecond)
	}
	return longest
}

// autoCreate makes topics that clients mentioned, through the controller, and
// returns one result each when this broker knows those that were made, or an error
// when that takes too long: see impatience.
func (a *API) autoCreate(ctx context.Context, names []string) ([]plan.TopicResult, error) {
	if a.Cluster == nil {
		return a.Controller.AutoCreate(ctx, names)
	}
	ctx, end := a.impatience.bound(ctx, a.Now)
	defer end()
	got, err := a.Cluster.Ask(ctx, a.autoCreateRequest(names))
	if err != nil {
		return nil, err
	}
	out, ok := got.(*kmsg.CreateTopicsResponse)
	if !ok || len(out.Topics) != len(names) {
		return nil, controller.ErrNotController
	}
	results := make([]plan.TopicResult, len(names))
	for i := range out.Topics {
		t := &out.Topics[i]
		results[i] = plan.TopicResult{Name: t.Topic, ID: t.TopicID, Err: errorOf(t.ErrorCode)}
	}
	return results, a.Cluster.Await(ctx, func(im *image.Image) bool {
		for i := range results {
			if results[i].Err == nil && !a.led(im.Topic(results[i].Name)) {
				return false
			}
		}
		return true
	})
}

// autoCreateRequest asks for topics with the defaults; for Kafka's own ones as
// their settings say.
func (a *API) autoCreateRequest(names []string) *kmsg.CreateTopicsRequest {
	q := kmsg.NewPtrCreateTopicsRequest()
	q.Version = createTopicsVersion
	q.TimeoutMillis = int32(a.Config.Int("request.timeout.ms"))
	for _, name := range names {
		t := kmsg.NewCreateTopicsRequestTopic()
		t.Topic, t.NumPartitions, t.ReplicationFactor = name, plan.Default, plan.Default
		if spec, ok := a.Cluster.Internal[name]; ok {
			t.NumPartitions, t.ReplicationFactor = spec.Partitions, spec.Replication
			for _, key := range slices.Sorted(maps.Keys(spec.Config)) {
				c := kmsg.NewCreateTopicsRequestTopicConfig()
				c.Name, c.Value = key, text(spec.Config[key])
				t.Configs = append(t.Configs, c)
			}
		}
		q.Topics = append(q.Topics, t)
	}
	return q
}

// createTopicsVersion is the version of CreateTopics that brokers speak.
const createTopicsVersion = 7

// errorOf is the error that a controller's code means; nil for none.
func errorOf(code int16) error {
	if code == kerr.TopicAlreadyExists.Code {
		return plan.ErrTopicExists
	}
	return kerr.ErrorForCode(code)
}
