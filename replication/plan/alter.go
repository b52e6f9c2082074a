package plan

import (
	"slices"

	"github.com/leatmq/leat/replication/image"
)

// AlterPartition decides about in-sync sets that a leader asks for. Each alteration gets a result; a reassignment that the new set completes
// is completed in the same step, after the state of the result.
//
// The error is about all of them: ErrStaleBrokerEpoch. Errors of one, in the
// order of the checks: ErrUnknownTopicID or ErrUnknownTopic, ErrNotController
// (the leader has heard of more than this controller), ErrFencedLeaderEpoch,
// ErrInvalidUpdateVersion, ErrInvalidRequest, ErrIneligibleReplica. An
// alteration that changes nothing succeeds.
func AlterPartition(im *image.Image, by Asker, as []Alteration, s Settings) (Step, []AlterResult, error) {
	if b, ok := im.Broker(by.Broker); !ok || b.Epoch != by.Epoch {
		return Step{}, nil, refuse(ErrStaleBrokerEpoch, "The broker is not registered with this epoch.")
	}
	d := newDraft(im, s)
	results := make([]AlterResult, len(as))
	for i := range as {
		results[i] = d.alter(by.Broker, &as[i])
	}
	altered := d.finish()
	refs := make([]Ref, 0, len(as))
	for i := range results {
		if results[i].Err == nil {
			refs = append(refs, results[i].Ref)
		}
	}
	return Join(altered, CompleteReassignments(im.With(altered.Changes), refs, s)), results, nil
}

// alter judges one alteration, and makes it.
func (d *draft) alter(broker int32, a *Alteration) AlterResult {
	out := AlterResult{Ref: a.Ref, TopicID: a.TopicID}
	t := d.topic(a.Topic)
	if !a.TopicID.IsZero() {
		if t = d.im.TopicByID(a.TopicID); t == nil {
			out.Err = refuse(ErrUnknownTopicID, "This server does not host this topic ID.")
			return out
		}
		t = d.topic(t.Name)
	}
	if t == nil || a.Partition < 0 || int(a.Partition) >= len(t.Partitions) {
		out.Err = refuse(ErrUnknownTopic, "This server does not host this topic-partition.")
		return out
	}
	out.Topic, out.TopicID = t.Name, t.ID
	p := &t.Partitions[a.Partition]
	unchanged, err := d.judge(p, broker, a)
	if err == nil && !unchanged {
		t = d.edit(t.Name)
		p = &t.Partitions[a.Partition]
		p.ISR, p.Recovering = slices.Clone(a.ISR), a.Recovering
		d.setState(t, a.Partition)
	}
	if out.Err = err; err == nil {
		out.State = *p
	}
	return out
}

// judge says whether an alteration is one, and whether it may be.
func (d *draft) judge(p *image.Partition, broker int32, a *Alteration) (unchanged bool, err error) {
	switch {
	case a.PartitionEpoch > p.PartitionEpoch || a.LeaderEpoch > p.LeaderEpoch:
		return false, refuse(ErrNotController, "The leader has heard of a later state than this controller.")
	case a.LeaderEpoch < p.LeaderEpoch:
		return false, refuse(ErrFencedLeaderEpoch, "The partition has had another leader since.")
	case slices.Equal(a.ISR, p.ISR) && a.Recovering == p.Recovering:
		return true, nil
	case a.PartitionEpoch < p.PartitionEpoch:
		return false, refuse(ErrInvalidUpdateVersion, "The partition has had another state since.")
	case a.Recovering && (len(a.ISR) > 1 || !p.Recovering):
		return false, refuse(ErrInvalidRequest, "A recovering leader is alone in sync, and one that has recovered stays so.")
	case broker != p.Leader || !slices.Contains(a.ISR, broker) || duplicates(a.ISR) || !subset(a.ISR, p.Replicas):
		return false, refuse(ErrInvalidRequest, "The in-sync set must be the leader's and of replicas, with the leader among them.")
	}
	for i, id := range a.ISR {
		if id != broker && !d.live(p, id) {
			return false, refuse(ErrIneligibleReplica, "The in-sync set has a replica that is not alive.")
		}
		if b, ok := d.im.Broker(id); ok && i < len(a.Epochs) && a.Epochs[i] > 0 && a.Epochs[i] != b.Epoch {
			return false, refuse(ErrIneligibleReplica, "The in-sync set has a replica whose broker has registered anew since.")
		}
	}
	return false, nil
}
