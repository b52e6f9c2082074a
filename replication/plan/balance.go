package plan

import (
	"slices"

	"github.com/leatmq/leat/replication/image"
)

// Rebalance gives partitions back to their preferred leaders, for each broker
// that does not lead more than percentage of the partitions it is preferred
// for. Partitions under reassignment are left alone.
func Rebalance(im *image.Image, percentage int32, s Settings) Step {
	preferred, strayed := map[int32]int{}, map[int32]int{}
	eachLed(im, func(_ *image.Topic, _ int32, p *image.Partition) {
		preferred[p.Replicas[0]]++
		if p.Leader != p.Replicas[0] {
			strayed[p.Replicas[0]]++
		}
	})
	d := newDraft(im, s)
	eachLed(im, func(t *image.Topic, number int32, p *image.Partition) {
		id := p.Replicas[0]
		imbalanced := int64(strayed[id])*100 > int64(preferred[id])*int64(percentage)
		if imbalanced && p.Leader != id && !p.Reassigning() && d.live(p, id) && slices.Contains(p.ISR, id) {
			d.setLeader(d.edit(t.Name), number, id)
		}
	})
	return d.finish()
}

// eachLed visits the partitions that have ever had a leader.
func eachLed(im *image.Image, visit func(*image.Topic, int32, *image.Partition)) {
	for _, t := range im.Topics() {
		for i := range t.Partitions {
			if p := &t.Partitions[i]; p.PartitionEpoch >= 0 && len(p.Replicas) > 0 {
				visit(t, int32(i), p)
			}
		}
	}
}
