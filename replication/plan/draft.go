package plan

import (
	"slices"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// draft is a Step being made: what it has decided so far is what it sees.
type draft struct {
	im     *image.Image
	s      Settings
	topics map[string]*image.Topic // changed ones; nil: removed
	ends   map[Ref]int32           // latest epochs of the logs this broker has already
	step   Step

	anyTarget bool // a reassignment may go to brokers that are not alive
}

func newDraft(im *image.Image, s Settings) *draft {
	return &draft{im: im, s: s, topics: map[string]*image.Topic{}}
}

// finish is the step that the draft has become.
func (d *draft) finish() Step {
	if len(d.topics) > 0 {
		d.step.Changes.Topics = d.topics
	}
	return d.step
}

// topic is the topic as it will be, nil if there will be none.
func (d *draft) topic(name string) *image.Topic {
	if t, changed := d.topics[name]; changed {
		return t
	}
	return d.im.Topic(name)
}

// edit is a copy of the topic that may be changed; it is part of the draft.
func (d *draft) edit(name string) *image.Topic {
	t, changed := d.topics[name]
	if changed {
		return t
	}
	was := d.im.Topic(name)
	if was == nil {
		return nil
	}
	copied := *was
	copied.Partitions = slices.Clone(was.Partitions)
	d.topics[name] = &copied
	return &copied
}

func (d *draft) write(op tree.Op) { d.step.Writes = append(d.step.Writes, op) }

func (d *draft) order(o Order) { d.step.Orders = append(d.step.Orders, o) }

// live says whether the replica of a partition on a broker can lead: the broker
// is registered and its disk has not failed.
func (d *draft) live(p *image.Partition, broker int32) bool {
	_, ok := d.im.Broker(broker)
	return ok && !slices.Contains(p.Offline, broker)
}

// lead orders the leader of a partition, if there is one, to lead it.
func (d *draft) lead(t *image.Topic, number int32, fresh bool) {
	p := &t.Partitions[number]
	if p.Leader == image.NoBroker {
		return
	}
	d.order(Order{
		Kind: Assign, Broker: p.Leader, Topic: t.Name, Partition: number, TopicID: t.ID,
		New: fresh, State: *p, Config: t.Config,
	})
}

// setState writes a decided state and shows it. The version of the node follows
// from the write being conditional.
func (d *draft) setState(t *image.Topic, number int32) {
	p := &t.Partitions[number]
	p.ControllerEpoch = d.im.ControllerEpoch
	data := znode.EncodeState(znode.StateOf(p))
	if p.PartitionEpoch < 0 {
		d.write(tree.Create(znode.StatePath(t.Name, number), data, 0))
		p.PartitionEpoch = 0
		return
	}
	d.write(tree.Set(znode.StatePath(t.Name, number), data, p.PartitionEpoch))
	p.PartitionEpoch++
}

// setAssignment writes the topic's own node and shows its new version.
func (d *draft) setAssignment(t *image.Topic) {
	d.write(tree.Set(znode.TopicPath(t.Name), znode.EncodeTopic(znode.TopicOf(t)), tree.AnyVersion))
	t.Version++
}

// newID draws an id that no topic has.
func (d *draft) newID() topic.ID {
	for {
		id, ok := topic.RandomID(d.s.RandomBytes())
		if ok && d.im.TopicByID(id) == nil {
			return id
		}
	}
}
