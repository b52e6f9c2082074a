package plan

import (
	"github.com/leatmq/leat/replication/image"
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
// itself. ErrNotController means that a later controller has written one of
// them.
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
