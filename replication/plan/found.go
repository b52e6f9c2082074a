package plan

import (
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// TopicsFound decides about topics that others have written to the tree: they
// come into the picture, with an id if they had none, and their partitions get
// a first state. Topics that the picture has are left as they are.
//
// The nodes above the partitions' states must be there.
func TopicsFound(im *image.Image, found []FoundTopic, s Settings) Step {
	d := newDraft(im, s)
	for _, f := range found {
		d.found(f)
	}
	return d.finish()
}

// TopicsGone takes topics out of the picture whose nodes have vanished without
// a mark for deletion. Replicas stay where they are, as in Kafka.
func TopicsGone(im *image.Image, names []string, s Settings) Step {
	d := newDraft(im, s)
	for _, name := range names {
		if d.topic(name) != nil {
			d.topics[name] = nil
		}
	}
	return d.finish()
}

// AssignmentFound decides about a topic's node that has changed: partitions
// beyond those of the picture come to be. What else differs is not obeyed. The
// node of a topic that is being deleted is put back.
//
// The nodes above the new partitions' states must be there.
func AssignmentFound(im *image.Image, f FoundTopic, s Settings) Step {
	d := newDraft(im, s)
	d.grown(f)
	return d.finish()
}

// StatesFound puts partition states that were read again into the picture:
// after a write that met another version, or when a leader has written by
// itself. Only controllers raise a leader epoch: one that the picture does not have
// is of a write of this controller's own of which nobody was told, for what was
// decided with it has failed; so those concerned are told now. ErrNotController
// means that a later controller has written one of them.
func StatesFound(im *image.Image, found []FoundPartition) (Step, error) {
	d := newDraft(im, Settings{})
	for _, f := range found {
		if f.ControllerEpoch > im.ControllerEpoch {
			return Step{}, refuse(ErrNotController, "A later controller has written "+znode.StatePath(f.Topic, f.Partition))
		}
		d.seen(f)
	}
	return d.finish(), nil
}

// ConfigFound puts an entity's configuration, as it stands in the tree, into
// the picture; nil: it has none.
func ConfigFound(im *image.Image, e image.Entity, config map[string]string) Step {
	var step Step
	if e.Type != image.TopicEntity {
		step.Changes.Configs = map[image.Entity]map[string]string{e: config}
		return step
	}
	if was := im.Topic(e.Name); was != nil {
		t := *was
		t.Config = config
		step.Changes.Topics = map[string]*image.Topic{t.Name: &t}
	}
	return step
}

// Topic is a topic as the picture has it, made of what the tree has.
func Topic(f FoundTopic) *image.Topic {
	t := &image.Topic{
		Name: f.Name, ID: f.Node.ID, Internal: topic.Internal(f.Name), Version: f.Version,
		Partitions: make([]image.Partition, len(f.Node.Partitions)), Config: f.Config,
	}
	if t.Config == nil {
		t.Config = map[string]string{}
	}
	for i := range t.Partitions {
		t.Partitions[i] = partitionFound(f, int32(i))
	}
	return t
}

func partitionFound(f FoundTopic, number int32) image.Partition {
	p := newPartition(f.Node.Partitions[number])
	p.Adding, p.Removing, p.Origin = f.Node.Adding[number], f.Node.Removing[number], f.Node.Origin[number]
	if state, ok := f.States[number]; ok {
		show(&p, state)
	}
	return p
}

// show puts a state that was read into a partition.
func show(p *image.Partition, f FoundState) {
	p.Leader, p.LeaderEpoch, p.ISR, p.Recovering = f.Leader, f.LeaderEpoch, f.ISR, f.Recovering
	p.ControllerEpoch, p.PartitionEpoch = f.ControllerEpoch, f.Version
}

func (d *draft) found(f FoundTopic) {
	if d.topic(f.Name) != nil || d.im.Deleting(f.Name) {
		return
	}
	t := Topic(f)
	d.topics[t.Name] = t
	if t.ID.IsZero() {
		t.ID = d.newID()
		d.setAssignment(t)
	}
	for p := range t.Partitions {
		d.recover(t.Name, int32(p))
	}
}

func (d *draft) grown(f FoundTopic) {
	if del := d.im.Deletion(f.Name); del != nil {
		if f.Version != del.Topic.Version {
			d.write(tree.Set(znode.TopicPath(f.Name), znode.EncodeTopic(znode.TopicOf(del.Topic)), tree.AnyVersion))
		}
		return
	}
	was := d.topic(f.Name)
	if was == nil || f.Version <= was.Version {
		return
	}
	old := len(was.Partitions)
	t := d.edit(f.Name)
	t.Version = f.Version
	for p := old; p < len(f.Node.Partitions); p++ {
		t.Partitions = append(t.Partitions, partitionFound(f, int32(p)))
	}
	if f.Node.ID != t.ID {
		d.setAssignment(t)
	}
	for p := old; p < len(t.Partitions); p++ {
		d.recover(t.Name, int32(p))
	}
}

func (d *draft) seen(f FoundPartition) {
	p := d.partition(f.Ref)
	if p == nil || p.PartitionEpoch == f.Version {
		return
	}
	untold := f.LeaderEpoch > p.LeaderEpoch
	t := d.edit(f.Topic)
	show(&t.Partitions[f.Partition], f.FoundState)
	if untold {
		d.tellAll(t, f.Partition)
	}
}
