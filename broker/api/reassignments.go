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
func (a *API) listPartitionReassignments(_ context.Context, _ *server.Request, q *kmsg.ListPartitionReassignmentsRequest) (*kmsg.ListPartitionReassignmentsResponse, error) {
	out := kmsg.NewPtrListPartitionReassignmentsResponse()
	out.ErrorMessage = text("")
	im := a.Image()
	if q.Topics == nil {
		for _, t := range im.Topics() {
			all := kmsg.NewListPartitionReassignmentsRequestTopic()
			all.Topic = t.Name
			for p := range t.Partitions {
				all.Partitions = append(all.Partitions, int32(p))
			}
			q.Topics = append(q.Topics, all)
		}
	}
	for i := range q.Topics {
		row := kmsg.NewListPartitionReassignmentsResponseTopic()
		row.Topic = q.Topics[i].Topic
		for _, number := range q.Topics[i].Partitions {
			p := im.Partition(row.Topic, number)
			if p == nil || !p.Reassigning() {
				continue
			}
			cell := kmsg.NewListPartitionReassignmentsResponseTopicPartition()
			cell.Partition, cell.Replicas = number, p.Replicas
			cell.AddingReplicas, cell.RemovingReplicas = p.Adding, p.Removing
			row.Partitions = append(row.Partitions, cell)
		}
		if len(row.Partitions) > 0 {
			out.Topics = append(out.Topics, row)
		}
	}
	return out, nil
}
