package plan

import (
	"slices"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// draft is a Step being made: what it has decided so far is what it sees.
//
// However often one event changes a partition, its state is written once, its
// leader epoch rises once, and each broker is told once, of the outcome. So the
// data of those writes, and the orders to assign, are made when the draft is
// finished.
type draft struct {
	im      *image.Image // the brokers are those of after the event
	s       Settings
	topics  map[string]*image.Topic // changed ones; nil: removed
	edits   map[string]*edit
	dirty   []dirt          // partitions to be written or told of, in the order in which that was found
	away    []int32         // brokers that are, for the time being, taken as gone
	ends    map[Ref]int32   // latest epochs of the logs this broker has already
	written map[Ref]int64   // when states were last written
	stops   map[Ref][]int32 // brokers that are told to stop, not to be assigned
	nodes   map[string]int  // indices of the writes of topics' own nodes, by topic
	leaving map[Ref]leave   // partitions of which replicas have to go
	lasts   []string        // the topics whose own nodes are written last
	step    Step

	last      *edit // looked at last
	anyTarget bool  // a reassignment may go to brokers that are not alive
}

// leave is what a topic's node says of a partition until the replicas that have to
// go are told so: they are among those to be removed.
type leave struct{ Replicas, Adding, Removing, Origin []int32 }

// edit is what the draft has done to one topic.
type edit struct {
	topic *image.Topic // as it was when last looked at
	marks []mark       // by partition
}

// mark is what the draft has done to one partition.
type mark struct {
	write  int32   // index of the state's write, plus one
	bumped bool    // the leader epoch has risen
	dirty  bool    // in the draft's list
	tell   []int32 // brokers to assign the partition to
	fresh  []int32 // those of them that never had it
}

// dirt is one partition to be written or told of.
type dirt struct {
	edit   *edit
	number int32
}

func newDraft(im *image.Image, s Settings) *draft {
	return &draft{im: im, s: s, topics: map[string]*image.Topic{}, edits: map[string]*edit{}}
}

// finish is the step that the draft has become.
func (d *draft) finish() Step {
	told := 0
	for _, p := range d.dirty {
		told += len(p.edit.marks[p.number].tell)
	}
	assigns := make([]Order, 0, told+len(d.step.Orders))
	for _, p := range d.dirty {
		m, t := &p.edit.marks[p.number], p.edit.topic
		kept := d.topic(t.Name)
		if kept != nil {
			t = kept
		}
		if m.write > 0 {
			d.step.Writes[m.write-1].Data = znode.EncodeState(znode.StateOf(&t.Partitions[p.number]))
		}
		if kept != nil && len(m.tell) > 0 {
			assigns = d.assigns(assigns, t, p)
		}
	}
	for i := range d.step.Orders {
		o := &d.step.Orders[i]
		if p := d.partition(Ref{Topic: o.Topic, Partition: o.Partition}); p != nil {
			o.State = *p
		}
	}
	for name, i := range d.nodes {
		if t := d.topic(name); t != nil {
			d.step.Writes[i].Data = znode.EncodeTopic(znode.TopicOf(d.held(t)))
		}
	}
	for i := range d.step.Last {
		if t := d.topic(d.lasts[i]); t != nil {
			d.step.Last[i].Data = znode.EncodeTopic(znode.TopicOf(t))
		}
	}
	if len(assigns) > 0 {
		d.step.Orders = append(assigns, d.step.Orders...)
	}
	if len(d.topics) > 0 {
		d.step.Changes.Topics = d.topics
	}
	return d.step
}

// assigns makes the orders to the brokers that must be told of a partition, in
// the order of its replicas. Of one that was never led there is nothing to tell.
func (d *draft) assigns(to []Order, t *image.Topic, which dirt) []Order {
	m, p := &which.edit.marks[which.number], &t.Partitions[which.number]
	if p.PartitionEpoch < 0 {
		return to
	}
	var stopped []int32
	if len(d.stops) > 0 {
		stopped = d.stops[Ref{Topic: t.Name, Partition: which.number}]
	}
	for _, id := range p.Replicas {
		if !slices.Contains(m.tell, id) || slices.Contains(stopped, id) {
			continue
		}
		to = append(to, Order{
			Kind: Assign, Broker: id, Topic: t.Name, Partition: which.number, TopicID: t.ID,
			New: slices.Contains(m.fresh, id), State: *p,
		})
	}
	return to
}

// topic is the topic as it will be, nil if there will be none.
func (d *draft) topic(name string) *image.Topic {
	if t, changed := d.topics[name]; changed {
		return t
	}
	return d.im.Topic(name)
}

// partition is a partition as it will be, nil if there will be none.
func (d *draft) partition(ref Ref) *image.Partition {
	t := d.topic(ref.Topic)
	if t == nil || ref.Partition < 0 || int(ref.Partition) >= len(t.Partitions) {
		return nil
	}
	return &t.Partitions[ref.Partition]
}

// edit is a copy of the topic that may be changed; it is part of the draft.
func (d *draft) edit(name string) *image.Topic {
	if t, changed := d.topics[name]; changed {
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

// look is what the draft has done to a partition of t, which is the draft's
// view of the topic: changed or not.
func (d *draft) look(t *image.Topic, number int32) *mark {
	e := d.last
	if e == nil || e.topic.Name != t.Name {
		if e = d.edits[t.Name]; e == nil {
			e = &edit{}
			d.edits[t.Name] = e
		}
		d.last = e
	}
	e.topic = t
	if missing := len(t.Partitions) - len(e.marks); missing > 0 {
		e.marks = append(e.marks, make([]mark, missing)...)
	}
	m := &e.marks[number]
	if !m.dirty {
		m.dirty = true
		d.dirty = append(d.dirty, dirt{e, number})
	}
	return m
}

func (d *draft) write(op tree.Op) { d.step.Writes = append(d.step.Writes, op) }

func (d *draft) order(o Order) { d.step.Orders = append(d.step.Orders, o) }

// registered says whether a broker can be reached: it may be shutting down.
func (d *draft) registered(broker int32) bool {
	_, ok := d.im.Broker(broker)
	return ok && !slices.Contains(d.away, broker)
}

// live says whether the replica of a partition on a broker can lead: the broker
// is registered and not about to stop, and its disk has not failed.
func (d *draft) live(p *image.Partition, broker int32) bool {
	return d.registered(broker) && !d.im.ShuttingDown(broker) && !slices.Contains(p.Offline, broker)
}

// tell has a broker told of a partition when the step is done.
func (d *draft) tell(t *image.Topic, number, broker int32, fresh bool) {
	m := d.look(t, number)
	if !slices.Contains(m.tell, broker) {
		m.tell = append(m.tell, broker)
	}
	if fresh && !slices.Contains(m.fresh, broker) {
		m.fresh = append(m.fresh, broker)
	}
}

// tellAll has every broker told that has a replica and can be reached; one
// whose disk has failed has nothing to do.
func (d *draft) tellAll(t *image.Topic, number int32) {
	p := &t.Partitions[number]
	m := d.look(t, number)
	if m.tell == nil {
		m.tell = make([]int32, 0, len(p.Replicas))
	}
	for _, id := range p.Replicas {
		if d.registered(id) && !slices.Contains(p.Offline, id) && !slices.Contains(m.tell, id) {
			m.tell = append(m.tell, id)
		}
	}
}

// stop has a broker give up its part in a partition. Also one that counts as gone for
// the time being: nobody tells it later.
func (d *draft) stop(kind OrderKind, t *image.Topic, number, broker int32) {
	ref := Ref{Topic: t.Name, Partition: number}
	if d.stops == nil {
		d.stops = map[Ref][]int32{}
	}
	d.stops[ref] = append(d.stops[ref], broker)
	if _, there := d.im.Broker(broker); there {
		d.order(Order{Kind: kind, Broker: broker, Topic: t.Name, Partition: number, TopicID: t.ID, State: t.Partitions[number]})
	}
}

// setState has the state of a partition written, on the condition that the tree
// still has the one in the picture.
func (d *draft) setState(t *image.Topic, number int32) {
	p := &t.Partitions[number]
	p.ControllerEpoch = d.im.ControllerEpoch
	m := d.look(t, number)
	if m.write > 0 {
		return
	}
	if p.PartitionEpoch < 0 {
		d.write(tree.Create(znode.StatePath(t.Name, number), nil, 0))
		p.PartitionEpoch = 0
	} else {
		d.write(tree.Set(znode.StatePath(t.Name, number), nil, p.PartitionEpoch))
		p.PartitionEpoch++
	}
	m.write = int32(len(d.step.Writes))
}

// setLeader gives the partition to a replica, or to none, at the next epoch,
// and has it written and told.
func (d *draft) setLeader(t *image.Topic, number, leader int32) {
	p := &t.Partitions[number]
	p.Leader = leader
	if m := d.look(t, number); !m.bumped {
		m.bumped = true
		p.LeaderEpoch++
	}
	d.setState(t, number)
	d.tellAll(t, number)
}

// setAssignment writes the topic's own node, once, and shows its new version.
func (d *draft) setAssignment(t *image.Topic) {
	if _, written := d.nodes[t.Name]; written {
		return
	}
	if d.nodes == nil {
		d.nodes = map[string]int{}
	}
	d.nodes[t.Name] = len(d.step.Writes)
	d.write(tree.Set(znode.TopicPath(t.Name), nil, tree.AnyVersion))
	t.Version++
}

// leave has the topic's own node written once more, last, and before that, if at
// all, as it is to be until the replicas that have to go are told.
func (d *draft) leave(t *image.Topic, number int32, until leave) {
	if d.leaving == nil {
		d.leaving = map[Ref]leave{}
	}
	d.leaving[Ref{Topic: t.Name, Partition: number}] = until
	if slices.Contains(d.lasts, t.Name) {
		return
	}
	d.lasts = append(d.lasts, t.Name)
	d.step.Last = append(d.step.Last, tree.Set(znode.TopicPath(t.Name), nil, tree.AnyVersion))
	t.Version++
}

// held is a topic as its own node is to show it until all who have to go are told.
func (d *draft) held(t *image.Topic) *image.Topic {
	if !slices.Contains(d.lasts, t.Name) {
		return t
	}
	until := *t
	until.Partitions = slices.Clone(t.Partitions)
	for i := range until.Partitions {
		if l, ok := d.leaving[Ref{Topic: t.Name, Partition: int32(i)}]; ok {
			p := &until.Partitions[i]
			p.Replicas, p.Adding, p.Removing, p.Origin = l.Replicas, l.Adding, l.Removing, l.Origin
		}
	}
	return &until
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
