package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// ElectLeaders decides about leaders that a client asked for. Nil refs mean
// every partition; then those that need no election are not in the results.
func ElectLeaders(im *image.Image, how Election, refs []Ref, s Settings) (Step, []ElectResult) {
	d := newDraft(im, s)
	all := refs == nil
	if all {
		refs = everyPartition(im)
	}
	results := make([]ElectResult, 0, len(refs))
	for _, ref := range refs {
		err := d.elect(how, ref)
		if all && errors.Is(err, ErrElectionNotNeeded) {
			continue
		}
		results = append(results, ElectResult{Ref: ref, Err: err})
	}
	return d.finish(), results
}

// PreferredFound decides about /admin/preferred_replica_election, which older
// tools write. Its node goes in the same step.
func PreferredFound(im *image.Image, refs []Ref, s Settings) (Step, []ElectResult) {
	d := newDraft(im, s)
	results := make([]ElectResult, len(refs))
	for i, ref := range refs {
		results[i] = ElectResult{Ref: ref, Err: d.elect(Preferred, ref)}
	}
	d.write(tree.Delete(znode.PreferredLeader, tree.AnyVersion))
	return d.finish(), results
}

// everyPartition lists the partitions that have ever had a leader.
func everyPartition(im *image.Image) []Ref {
	var refs []Ref
	for _, t := range im.Topics() {
		for p := range t.Partitions {
			if t.Partitions[p].PartitionEpoch >= 0 {
				refs = append(refs, Ref{Topic: t.Name, Partition: int32(p)})
			}
		}
	}
	return refs
}

func (d *draft) elect(how Election, ref Ref) error {
	if d.im.Deleting(ref.Topic) {
		return refuse(ErrInvalidTopic, "The topic is being deleted")
	}
	t := d.topic(ref.Topic)
	if t == nil || ref.Partition < 0 || int(ref.Partition) >= len(t.Partitions) {
		return refuse(ErrUnknownTopic, "The partition does not exist.")
	}
	p := &t.Partitions[ref.Partition]
	led := p.Leader != image.NoBroker && d.registered(p.Leader) && !slices.Contains(p.Offline, p.Leader)
	first := len(p.Replicas) > 0 && p.Leader == p.Replicas[0]
	if how == Preferred && first || how == Unclean && led {
		return refuse(ErrElectionNotNeeded, "Leader election not needed for topic partition.")
	}
	if how == Preferred {
		if len(p.Replicas) == 0 || !d.live(p, p.Replicas[0]) || !slices.Contains(p.ISR, p.Replicas[0]) {
			return refuse(ErrPreferredUnavailable, fmt.Sprintf(
				"Failed to elect leader for partition %s-%d under strategy PreferredReplicaPartitionLeaderElectionStrategy", ref.Topic, ref.Partition))
		}
		t = d.edit(ref.Topic)
		d.setLeader(t, ref.Partition, t.Partitions[ref.Partition].Replicas[0])
		return nil
	}
	if !d.electOffline(d.edit(ref.Topic), ref.Partition, true) {
		return refuse(ErrNoEligibleLeader, fmt.Sprintf(
			"Failed to elect leader for partition %s-%d under strategy OfflinePartitionLeaderElectionStrategy", ref.Topic, ref.Partition))
	}
	return nil
}

// electOffline finds a leader for a partition that has none: the first live
// replica in sync, in the order of the assignment; failing that, if losing
// records is allowed, the first live one. A partition that has never been led
// gets its first state. A reassignment that waited for one of its target to lead
// ends: nobody else may ever come into sync.
func (d *draft) electOffline(t *image.Topic, number int32, unclean bool) bool {
	p := &t.Partitions[number]
	if p.PartitionEpoch < 0 {
		d.first(t, number)
		return p.Leader != image.NoBroker
	}
	found := d.electAny(t, number, unclean)
	if found && d.arrived(p) {
		d.complete(t, number)
	}
	return found
}

func (d *draft) electAny(t *image.Topic, number int32, unclean bool) bool {
	p := &t.Partitions[number]
	for _, id := range p.Replicas {
		if d.live(p, id) && slices.Contains(p.ISR, id) {
			p.ISR = slices.DeleteFunc(slices.Clone(p.ISR), func(id int32) bool { return !d.live(p, id) })
			d.setLeader(t, number, id)
			return true
		}
	}
	if !unclean {
		return false
	}
	for _, id := range p.Replicas {
		if d.live(p, id) {
			p.ISR, p.Recovering = []int32{id}, true
			d.setLeader(t, number, id)
			return true
		}
	}
	return false
}

// lose takes brokers that are gone, or whose disk failed, out of a partition's
// in-sync set; what one of them led gets another leader or none. The last in
// sync stay in the set: they have the records.
func (d *draft) lose(t *image.Topic, number int32, gone []int32) {
	p := &t.Partitions[number]
	isr := without(p.ISR, gone)
	switch {
	case slices.Contains(gone, p.Leader):
		if d.electOffline(t, number, d.uncleanAllowed(t)) {
			return
		}
		if len(isr) > 0 {
			p.ISR = isr
		}
		d.setLeader(t, number, image.NoBroker)
	case len(isr) > 0 && len(isr) < len(p.ISR):
		p.ISR = isr
		d.setLeader(t, number, p.Leader)
	}
}

// electLeaderless elects leaders for the partitions that have none.
func (d *draft) electLeaderless(topics []string) {
	for _, t := range d.im.Topics() {
		if topics != nil && !slices.Contains(topics, t.Name) {
			continue
		}
		for p := range t.Partitions {
			if t.Partitions[p].Leader == image.NoBroker {
				t = d.edit(t.Name)
				d.electOffline(t, int32(p), d.uncleanAllowed(t))
			}
		}
	}
}

// uncleanAllowed says whether a topic prefers a leader to its records.
func (d *draft) uncleanAllowed(t *image.Topic) bool {
	if v, ok := t.Config["unclean.leader.election.enable"]; ok {
		return strings.EqualFold(strings.TrimSpace(v), "true") // as Kafka reads it
	}
	return d.s.UncleanElection
}
