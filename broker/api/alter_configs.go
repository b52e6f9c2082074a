package api

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/config"
	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// alterConfigs answers AlterConfigs (33): the values given become all the values
// that the topic or broker has of its own; others are reset.
//
//	v2  flexible
func (a *API) alterConfigs(ctx context.Context, _ *server.Request, q *kmsg.AlterConfigsRequest) (*kmsg.AlterConfigsResponse, error) {
	out := kmsg.NewPtrAlterConfigsResponse()
	seen := map[resource]int{}
	for i := range q.Resources {
		seen[resource{q.Resources[i].ResourceType, q.Resources[i].ResourceName}]++
	}
	for i := range q.Resources {
		ask := &q.Resources[i]
		row := kmsg.NewAlterConfigsResponseResource()
		row.ResourceType, row.ResourceName = ask.ResourceType, ask.ResourceName
		row.ErrorCode, row.ErrorMessage = a.replaceConfigs(ctx, ask, seen, q.ValidateOnly)
		out.Resources = append(out.Resources, row)
	}
	return out, nil
}

// resource is what configurations belong to, as requests name it.
type resource struct {
	kind kmsg.ConfigResourceType
	name string
}

// errNamedTwice is the refusal of a resource that a request names twice.
var errNamedTwice = refused(plan.ErrInvalidRequest, "Each resource must appear at most once.")

func refused(kind error, message string) error { return &plan.Error{Kind: kind, Message: message} }

func (a *API) replaceConfigs(ctx context.Context, ask *kmsg.AlterConfigsRequestResource, seen map[resource]int, validateOnly bool) (int16, *string) {
	r := resource{ask.ResourceType, ask.ResourceName}
	if seen[r] > 1 {
		return configRefusal(r, errNamedTwice)
	}
	values := make(map[string]string, len(ask.Configs))
	for i := range ask.Configs {
		c := &ask.Configs[i]
		if c.Value == nil {
			return configRefusal(r, refused(plan.ErrInvalidRequest, "Null value not supported for : "+c.Name))
		}
		values[c.Name] = *c.Value
	}
	switch r.kind {
	case kmsg.ConfigResourceTypeTopic:
		return configRefusal(r, a.alterTopic(ctx, r.name, validateOnly, func(map[string]string) (map[string]string, error) {
			return values, a.Config.ValidateTopic(values)
		}))
	case kmsg.ConfigResourceTypeBroker:
		return configRefusal(r, a.alterBroker(ctx, r.name, validateOnly, func(scope config.Scope) (map[string]string, error) {
			return values, a.Config.ReplaceBroker(scope, values)
		}))
	}
	return configRefusal(r, refused(plan.ErrInvalidRequest, fmt.Sprintf("Unknown resource type %d", int8(r.kind))))
}

// alterTopic changes the configuration of a topic.
func (a *API) alterTopic(ctx context.Context, name string, validateOnly bool, change func(map[string]string) (map[string]string, error)) error {
	if name == "" {
		return refused(plan.ErrInvalidRequest, "Default topic resources are not allowed.")
	}
	if !validateOnly {
		return a.alterConfig(ctx, image.Entity{Type: image.TopicEntity, Name: name}, change)
	}
	t := a.Image().Topic(name)
	if t == nil {
		return plan.NoSuchTopic(name)
	}
	_, err := change(t.Config)
	return err
}

// alterBroker changes what is configured for this broker, or, with an empty
// name, for all. What is there already is asked of the configuration, which the
// controller tells each change before it answers; so that two changes do not
// begin with the same, they go one after the other.
func (a *API) alterBroker(ctx context.Context, name string, validateOnly bool, change func(config.Scope) (map[string]string, error)) error {
	scope, e := config.ClusterDefault, image.Entity{Type: image.BrokerEntity, Name: image.DefaultName}
	if name != "" {
		if message := a.foreign(name, "expected %d, but received %d"); message != "" {
			return refused(plan.ErrInvalidRequest, message)
		}
		scope, e.Name = config.ThisBroker, strconv.FormatInt(int64(a.BrokerID), 10)
	}
	if validateOnly {
		_, err := change(scope)
		return err
	}
	a.brokerConfig.Lock()
	defer a.brokerConfig.Unlock()
	return a.alterConfig(ctx, e, func(map[string]string) (map[string]string, error) { return change(scope) })
}

// alterConfig is AlterConfig within request.timeout.ms: the requests have no
// timeout of their own, and without a controller nothing can be changed.
func (a *API) alterConfig(ctx context.Context, e image.Entity, change func(map[string]string) (map[string]string, error)) error {
	ctx, cancel := context.WithTimeout(ctx, a.Config.Duration("request.timeout.ms"))
	defer cancel()
	return a.AlterConfig(ctx, e, change)
}

// configRefusal is the code and the sentence of an error, as Kafka tells it: a
// bad value is told with the resource, and is the request's fault at a broker.
func configRefusal(r resource, err error) (int16, *string) {
	switch {
	case err == nil:
		return 0, nil
	case errors.Is(err, errOperation):
		return kerr.UnknownServerError.Code, nil
	case errors.Is(err, config.ErrInvalidValue):
		kind, code := "TOPIC", kerr.InvalidConfig.Code
		if r.kind == kmsg.ConfigResourceTypeBroker {
			kind, code = "BROKER", kerr.InvalidRequest.Code
		}
		return code, text(fmt.Sprintf("Invalid config value for resource ConfigResource(type=%s, name='%s'): %v", kind, r.name, err))
	}
	return codeOf(err), messageOf(err)
}
