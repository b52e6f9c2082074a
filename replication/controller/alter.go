package controller

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// AlterPartition answers a leader that wants other in-sync sets (KIP-497), when
// they are written. Versions 0 and 1 name topics, later ones their ids; from 3
// on the new set carries the epochs of its brokers. A Kafka leader over a tree says
// none; of one that says them, a member that has registered anew since is refused
// (KIP-903).
func (c *Controller) AlterPartition(ctx context.Context, q *kmsg.AlterPartitionRequest) *kmsg.AlterPartitionResponse {
	out := kmsg.NewPtrAlterPartitionResponse()
	out.Version = q.Version
	as := alterations(q)
	var results []plan.AlterResult
	_, err := c.answerBroker(ctx, &call{state: IsrChange, decide: func(im *image.Image, s plan.Settings) (step plan.Step, err error) {
		step, results, err = plan.AlterPartition(im, plan.Asker{Broker: q.BrokerID, Epoch: q.BrokerEpoch}, as, s)
		return step, err
	}})
	if err != nil {
		out.ErrorCode = alterCode(err, q.Version)
		return out
	}
	for i := range q.Topics {
		row := kmsg.NewAlterPartitionResponseTopic()
		row.Topic, row.TopidID = q.Topics[i].Topic, q.Topics[i].TopicID
		for j := range q.Topics[i].Partitions {
			cell := alterAnswer(&results[0], q.Version)
			cell.Partition = q.Topics[i].Partitions[j].Partition
			row.Partitions = append(row.Partitions, cell)
			results = results[1:]
		}
		out.Topics = append(out.Topics, row)
	}
	return out
}

// alterations are a request's, in its order.
func alterations(q *kmsg.AlterPartitionRequest) []plan.Alteration {
	var as []plan.Alteration
	for i := range q.Topics {
		for _, p := range q.Topics[i].Partitions {
			a := plan.Alteration{
				Ref: plan.Ref{Topic: q.Topics[i].Topic, Partition: p.Partition}, TopicID: topic.ID(q.Topics[i].TopicID),
				LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.PartitionEpoch, ISR: p.NewISR, Recovering: p.LeaderRecoveryState == 1,
			}
			for _, b := range p.NewEpochISR {
				a.ISR, a.Epochs = append(a.ISR, b.BrokerID), append(a.Epochs, b.BrokerEpoch)
			}
			as = append(as, a)
		}
	}
	return as
}

func alterAnswer(r *plan.AlterResult, version int16) kmsg.AlterPartitionResponseTopicPartition {
	cell := kmsg.NewAlterPartitionResponseTopicPartition()
	if r.Err != nil {
		cell.ErrorCode = alterCode(r.Err, version)
		return cell
	}
	cell.LeaderID, cell.LeaderEpoch, cell.ISR = r.State.Leader, r.State.LeaderEpoch, r.State.ISR
	cell.PartitionEpoch = r.State.PartitionEpoch
	if r.State.Recovering {
		cell.LeaderRecoveryState = 1
	}
	return cell
}

// alterCode is the code of an error in an answer to AlterPartition or
// ControlledShutdown.
func alterCode(err error, version int16) int16 {
	for _, row := range []struct {
		is   error
		code *kerr.Error
	}{
		{ErrNotController, kerr.NotController},
		{plan.ErrNotController, kerr.NotController},
		{plan.ErrUnknownTopicID, kerr.UnknownTopicID},
		{plan.ErrUnknownTopic, kerr.UnknownTopicOrPartition},
		{plan.ErrStaleBrokerEpoch, kerr.StaleBrokerEpoch},
		{plan.ErrUnknownBroker, kerr.BrokerNotAvailable},
		{plan.ErrFencedLeaderEpoch, kerr.FencedLeaderEpoch},
		{plan.ErrInvalidUpdateVersion, kerr.InvalidUpdateVersion},
		{plan.ErrInvalidRequest, kerr.InvalidRequest},
		{plan.ErrIneligibleReplica, ineligible(version)},
		{context.DeadlineExceeded, kerr.RequestTimedOut},
		{context.Canceled, kerr.RequestTimedOut},
	} {
		if errors.Is(err, row.is) {
			return row.code.Code
		}
	}
	return kerr.UnknownServerError.Code
}

// ineligible is what versions before 2 call a replica that cannot be in sync.
func ineligible(version int16) *kerr.Error {
	if version < 2 {
		return kerr.OperationNotAttempted
	}
	return kerr.IneligibleReplica
}

// ControlledShutdown relieves a broker that is about to stop: it returns when
// others lead what it led. remaining are the partitions that it still leads.
// Errors beside ErrNotController: plan.ErrUnknownBroker,
// plan.ErrStaleBrokerEpoch.
func (c *Controller) ControlledShutdown(ctx context.Context, broker int32, epoch int64) (remaining []plan.Ref, err error) {
	var left []plan.Ref
	out, err := c.answerBroker(ctx, &call{state: ControlledShutdown, decide: func(im *image.Image, s plan.Settings) (step plan.Step, err error) {
		step, left, err = plan.ControlledShutdown(im, broker, epoch, s)
		return step, err
	}})
	if err != nil {
		return nil, err
	}
	if pending := await(ctx, out); pending != nil {
		c.o.Logger.Info("a broker is relieved, though not all others have obeyed yet", "broker", broker)
	}
	return left, nil
}

// AnswerShutdown is ControlledShutdown for a request of the wire. Version 0 has
// no broker epoch.
func (c *Controller) AnswerShutdown(ctx context.Context, q *kmsg.ControlledShutdownRequest) *kmsg.ControlledShutdownResponse {
	out := kmsg.NewPtrControlledShutdownResponse()
	out.Version = q.Version
	epoch := q.BrokerEpoch
	if q.Version < 2 {
		epoch = -1
	}
	remaining, err := c.ControlledShutdown(ctx, q.BrokerID, epoch)
	if err != nil {
		out.ErrorCode = alterCode(err, q.Version)
		return out
	}
	for _, ref := range remaining {
		p := kmsg.NewControlledShutdownResponsePartitionsRemaining()
		p.Topic, p.Partition = ref.Topic, ref.Partition
		out.PartitionsRemaining = append(out.PartitionsRemaining, p)
	}
	return out
}
