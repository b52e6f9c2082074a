package plan

import (
	"maps"
	"slices"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// DeleteTopics marks topics for deletion and orders their replicas to go. Once
// they have gone, ForgetTopics ends the deletion; a controller that takes office
// in between finds the marks and begins again.
//
//	there ──DeleteTopics──→ marked, not in the picture ──ForgetTopics──→ gone
func DeleteTopics(im *image.Image, refs []TopicRef, s Settings) (Step, []TopicResult) {
	d := newDraft(im, s)
	results := make([]TopicResult, len(refs))
	done := map[string]bool{}
	for i, ref := range refs {
		results[i] = TopicResult{Name: ref.Name, ID: ref.ID}
		if !s.DeleteTopics {
			results[i].Err = refuse(ErrDeletionDisabled, "Topic deletion is disabled.")
			continue
		}
		t := d.resolve(ref)
		switch {
		case t != nil:
			results[i].Name, results[i].ID = t.Name, t.ID
		case ref.Name == "":
			results[i].Err = refuse(ErrUnknownTopicID, "This server does not host this topic ID.")
			continue
		default:
			results[i].Err = refuse(ErrUnknownTopic, "This server does not host this topic-partition.")
			continue
		}
		if !done[t.Name] {
			done[t.Name] = true
			d.mark(t)
		}
	}
	return d.finish(), results
}

// resolve finds the topic as it is before the step: naming it twice is fine.
func (d *draft) resolve(ref TopicRef) *image.Topic {
	if ref.Name != "" {
		return d.im.Topic(ref.Name)
	}
	return d.im.TopicByID(ref.ID)
}

func (d *draft) mark(t *image.Topic) {
	d.write(tree.Create(znode.DeleteTopicPath(t.Name), nil, 0))
	d.remove(t)
}

// remove takes a marked topic out of the picture and orders its replicas to go.
// If one is out of reach the topic's nodes stay until it comes back; they then
// say that nobody leads.
func (d *draft) remove(t *image.Topic) {
	del := &image.Deletion{Topic: t, Left: make([][]int32, len(t.Partitions))}
	reachable := true
	for number := range t.Partitions {
		del.Left[number] = t.Partitions[number].Replicas
		for _, id := range t.Partitions[number].Replicas {
			reachable = reachable && d.registered(id)
		}
	}
	if !reachable {
		del.Topic = d.unlead(t)
	}
	d.topics[t.Name] = nil
	if d.step.Changes.Deleting == nil {
		d.step.Changes.Deleting = map[string]bool{}
		d.step.Changes.Deletions = map[string]*image.Deletion{}
	}
	d.step.Changes.Deleting[t.Name] = true
	d.step.Changes.Deletions[t.Name] = del
	for number := range t.Partitions {
		for _, id := range t.Partitions[number].Replicas {
			d.deleteOrder(t, int32(number), id)
		}
	}
}

// unlead takes the leaders from a topic's partitions.
func (d *draft) unlead(t *image.Topic) *image.Topic {
	t = d.edit(t.Name)
	for number := range t.Partitions {
		if t.Partitions[number].Leader != image.NoBroker {
			d.setLeader(t, int32(number), image.NoBroker)
		}
	}
	return t
}

func (d *draft) deleteOrder(t *image.Topic, number, broker int32) {
	if d.registered(broker) {
		d.order(Order{Kind: Delete, Broker: broker, Topic: t.Name, Partition: number, TopicID: t.ID})
	}
}

// deleteOn orders brokers that have come to delete what they have of deleted
// topics.
func (d *draft) deleteOn(brokers []int32) {
	for _, name := range d.im.DeletingTopics() {
		del := d.im.Deletion(name)
		if del == nil {
			continue
		}
		for number, left := range del.Left {
			for _, id := range left {
				if slices.Contains(brokers, id) {
					d.deleteOrder(del.Topic, int32(number), id)
				}
			}
		}
	}
}

// foundMark obeys one mark.
func (d *draft) foundMark(name string) {
	t := d.topic(name)
	switch {
	case d.im.Deleting(name):
	case t == nil || !d.s.DeleteTopics:
		d.write(tree.Delete(znode.DeleteTopicPath(name), tree.AnyVersion))
	default:
		d.remove(t)
	}
}

// DeletionsFound decides about marks for deletion that are in the tree, of
// topics that the picture still has. Marks of topics that nobody knows are
// removed, and all of them if deletion is switched off.
func DeletionsFound(im *image.Image, names []string, s Settings) Step {
	d := newDraft(im, s)
	for _, name := range names {
		d.foundMark(name)
	}
	return d.finish()
}

// ReplicasDeleted notes what a broker has made of orders to delete: errs has an
// error, or nil, for each of the refs. done are the topics of which no replica
// is left; ForgetTopics ends their deletion. Where deleting failed it is
// ordered again when the broker comes back. Replicas that no deleted topic had
// are ignored.
func ReplicasDeleted(im *image.Image, broker int32, refs []Ref, errs []error) (step Step, done []string) {
	touched := map[string]*image.Deletion{}
	for i, ref := range refs {
		if errs[i] == nil {
			replicaGone(im, touched, broker, ref)
		}
	}
	if len(touched) > 0 {
		step.Changes.Deletions = touched
	}
	for _, name := range slices.Sorted(maps.Keys(touched)) {
		if touched[name].Done() {
			done = append(done, name)
		}
	}
	return step, done
}

func replicaGone(im *image.Image, touched map[string]*image.Deletion, broker int32, ref Ref) {
	del := touched[ref.Topic]
	if del == nil {
		was := im.Deletion(ref.Topic)
		if was == nil {
			return
		}
		del = &image.Deletion{Topic: was.Topic, Left: slices.Clone(was.Left)}
		touched[ref.Topic] = del
	}
	if ref.Partition >= 0 && int(ref.Partition) < len(del.Left) {
		del.Left[ref.Partition] = without(del.Left[ref.Partition], []int32{broker})
	}
}

// DeletionsDone are the topics marked for deletion of which no replica is left.
func DeletionsDone(im *image.Image) []string {
	var done []string
	for _, name := range im.DeletingTopics() {
		if d := im.Deletion(name); d != nil && d.Done() {
			done = append(done, name)
		}
	}
	return done
}

// Remains is what the tree still has of a topic marked for deletion: its nodes
// below /brokers/topics, children before parents, and whether it has a
// configuration.
type Remains struct {
	Name   string
	Nodes  []string
	Config bool
}

// ForgetTopics ends deletions: the topics' configurations go, their nodes, and
// last the marks. A controller that finds the beginning of that deletes the rest:
// of a mark without a topic it would not know what else there is. The names are
// free again.
func ForgetTopics(gone []Remains) Step {
	var s Step
	s.Changes.Deleting = map[string]bool{}
	for _, r := range gone {
		if r.Config {
			path := znode.ConfigPath(image.Entity{Type: image.TopicEntity, Name: r.Name})
			s.Writes = append(s.Writes, tree.Delete(path, tree.AnyVersion))
		}
		for _, path := range r.Nodes {
			s.Writes = append(s.Writes, tree.Delete(path, tree.AnyVersion))
		}
		s.Writes = append(s.Writes, tree.Delete(znode.DeleteTopicPath(r.Name), tree.AnyVersion))
		s.Changes.Deleting[r.Name] = false
	}
	return s
}
