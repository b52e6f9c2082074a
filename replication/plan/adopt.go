package plan

import (
	"cmp"
	"slices"
	"strings"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
)

// maxAdopted bounds what the name of a directory can make of the tree.
const maxAdopted = 1 << 20

// Adopt makes topics of partitions that lie in the data directories of a broker
// whose tree has never had a topic: a directory that came from Kafka, or a lost
// tree. Each gets one replica, the broker's, and the id that was stored with it.
// Numbers missing in between (their replicas lay elsewhere) begin empty.
// Partitions that cannot be adopted are returned: with an illegal name, or of
// another id than the first of their topic.
func Adopt(im *image.Image, broker int32, found []Existing, s Settings) (Step, []Existing) {
	d := newDraft(im, s)
	d.ends = make(map[Ref]int32, len(found))
	found = slices.Clone(found)
	slices.SortFunc(found, func(a, b Existing) int {
		return cmp.Or(strings.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	var left []Existing
	for len(found) > 0 {
		n := 1
		for n < len(found) && found[n].Topic == found[0].Topic {
			n++
		}
		left = append(left, d.adopt(broker, found[:n])...)
		found = found[n:]
	}
	return d.finish(), left
}

// adopt makes one topic of the partitions found of it.
func (d *draft) adopt(broker int32, found []Existing) (left []Existing) {
	name, id, last := found[0].Topic, found[0].TopicID, found[len(found)-1].Partition
	if topic.Validate(name) != nil || name == topic.ClusterMetadata || found[0].Partition < 0 || last >= maxAdopted {
		return found
	}
	if id.IsZero() {
		id = d.newID()
	}
	for _, e := range found {
		if !e.TopicID.IsZero() && e.TopicID != id {
			left = append(left, e)
			continue
		}
		d.ends[e.Ref] = e.LatestEpoch
	}
	assignment := make([][]int32, last+1)
	for i := range assignment {
		assignment[i] = []int32{broker}
	}
	d.create(TopicSpec{Name: name, Config: d.adoptedConfig(name, found)}, assignment, id)
	return left
}

// adoptedConfig is what an adopted topic is configured as. What it was is lost
// with the old tree; Kafka's own topics have theirs, and of all others nothing
// is deleted until somebody says how long it is to be kept: a default could
// destroy what was meant to stay. Where the cleaner has worked, it goes on.
func (d *draft) adoptedConfig(name string, found []Existing) map[string]string {
	if spec, ok := d.s.Internal[name]; ok {
		return spec.Config
	}
	if slices.ContainsFunc(found, func(e Existing) bool { return e.Compacted }) {
		return map[string]string{"cleanup.policy": "compact"}
	}
	return map[string]string{"retention.ms": "-1", "retention.bytes": "-1"}
}
