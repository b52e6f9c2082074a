package group

import (
	"maps"
	"slices"
)

// removal is the record of offsets that are deleted, and of the group itself where nothing is
// left of it.
type removal struct {
	partitions []Partition
	dies       bool
	answer     func(Code) // told how it went; may be nil
}

// forget asks for offsets to be deleted. An empty group that has none left then dies.
func (g *Group) forget(t *Turn, partitions []Partition, answer func(Code)) {
	left := -len(partitions)
	for _, topic := range g.offsets {
		left += len(topic)
	}
	dies := g.State() == Empty && left == 0 && len(g.open) == 0 && len(g.pending) == 0
	g.delete(t, &removal{partitions, dies, answer})
}

// erase asks for the group to be deleted, with all that it has.
func (g *Group) erase(t *Turn, answer func(Code)) {
	var all []Partition
	for p := range g.offsets.all() {
		all = append(all, p)
	}
	g.delete(t, &removal{all, true, answer})
}

// delete asks for a removal to be written. A group has a record of its own from its first
// generation on.
func (g *Group) delete(t *Turn, r *removal) {
	for _, p := range r.partitions {
		t.eraseOffset(g.id, p)
	}
	if r.dies && g.generation > 0 {
		t.eraseGroup(g.id)
	}
	t.write = r
	if len(t.Records) == 0 {
		t.write = nil
		r.written(t, Appended{})
	}
}

func (r *removal) written(t *Turn, w Appended) {
	g := t.group
	if w.Fault == NoFault {
		for _, p := range r.partitions {
			g.offsets.remove(p)
		}
		if r.dies {
			g.phase = dead{}
			t.note(g, "gone", "")
		}
	}
	if r.answer != nil {
		r.answer(w.Fault.Committing())
	}
}

// expired are the offsets that nobody has used for as long as they are kept. Which time counts
// depends on who uses the group:
//
//	members have left      since the group is empty
//	consumers are stable   since the commit, for topics that none of them reads any more
//	never had members      since the commit
//
// An offset that says itself when it expires does so then, but not under a stable group that
// reads it.
func (g *Group) expired(t *Turn) (out []Partition) {
	now, keep := t.Now.UnixMilli(), t.Config.Retention.Milliseconds()
	emptied := g.protocolType != "" && g.State() == Empty
	abandoned := g.protocolType == consumerType && g.State() == Stable && g.topics.known
	if !emptied && !abandoned && g.protocolType != "" {
		return nil
	}
	for p, v := range g.offsets.all() {
		if abandoned && g.topics.has(p.Topic) {
			continue
		}
		since := v.CommitMs
		if emptied && g.sinceMs >= 0 {
			since = g.sinceMs
		}
		if v.ExpireMs >= 0 && now >= v.ExpireMs || v.ExpireMs < 0 && now-since >= keep {
			out = append(out, p)
		}
	}
	return out
}

// ofTopic are the partitions of a topic whose offsets were committed by then, in order.
func (g *Group) ofTopic(name string, byMs int64) (out []Partition) {
	for _, index := range slices.Sorted(maps.Keys(g.offsets[name])) {
		if g.offsets[name][index].CommitMs <= byMs {
			out = append(out, Partition{name, index})
		}
	}
	return out
}
