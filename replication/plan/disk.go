package plan

import (
	"slices"

	"github.com/leatmq/leat/replication/image"
)

// ReplicasFailed decides about replicas of one broker whose disk has failed:
// they leave the in-sync sets, and where the broker led, another takes over, or
// the partition is left without a leader. The last replica in sync stays in the
// in-sync set: it has the records.
func ReplicasFailed(im *image.Image, broker int32, refs []Ref, s Settings) Step {
	d := newDraft(im, s)
	for _, ref := range refs {
		d.fail(broker, ref)
	}
	return d.finish()
}

// ReplicasBack decides about replicas of one broker that its disk has again.
func ReplicasBack(im *image.Image, broker int32, refs []Ref, s Settings) Step {
	d := newDraft(im, s)
	for _, ref := range refs {
		d.restore(broker, ref)
	}
	return d.finish()
}

// Probe assigns all replicas of a broker again: from its answer follows which
// of them its disks still have. It is how a log directory's failure, of which
// the broker only says that it happened, is found out.
func Probe(im *image.Image, broker int32, s Settings) Step {
	d := newDraft(im, s)
	d.probe(broker)
	return d.finish()
}

func (d *draft) fail(broker int32, ref Ref) {
	t := d.edit(ref.Topic)
	if t == nil || int(ref.Partition) >= len(t.Partitions) {
		return
	}
	p := &t.Partitions[ref.Partition]
	if !slices.Contains(p.Offline, broker) {
		p.Offline = append(slices.Clone(p.Offline), broker)
	}
	if p.PartitionEpoch < 0 || p.Leader != broker || d.electOffline(t, ref.Partition, d.uncleanAllowed(t)) {
		return
	}
	d.setLeader(t, ref.Partition, image.NoBroker)
}
func (d *draft) restore(broker int32, ref Ref) {}
func (d *draft) probe(broker int32)            {}

func (d *draft) alter(broker int32, a *Alteration) AlterResult { return AlterResult{} }
func (d *draft) completeAll(refs []Ref)                        {}
func (d *draft) foundMark(name string)                         {}
func (d *draft) found(f FoundTopic)                            {}
func (d *draft) grown(f FoundTopic)                            {}
func (d *draft) seen(f FoundPartition)                         {}

func (d *draft) setBrokers(live []image.Broker, c Census)         {}
func (d *draft) relieve(broker int32, epoch int64) ([]Ref, error) { return nil, nil }
func (d *draft) rebalance(percentage int32)                       {}
func (d *draft) electLeaderless(topics []string)                  {}

type announcer struct{ before, after *image.Image }

func (a *announcer) announce() []Announcement { return nil }
