package api

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/config"
	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/partition/topic"
)

// describeConfigs answers DescribeConfigs (32): what a topic or a broker is
// configured as, and where each value comes from.
//
//	v0  whether a value is the default, instead of its source
//	v1  sources and synonyms
//	v3  types and, if asked for, what each key means
//	v4  flexible
//
// A broker's loggers are one for all and cannot be set apart, so there are no
// rows of them.
func (a *API) describeConfigs(_ context.Context, _ *server.Request, q *kmsg.DescribeConfigsRequest) (*kmsg.DescribeConfigsResponse, error) {
	out := kmsg.NewPtrDescribeConfigsResponse()
	for i := range q.Resources {
		ask := &q.Resources[i]
		row := kmsg.NewDescribeConfigsResponseResource()
		row.ResourceType, row.ResourceName = ask.ResourceType, ask.ResourceName
		entries, refused := a.configsOf(ask)
		row.ErrorCode, row.ErrorMessage = refused.code, text(refused.message)
		for j := range entries {
			row.Configs = append(row.Configs, configRow(&entries[j], q))
		}
		out.Resources = append(out.Resources, row)
	}
	return out, nil
}

// refusal is a code and the sentence beside it.
type refusal struct {
	code    int16
	message string
}

// configsOf are the rows of one resource, or why there are none.
func (a *API) configsOf(ask *kmsg.DescribeConfigsRequestResource) ([]config.Entry, refusal) {
	names := ask.ConfigNames
	if len(names) == 0 {
		names = nil
	}
	switch ask.ResourceType {
	case kmsg.ConfigResourceTypeTopic:
		if err := topic.Validate(ask.ResourceName); err != nil {
			return nil, refusal{codeOf(err), err.Error()}
		}
		t := a.Image().Topic(ask.ResourceName)
		if t == nil {
			return nil, refusal{code: kerr.UnknownTopicOrPartition.Code}
		}
		return a.Config.DescribeTopic(t.Config, names), refusal{}
	case kmsg.ConfigResourceTypeBroker:
		if ask.ResourceName == "" {
			return a.Config.DescribeDefaults(names), refusal{}
		}
		if message := a.foreign(ask.ResourceName, "expected %d or empty string, but received %d"); message != "" {
			return nil, refusal{kerr.InvalidRequest.Code, message}
		}
		return a.Config.DescribeBroker(names), refusal{}
	case kmsg.ConfigResourceTypeBrokerLogger:
		if message := a.foreign(ask.ResourceName, "expected %d but received %d"); message != "" {
			return nil, refusal{kerr.InvalidRequest.Code, message}
		}
		return nil, refusal{}
	case clientMetricsResource:
		return nil, refusal{kerr.InvalidRequest.Code, "Config type client-metrics is only supported on KRaft clusters"}
	}
	return nil, refusal{kerr.InvalidRequest.Code, kerr.InvalidRequest.Description}
}

// clientMetricsResource is the resource of client metrics (KIP-714).
const clientMetricsResource kmsg.ConfigResourceType = 16

// foreign says what is wrong with the name of a broker that must be this one;
// empty: nothing. How the two ids are told is the caller's.
func (a *API) foreign(name, told string) string {
	id, err := strconv.ParseInt(name, 10, 32)
	switch {
	case err != nil:
		return "Broker id must be an integer, but it is: " + name
	case int32(id) != a.BrokerID:
		return fmt.Sprintf("Unexpected broker id, "+told, a.BrokerID, id)
	}
	return ""
}

// configRow is one key as the version of the request shows it.
func configRow(e *config.Entry, q *kmsg.DescribeConfigsRequest) kmsg.DescribeConfigsResponseResourceConfig {
	row := kmsg.NewDescribeConfigsResponseResourceConfig()
	row.Name, row.Value, row.ReadOnly, row.IsSensitive = e.Name, e.Value, e.ReadOnly, e.Sensitive
	row.IsDefault = e.Source == config.FromDefault
	row.Source = kmsg.ConfigSource(e.Source)
	row.ConfigType = kmsg.ConfigType(e.Type)
	if q.IncludeDocumentation {
		row.Documentation = text(e.Doc)
	}
	if !q.IncludeSynonyms {
		return row
	}
	for i := range e.Synonyms {
		s := kmsg.NewDescribeConfigsResponseResourceConfigConfigSynonym()
		s.Name, s.Value, s.Source = e.Synonyms[i].Name, e.Synonyms[i].Value, kmsg.ConfigSource(e.Synonyms[i].Source)
		row.ConfigSynonyms = append(row.ConfigSynonyms, s)
	}
	return row
}
