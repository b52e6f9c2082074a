package plan

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// CreateTopics decides about new topics, in Kafka's order of checks. Each gets
// a result; those that are refused are not in the step.
func CreateTopics(im *image.Image, specs []TopicSpec, s Settings) (Step, []TopicResult) {
	d := newDraft(im, s)
	results := make([]TopicResult, len(specs))
	for i, spec := range specs {
		assignment, err := d.checkCreation(spec)
		if err != nil {
			results[i] = TopicResult{Name: spec.Name, Partitions: -1, Replication: -1, Err: err}
			continue
		}
		t := d.create(spec, assignment, d.newID())
		results[i] = TopicResult{
			Name: spec.Name, ID: t.ID, Config: t.Config,
			Partitions: int32(len(assignment)), Replication: int16(len(assignment[0])),
		}
	}
	return d.finish(), results
}

// checkCreation returns the replicas of each partition, or why the topic cannot
// be.
func (d *draft) checkCreation(spec TopicSpec) ([][]int32, error) {
	name := spec.Name
	if d.topic(name) != nil {
		return nil, refuse(ErrTopicExists, fmt.Sprintf("Topic '%s' already exists.", name))
	}
	if len(spec.NullConfig) > 0 {
		return nil, refuse(ErrInvalidConfig, "Null value not supported for topic configs: "+strings.Join(spec.NullConfig, ","))
	}
	assignment, err := d.assignment(spec)
	if err != nil {
		return nil, err
	}
	if err := topic.Validate(name); err != nil {
		return nil, refuse(ErrInvalidTopic, err.Error())
	}
	if d.im.Deleting(name) {
		return nil, refuse(ErrTopicExists, fmt.Sprintf("Topic '%s' is marked for deletion.", name))
	}
	if others := d.colliding(name); len(others) > 0 {
		return nil, refuse(ErrInvalidTopic, fmt.Sprintf("Topic '%s' collides with existing topics: %s", name, strings.Join(others, ", ")))
	}
	if err := checkLists(assignment); err != nil {
		return nil, err
	}
	if d.s.ValidateConfig != nil {
		if err := d.s.ValidateConfig(spec.Config); err != nil {
			return nil, refuse(ErrInvalidConfig, err.Error())
		}
	}
	return assignment, nil
}

// assignment takes the replicas from the spec, or places them.
func (d *draft) assignment(spec TopicSpec) ([][]int32, error) {
	if spec.Assignment == nil {
		return d.placeNew(spec)
	}
	if spec.Partitions != Default || spec.Replication != Default {
		return nil, refuse(ErrInvalidRequest, "Both numPartitions or replicationFactor and replicasAssignments were set. "+
			"Both cannot be used at the same time.")
	}
	lists := make([][]int32, 0, len(spec.Assignment))
	for _, number := range slices.Sorted(maps.Keys(spec.Assignment)) {
		if int(number) != len(lists) {
			lists = nil // numbers with a gap; refused by checkLists, after the name
			break
		}
		lists = append(lists, spec.Assignment[number])
	}
	return lists, nil
}

func (d *draft) placeNew(spec TopicSpec) ([][]int32, error) {
	pl := placement{partitions: spec.Partitions, replication: int(spec.Replication), start: -1}
	if pl.partitions == Default {
		pl.partitions = d.s.Partitions
	}
	if pl.replication == Default {
		pl.replication = int(d.s.Replication)
	}
	if spec.Clamp {
		pl.replication = min(pl.replication, len(d.im.Brokers()))
	}
	return place(d.im.Brokers(), pl, d.s.Random)
}

// checkLists holds a given assignment to Kafka's rules. As in Kafka, brokers
// nobody knows are let through: their partitions have no leader until they come.
func checkLists(lists [][]int32) error {
	if len(lists) == 0 {
		return refuse(ErrInvalidAssignment, "partitions should be a consecutive 0-based integer sequence")
	}
	for p, replicas := range lists {
		if len(replicas) != len(lists[0]) {
			return refuse(ErrInvalidAssignment, "All partitions should have the same number of replicas")
		}
		if duplicates(replicas) {
			return refuse(ErrInvalidAssignment, fmt.Sprintf("Duplicate replica assignment found: partition %d on %v", p, replicas))
		}
	}
	return nil
}

func duplicates(ids []int32) bool {
	sorted := slices.Sorted(slices.Values(ids))
	return len(slices.Compact(sorted)) < len(ids)
}

// colliding lists the topics whose names differ from this one only in '.' and
// '_'.
func (d *draft) colliding(name string) []string {
	if !topic.MayCollide(name) {
		return nil
	}
	var others []string
	for _, t := range d.im.Topics() {
		if len(t.Name) == len(name) && topic.Collide(t.Name, name) && d.topic(t.Name) != nil {
			others = append(others, t.Name)
		}
	}
	for other, t := range d.topics {
		if t != nil && d.im.Topic(other) == nil && topic.Collide(other, name) {
			others = append(others, other)
		}
	}
	slices.Sort(others)
	return others
}

// create adds a topic whose checks have passed: its configuration, its
// assignment, and a state for each partition that has a live replica.
func (d *draft) create(spec TopicSpec, assignment [][]int32, id topic.ID) *image.Topic {
	t := &image.Topic{
		Name: spec.Name, ID: id, Internal: topic.Internal(spec.Name),
		Partitions: make([]image.Partition, len(assignment)), Config: map[string]string{},
	}
	maps.Copy(t.Config, spec.Config)
	for p, replicas := range assignment {
		t.Partitions[p] = newPartition(replicas)
	}
	d.topics[t.Name] = t
	d.write(tree.Create(znode.ConfigPath(image.Entity{Type: image.TopicEntity, Name: t.Name}), znode.EncodeConfig(t.Config), 0))
	d.write(tree.Create(znode.TopicPath(t.Name), znode.EncodeTopic(znode.TopicOf(t)), 0))
	d.write(tree.Create(znode.PartitionsPath(t.Name), nil, 0))
	for p := range t.Partitions {
		d.bring(t, int32(p))
	}
	return t
}

func newPartition(replicas []int32) image.Partition {
	return image.Partition{Replicas: replicas, Leader: image.NoBroker, LeaderEpoch: -1, PartitionEpoch: -1}
}

// bring gives a partition that has never been led its node, and, if one of its
// replicas is alive, its first leader. All live replicas are in sync: there is
// nothing yet to be behind with.
func (d *draft) bring(t *image.Topic, number int32) {
	d.write(tree.Create(znode.PartitionPath(t.Name, number), nil, 0))
	d.first(t, number)
}

// first makes the first state of a partition, if a replica is alive. Where the
// leader has a log already, the log's epochs go on, and the order is not for an
// empty one.
func (d *draft) first(t *image.Topic, number int32) {
	p := &t.Partitions[number]
	var isr []int32
	for _, id := range p.Replicas {
		if d.live(p, id) {
			isr = append(isr, id)
		}
	}
	if len(isr) == 0 {
		return
	}
	latest, logged := d.ends[Ref{Topic: t.Name, Partition: number}]
	p.Leader, p.LeaderEpoch, p.ISR = isr[0], 0, isr
	if logged {
		p.LeaderEpoch = latest + 1
	}
	d.look(t, number).bumped = true
	d.setState(t, number)
	for _, id := range isr {
		d.tell(t, number, id, !logged)
	}
}
