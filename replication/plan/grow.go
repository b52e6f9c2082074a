package plan

import (
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"

	"github.com/leatmq/leat/replication/image"
)

// CreatePartitions decides about more partitions for topics, in Kafka's order
// of checks. A topic in the request twice is the caller's to refuse.
func CreatePartitions(im *image.Image, specs []PartitionsSpec, s Settings) (Step, []TopicResult) {
	d := newDraft(im, s)
	results := make([]TopicResult, len(specs))
	for i, spec := range specs {
		results[i] = TopicResult{Name: spec.Name, Partitions: -1, Replication: -1}
		lists, err := d.checkGrowth(spec)
		if err != nil {
			results[i].Err = err
			continue
		}
		t := d.edit(spec.Name)
		old := len(t.Partitions)
		for _, replicas := range lists {
			t.Partitions = append(t.Partitions, newPartition(replicas))
		}
		d.setAssignment(t)
		for p := old; p < len(t.Partitions); p++ {
			d.bring(t, int32(p))
		}
		results[i].ID, results[i].Partitions = t.ID, spec.Count
	}
	return d.finish(), results
}

// checkGrowth returns the replicas of each new partition, or why there cannot
// be any.
func (d *draft) checkGrowth(spec PartitionsSpec) ([][]int32, error) {
	if d.im.Deleting(spec.Name) {
		return nil, refuse(ErrInvalidTopic, fmt.Sprintf("The topic '%s' is marked for deletion.", spec.Name))
	}
	t := d.topic(spec.Name)
	if t == nil {
		return nil, NoSuchTopic(spec.Name)
	}
	for p := range t.Partitions {
		if t.Partitions[p].Reassigning() {
			return nil, refuse(ErrReassigning, fmt.Sprintf("A partition reassignment is in progress for the topic '%s'.", t.Name))
		}
	}
	old := int32(len(t.Partitions))
	switch {
	case spec.Count < old:
		return nil, refuse(ErrInvalidPartitions, fmt.Sprintf(
			"Topic currently has %d partitions, which is higher than the requested %d.", old, spec.Count))
	case spec.Count == old:
		return nil, refuse(ErrInvalidPartitions, fmt.Sprintf("Topic already has %d partitions.", old))
	case spec.Assignment != nil:
		return d.checkGiven(t, spec)
	}
	brokers := d.im.Brokers()
	first := t.Partitions[0].Replicas
	if len(first) == 0 {
		return nil, refuse(ErrInvalidReplication, "Replication factor must be larger than 0.")
	}
	start := sort.Search(len(brokers), func(i int) bool { return brokers[i].ID >= first[0] })
	return place(brokers, placement{
		partitions: spec.Count - old, replication: len(first), first: old, start: start % max(len(brokers), 1),
	}, d.s.Random)
}

// checkGiven holds an assignment for new partitions to Kafka's rules.
func (d *draft) checkGiven(t *image.Topic, spec PartitionsSpec) ([][]int32, error) {
	added := spec.Count - int32(len(t.Partitions))
	if unknown := d.unknownBrokers(spec.Assignment); len(unknown) > 0 {
		return nil, refuse(ErrInvalidAssignment, fmt.Sprintf("Unknown broker(s) in replica assignment: %s.", joinIDs(unknown)))
	}
	if int(added) != len(spec.Assignment) {
		return nil, refuse(ErrInvalidAssignment, fmt.Sprintf(
			"Increasing the number of partitions by %d but %d assignments provided.", added, len(spec.Assignment)))
	}
	want := len(t.Partitions[0].Replicas)
	for i, replicas := range spec.Assignment {
		number := len(t.Partitions) + i
		switch {
		case len(replicas) == 0:
			return nil, refuse(ErrInvalidAssignment, fmt.Sprintf("Cannot have replication factor of 0 for partition id %d.", number))
		case duplicates(replicas):
			return nil, refuse(ErrInvalidAssignment, fmt.Sprintf(
				"Duplicate brokers not allowed in replica assignment: %s for partition id %d.", joinIDs(replicas), number))
		case len(replicas) != want:
			return nil, refuse(ErrInvalidAssignment, fmt.Sprintf("Inconsistent replication factor between partitions, "+
				"partition 0 has %d while partitions [%d] have replication factors [%d], respectively.", want, number, len(replicas)))
		}
	}
	return spec.Assignment, nil
}

func (d *draft) unknownBrokers(lists [][]int32) []int32 {
	var unknown []int32
	for _, replicas := range lists {
		for _, id := range replicas {
			if _, ok := d.im.Broker(id); !ok && !slices.Contains(unknown, id) {
				unknown = append(unknown, id)
			}
		}
	}
	slices.Sort(unknown)
	return unknown
}

func joinIDs(ids []int32) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.FormatInt(int64(id), 10)
	}
	return strings.Join(texts, ", ")
}
