package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/replication/plan"
)

// alterPartitionReassignments answers AlterPartitionReassignments (45): other
// replicas for partitions, or, with null, the end of a change under way
// (KIP-455). The answer comes when the change is written down.
func (a *API) alterPartitionReassignments(ctx context.Context, _ *server.Request, q *kmsg.AlterPartitionAssignmentsRequest) (*kmsg.AlterPartitionAssignmentsResponse, error) {
	out := kmsg.NewPtrAlterPartitionAssignmentsResponse()
	var asks []plan.Reassignment
	for i := range q.Topics {
		for _, p := range q.Topics[i].Partitions {
			asks = append(asks, plan.Reassignment{
				Ref: plan.Ref{Topic: q.Topics[i].Topic, Partition: p.Partition}, Replicas: p.Replicas,
			})
		}
	}
	ctx, cancel := wish{timeoutMs: q.TimeoutMillis}.within(ctx)
	defer cancel()
	results, err := a.Controller.Reassign(ctx, asks)
	out.ErrorCode, out.ErrorMessage = codeOf(err), text("")
	if err != nil {
		out.ErrorMessage = messageOf(err)
		return out, nil
	}
	for i := range q.Topics {
		row := kmsg.NewAlterPartitionAssignmentsResponseTopic()
		row.Topic = q.Topics[i].Topic
		for range q.Topics[i].Partitions {
			r := results[0]
			results = results[1:]
			cell := kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
			cell.Partition, cell.ErrorCode, cell.ErrorMessage = r.Partition, codeOf(r.Err), messageOf(r.Err)
			row.Partitions = append(row.Partitions, cell)
		}
		out.Topics = append(out.Topics, row)
	}
	return out, nil
}

// listPartitionReassignments answers ListPartitionReassignments (46): the
// changes of replicas that are under way. Topics null means all.
func (a *API) listPartitionReassignments(ctx context.Context, _ *server.Request, q *kmsg.ListPartitionReassignmentsRequest) (*kmsg.ListPartitionReassignmentsResponse, error) {
	out := kmsg.NewPtrListPartitionReassignmentsResponse()
	out.ErrorMessage = text("")
	ctx, cancel := wish{timeoutMs: q.TimeoutMillis}.within(ctx)
	defer cancel()
	all, err := a.Controller.ListReassignments(ctx, listedRefs(q))
	if err != nil {
		out.ErrorCode, out.ErrorMessage = codeOf(err), messageOf(err)
		return out, nil
	}
	for _, r := range all {
		if n := len(out.Topics); n == 0 || out.Topics[n-1].Topic != r.Topic {
			row := kmsg.NewListPartitionReassignmentsResponseTopic()
			row.Topic = r.Topic
			out.Topics = append(out.Topics, row)
		}
		row := &out.Topics[len(out.Topics)-1]
		cell := kmsg.NewListPartitionReassignmentsResponseTopicPartition()
		cell.Partition, cell.Replicas, cell.AddingReplicas, cell.RemovingReplicas = r.Partition, r.Replicas, r.Adding, r.Removing
		row.Partitions = append(row.Partitions, cell)
	}
	return out, nil
}

// listedRefs are the partitions asked for, nil for all.
func listedRefs(q *kmsg.ListPartitionReassignmentsRequest) []plan.Ref {
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
