package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/replication/plan"
)

// electLeaders answers ElectLeaders (43): leaders as the assignment prefers
// them, or, with UNCLEAN, any live replica where there is no leader (KIP-460).
// Topics null means all partitions; then those that need no election have no
// row.
//
//	v0  preferred only; no error for the whole
//	v1  election type
//	v2  flexible
func (a *API) electLeaders(ctx context.Context, _ *server.Request, q *kmsg.ElectLeadersRequest) (*kmsg.ElectLeadersResponse, error) {
	refs := electionRefs(q)
	if q.ElectionType != int8(plan.Preferred) && q.ElectionType != int8(plan.Unclean) {
		return electionFailed(q, refs, kerr.UnknownServerError.Code), nil
	}
	ctx, cancel := wish{timeoutMs: q.TimeoutMillis}.within(ctx)
	defer cancel()
	defer a.waits.begin(leaderElection)()
	results, err := a.Controller.ElectLeaders(ctx, plan.Election(q.ElectionType), refs)
	if err != nil {
		return electionFailed(q, refs, codeOf(err)), nil
	}
	if q.TimeoutMillis <= 0 {
		for i := range results {
			if results[i].Err == nil {
				results[i].Err = errTimedOut
			}
		}
	}
	return electionAnswer(results), nil
}

// electionRefs are the partitions asked for, nil for all.
func electionRefs(q *kmsg.ElectLeadersRequest) []plan.Ref {
	if q.Topics == nil {
		return nil
	}
	refs := []plan.Ref{}
	for i := range q.Topics {
		for _, p := range q.Topics[i].Partitions {
			refs = append(refs, plan.Ref{Topic: q.Topics[i].Topic, Partition: p})
		}
	}
	return refs
}

// electionFailed answers that nothing was elected: each row and, where the
// version has it, the whole has the code.
func electionFailed(q *kmsg.ElectLeadersRequest, refs []plan.Ref, code int16) *kmsg.ElectLeadersResponse {
	results := make([]plan.ElectResult, len(refs))
	for i, ref := range refs {
		results[i].Ref = ref
	}
	out := electionAnswer(results)
	for i := range out.Topics {
		for j := range out.Topics[i].Partitions {
			out.Topics[i].Partitions[j].ErrorCode = code
		}
	}
	if q.Version >= 1 {
		out.ErrorCode = code
	}
	return out
}

// electionAnswer has the results by topic.
func electionAnswer(results []plan.ElectResult) *kmsg.ElectLeadersResponse {
	out := kmsg.NewPtrElectLeadersResponse()
	at := map[string]int{}
	for _, r := range results {
		i, ok := at[r.Topic]
		if !ok {
			i = len(out.Topics)
			at[r.Topic] = i
			row := kmsg.NewElectLeadersResponseTopic()
			row.Topic = r.Topic
			out.Topics = append(out.Topics, row)
		}
		cell := kmsg.NewElectLeadersResponseTopicPartition()
		cell.Partition, cell.ErrorCode, cell.ErrorMessage = r.Partition, codeOf(r.Err), messageOf(r.Err)
		out.Topics[i].Partitions = append(out.Topics[i].Partitions, cell)
	}
	return out
}
