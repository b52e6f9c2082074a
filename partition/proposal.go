package partition

import (
	"slices"
	"time"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/partition/isr"
)

// Proposal is an in-sync set that a leader asks the controller for
// (AlterPartition, KIP-497).
type Proposal struct {
	Partition   checkpoint.Partition
	TopicID     [16]byte
	LeaderEpoch int32
	// PartitionEpoch is that of the set which is to be replaced.
	PartitionEpoch int32
	ISR            []int32
	// Epochs are those of the registrations in which the members have fetched last, -1
	// for the leader and where it is not known: the controller refuses a member that has
	// had another life since (KIP-903).
	Epochs []int64
}

// Verdict is what became of a proposal.
type Verdict int8

// The verdicts.
const (
	// Committed: the controller has decided; Answer says what.
	Committed Verdict = iota
	// Refused: what is committed stays so. The leader may propose again.
	Refused
	// Superseded: the controller knows better, and an order is on its way. The
	// proposal stays out until it comes.
	Superseded
	// Unanswered: nobody knows. The leader proposes the same again.
	Unanswered
)

// Answer is the controller's to a Proposal.
type Answer struct {
	Verdict Verdict
	// What follows is set where the proposal is Committed.
	LeaderEpoch    int32
	PartitionEpoch int32
	ISR            []int32
}

// proposal is what is pending, for the controller; the caller holds mu.
func (l *Leader) proposal() Proposal {
	p := l.progress.Pending()
	return Proposal{
		Partition: l.replica.id, TopicID: l.replica.TopicID(), LeaderEpoch: l.epoch,
		PartitionEpoch: p.PartitionEpoch, ISR: slices.Clone(p.ISR), Epochs: l.progress.Epochs(p.ISR),
	}
}

// propose asks the controller.
func (s *Set) propose(p Proposal) {
	s.o.Logger.Info("proposing another in-sync set", "topic", p.Partition.Topic, "partition", p.Partition.Index,
		"isr", p.ISR, "leader_epoch", p.LeaderEpoch, "partition_epoch", p.PartitionEpoch)
	s.o.Propose(p)
}

// Answered tells the leader what the controller says to a proposal of its. An
// answer to a proposal that is not pending any more is ignored.
func (s *Set) Answered(p Proposal, a Answer) {
	r, err := s.Get(p.Partition)
	if err != nil {
		return
	}
	l := r.leader.Load()
	if l == nil || l.epoch != p.LeaderEpoch {
		return
	}
	t, ok := l.enter()
	if !ok {
		return
	}
	again := l.answered(p, a, t.Now)
	l.leave(&t)
	if again {
		s.propose(p)
	}
}

// answered applies an answer; again is true when the proposal has to be made
// once more. The caller holds mu.
func (l *Leader) answered(p Proposal, a Answer, now time.Time) (again bool) {
	pending := l.progress.Pending()
	if pending.Change == isr.None || pending.PartitionEpoch != p.PartitionEpoch || !slices.Equal(pending.ISR, p.ISR) {
		return false
	}
	switch a.Verdict {
	case Refused:
		l.progress.Revert(now)
	case Unanswered:
		return true
	case Committed:
		if a.LeaderEpoch == l.epoch && a.PartitionEpoch >= l.progress.PartitionEpoch() {
			l.progress.CommitISR(a.ISR, a.PartitionEpoch)
		}
	}
	return false
}

// shrink proposes to take followers out of in-sync sets that are too far behind.
func (s *Set) shrink() {
	for _, r := range s.All() {
		l := r.leader.Load()
		if l == nil || l.replicas.Load() < 2 {
			continue
		}
		if t, ok := l.enter(); ok {
			l.progress.Shrink(&t.Conditions)
			l.leave(&t)
		}
	}
}
