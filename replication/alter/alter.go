// Package alter carries leaders' proposals of other in-sync sets to the
// controller (AlterPartition, KIP-497).
//
//	Propose ──→ waiting ──→ one request in flight ──→ Answered, per partition
//	               ↑              │
//	               └── 50 ms ─────┘ nobody has answered, or as a whole no
//
// A proposal goes out at once when no request is in flight; those that come
// meanwhile go together in the next. Of a partition the last proposal counts:
// it is that of the present leadership.
package alter

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/partition"
)

// version of AlterPartition: topics by id, in-sync replicas with their epochs.
const version = 3

// Options are what an Alter works with.
type Options struct {
	BrokerID int32
	// BrokerEpoch is the epoch of this broker's present registration.
	BrokerEpoch func() int64
	// Ask has the active controller answer.
	Ask func(context.Context, kmsg.Request) (kmsg.Response, error)
	// Answered is told what the controller said. It may propose again.
	Answered func(partition.Proposal, partition.Answer)
	// Backoff is the pause before asking again; 0: 50 ms.
	Backoff time.Duration
	Logger  *slog.Logger // nil: slog.Default()
}

// Alter asks the controller for other in-sync sets.
type Alter struct {
	o    Options
	more chan struct{} // something waits; capacity 1

	mu      sync.Mutex
	waiting map[checkpoint.Partition]partition.Proposal
}

// New returns an Alter; nothing goes out before Run.
func New(o Options) *Alter {
	o.Backoff = cmp.Or(o.Backoff, 50*time.Millisecond)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return &Alter{o: o, more: make(chan struct{}, 1), waiting: make(map[checkpoint.Partition]partition.Proposal)}
}

// Propose has a proposal go out, and never blocks.
func (a *Alter) Propose(p partition.Proposal) {
	a.mu.Lock()
	a.waiting[p.Partition] = p
	a.mu.Unlock()
	a.signal()
}

func (a *Alter) signal() {
	select {
	case a.more <- struct{}{}:
	default:
	}
}

// Run asks until ctx ends.
func (a *Alter) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-a.more:
		}
		all := a.take()
		if len(all) == 0 || a.ask(ctx, all) {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(a.o.Backoff):
			a.signal()
		}
	}
}

// take returns what waits, the partitions of a topic next to each other.
func (a *Alter) take() []partition.Proposal {
	a.mu.Lock()
	defer a.mu.Unlock()
	all := make([]partition.Proposal, 0, len(a.waiting))
	for _, p := range a.waiting {
		all = append(all, p)
	}
	clear(a.waiting)
	slices.SortFunc(all, func(x, y partition.Proposal) int { return x.Partition.Compare(y.Partition) })
	return all
}

// putBack has proposals wait again, unless there are newer ones.
func (a *Alter) putBack(all []partition.Proposal) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range all {
		if _, newer := a.waiting[p.Partition]; !newer {
			a.waiting[p.Partition] = p
		}
	}
}

// ask makes one request and passes its answer on. It returns false when some
// proposals have to be made again after a pause.
func (a *Alter) ask(ctx context.Context, all []partition.Proposal) bool {
	answer, err := a.o.Ask(ctx, a.request(all))
	got, ok := answer.(*kmsg.AlterPartitionResponse)
	switch {
	case err != nil:
	case !ok:
		err = fmt.Errorf("answer of the kind %T", answer)
	default:
		err = kerr.ErrorForCode(got.ErrorCode)
	}
	if err != nil {
		if ctx.Err() == nil {
			a.o.Logger.Info("the controller has not taken proposals of in-sync sets; they are made again",
				"partitions", len(all), "error", err)
		}
		a.putBack(all)
		return false
	}
	return a.tell(all, got)
}

// request is what asks for the proposals.
func (a *Alter) request(all []partition.Proposal) *kmsg.AlterPartitionRequest {
	q := kmsg.NewPtrAlterPartitionRequest()
	q.Version, q.BrokerID, q.BrokerEpoch = version, a.o.BrokerID, a.o.BrokerEpoch()
	for i, p := range all {
		if i == 0 || p.TopicID != all[i-1].TopicID {
			t := kmsg.NewAlterPartitionRequestTopic()
			t.TopicID = p.TopicID
			q.Topics = append(q.Topics, t)
		}
		row := kmsg.NewAlterPartitionRequestTopicPartition()
		row.Partition, row.LeaderEpoch, row.PartitionEpoch = p.Partition.Index, p.LeaderEpoch, p.PartitionEpoch
		for i, id := range p.ISR {
			member := kmsg.NewAlterPartitionRequestTopicPartitionNewEpochISR()
			member.BrokerID = id
			if i < len(p.Epochs) {
				member.BrokerEpoch = p.Epochs[i]
			}
			row.NewEpochISR = append(row.NewEpochISR, member)
		}
		t := &q.Topics[len(q.Topics)-1]
		t.Partitions = append(t.Partitions, row)
	}
	return q
}

// tell passes the rows of an answer on. It returns false when one of them says
// nothing: then there is a pause before the proposal that follows from it.
func (a *Alter) tell(all []partition.Proposal, got *kmsg.AlterPartitionResponse) (told bool) {
	type key struct {
		topic     [16]byte
		partition int32
	}
	rows := make(map[key]*kmsg.AlterPartitionResponseTopicPartition)
	for i := range got.Topics {
		t := &got.Topics[i]
		for j := range t.Partitions {
			rows[key{t.TopidID, t.Partitions[j].Partition}] = &t.Partitions[j]
		}
	}
	told = true
	for _, p := range all {
		answer := partition.Answer{Verdict: partition.Unanswered}
		if row := rows[key{p.TopicID, p.Partition.Index}]; row != nil {
			answer = a.read(p, row)
		}
		told = told && answer.Verdict != partition.Unanswered
		a.o.Answered(p, answer)
	}
	return told
}

// read says what a row means for the leader.
func (a *Alter) read(p partition.Proposal, row *kmsg.AlterPartitionResponseTopicPartition) partition.Answer {
	err := kerr.ErrorForCode(row.ErrorCode)
	if err == nil {
		return partition.Answer{
			Verdict: partition.Committed, LeaderEpoch: row.LeaderEpoch, PartitionEpoch: row.PartitionEpoch, ISR: row.ISR,
		}
	}
	a.o.Logger.Info("the controller has not agreed to an in-sync set", "topic", p.Partition.Topic,
		"partition", p.Partition.Index, "isr", p.ISR, "error", err)
	return partition.Answer{Verdict: verdictOf(row.ErrorCode)}
}

// verdictOf sorts errors by who is to do something about them.
func verdictOf(code int16) partition.Verdict {
	switch code {
	case kerr.OperationNotAttempted.Code, kerr.IneligibleReplica.Code:
		return partition.Refused
	case kerr.UnknownTopicOrPartition.Code, kerr.UnknownTopicID.Code, kerr.FencedLeaderEpoch.Code,
		kerr.InvalidUpdateVersion.Code, kerr.InvalidRequest.Code, kerr.NewLeaderElected.Code:
		return partition.Superseded
	}
	return partition.Unanswered
}
