package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/plan"
)

// deleteTopics answers DeleteTopics (20). A topic is gone, and its name free,
// when the answer comes. As with Kafka, a timeout of 0 answers REQUEST_TIMED_OUT
// for topics that were deleted.
//
//	v3  deletion switched off is TOPIC_DELETION_DISABLED
//	v4  flexible
//	v5  error messages
//	v6  by name or id (KIP-516)
func (a *API) deleteTopics(ctx context.Context, _ *server.Request, q *kmsg.DeleteTopicsRequest) (*kmsg.DeleteTopicsResponse, error) {
	asks := q.Topics
	if q.Version < 6 {
		asks = make([]kmsg.DeleteTopicsRequestTopic, len(q.TopicNames))
		for i := range q.TopicNames {
			asks[i].Topic = &q.TopicNames[i]
		}
	}
	out := kmsg.NewPtrDeleteTopicsResponse()
	out.Topics = make([]kmsg.DeleteTopicsResponseTopic, len(asks))
	var refs []plan.TopicRef
	var at []int
	for i, ask := range asks {
		row := &out.Topics[i]
		*row = kmsg.NewDeleteTopicsResponseTopic()
		row.Topic, row.TopicID = ask.Topic, ask.TopicID
		if row.ErrorCode = a.refuseDeletion(q, &ask); row.ErrorCode != 0 {
			continue
		}
		ref := plan.TopicRef{ID: topic.ID(ask.TopicID)}
		if ask.Topic != nil {
			ref.Name = *ask.Topic
		}
		refs, at = append(refs, ref), append(at, i)
	}
	results, err := a.delete(ctx, refs, wish{timeoutMs: q.TimeoutMillis})
	for i, n := range at {
		row := &out.Topics[n]
		if err != nil {
			row.ErrorCode = codeOf(err)
			continue
		}
		fillDeleted(row, &results[i], q.TimeoutMillis)
	}
	return out, nil
}

// refuseDeletion is what is wrong with a topic before anything is looked up.
func (a *API) refuseDeletion(q *kmsg.DeleteTopicsRequest, ask *kmsg.DeleteTopicsRequestTopic) int16 {
	id := topic.ID(ask.TopicID)
	switch {
	case !a.Config.Bool("delete.topic.enable") && q.Version < 3:
		return kerr.InvalidRequest.Code
	case !a.Config.Bool("delete.topic.enable"):
		return kerr.TopicDeletionDisabled.Code
	case ask.Topic != nil && !id.IsZero():
		return kerr.InvalidRequest.Code
	case ask.Topic == nil && id.IsZero():
		return kerr.TopicAuthorizationFailed.Code
	case ask.Topic != nil && *ask.Topic == "":
		return kerr.UnknownTopicOrPartition.Code
	}
	return 0
}

func (a *API) delete(ctx context.Context, refs []plan.TopicRef, w wish) ([]plan.TopicResult, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	ctx, cancel := w.within(ctx)
	defer cancel()
	return a.Controller.DeleteTopics(ctx, refs)
}

// fillDeleted writes what became of a topic into its row. As in Kafka, messages
// stay null, and a topic that was named is not given its id.
func fillDeleted(row *kmsg.DeleteTopicsResponseTopic, r *plan.TopicResult, timeoutMs int32) {
	row.ErrorCode = codeOf(r.Err)
	if r.Name != "" {
		row.Topic = text(r.Name)
	}
	if r.Err == nil && timeoutMs <= 0 {
		row.ErrorCode = kerr.RequestTimedOut.Code
	}
}
