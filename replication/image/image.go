// Package image is an immutable picture of the cluster: its live brokers, its
// topics with who leads each partition, and the configurations kept in the
// tree. Metadata is answered from it, and the controller decides by it.
//
// A picture never changes. With(Changes) gives the next one, sharing whatever
// stayed: a topic that did not change is the same pointer in both. So a reader
// takes one picture at the start of a request and needs no lock, and whoever
// caches something made of a topic may key it by the pointer.
//
//	Image ── Brokers      sorted by id
//	      ── topics       sorted by name ──┐
//	      ── ids          sorted by id  ───┴→ *Topic ── Partitions (index = number)
//	      ── configs      brokers, clients, users, ips (topics carry their own)
package image

import (
	"slices"
	"strings"

	"github.com/leatmq/leat/partition/topic"
)

// NoBroker stands where a broker id is expected and there is none.
const NoBroker int32 = -1

// Image is one picture of the cluster. Nothing in it may be modified.
type Image struct {
	ClusterID       string
	Controller      int32 // NoBroker while none is elected
	ControllerEpoch int32
	FeatureEpoch    int64 // version of /feature, -1 when there is none

	brokers   []Broker // sorted by ID
	shutting  []int32  // sorted ids of brokers that are shutting down
	topics    []*Topic // sorted by Name
	ids       []*Topic // the same topics, sorted by ID; those without an ID are left out
	deleting  []string // sorted names of topics marked for deletion, no longer in topics
	deletions map[string]*Deletion
	configs   map[Entity]map[string]string
}

// Empty is the picture before anything is known.
func Empty() *Image { return &Image{Controller: NoBroker, FeatureEpoch: -1} }

// Broker is a registered, live broker.
type Broker struct {
	ID        int32
	Epoch     int64  // czxid of its registration
	Rack      string // empty: none
	Endpoints []Endpoint
}

// Endpoint is where one listener of a broker is reached.
type Endpoint struct {
	Listener string
	Protocol string // PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL
	Host     string
	Port     int32
}

// Endpoint returns the broker's endpoint of a listener.
func (b *Broker) Endpoint(listener string) (Endpoint, bool) {
	for _, e := range b.Endpoints {
		if e.Listener == listener {
			return e, true
		}
	}
	return Endpoint{}, false
}

// Topic is one topic. Config holds its own overrides only.
type Topic struct {
	Name       string
	ID         topic.ID
	Internal   bool
	Partitions []Partition // index = partition number
	Config     map[string]string
	Version    int32 // of the topic's znode
}

// Partition is who holds a partition and who leads it.
//
// Invariants: ISR is a subset of Replicas; Leader is in ISR or NoBroker.
type Partition struct {
	Replicas        []int32 // the whole list; its first is the preferred leader
	Adding          []int32 // part of Replicas while a reassignment runs
	Removing        []int32 // part of Replicas while a reassignment runs
	ISR             []int32
	Leader          int32
	LeaderEpoch     int32
	PartitionEpoch  int32   // version of the state znode; -1: no state yet
	ControllerEpoch int32   // of the controller that decided it
	Offline         []int32 // replicas whose disk failed
	// Recovering says that the leader was elected from outside the in-sync set
	// and has not yet said that it is done with what that means (KIP-704).
	Recovering bool
	// Origin is what Replicas was when the reassignment under way began, in its
	// order: what a cancellation brings back. Nil: Replicas less Adding.
	Origin []int32
}

// Deletion is what is still to be done about a topic marked for deletion.
type Deletion struct {
	Topic *Topic    // as it was when it was marked
	Left  [][]int32 // by partition: the brokers whose replica is not yet known to be gone
}

// Done says whether no replica is left.
func (d *Deletion) Done() bool {
	for _, ids := range d.Left {
		if len(ids) > 0 {
			return false
		}
	}
	return true
}

// Reassigning says whether a reassignment of the partition is under way.
func (p *Partition) Reassigning() bool { return len(p.Adding) > 0 || len(p.Removing) > 0 }

// Brokers returns the live brokers, sorted by id.
func (im *Image) Brokers() []Broker { return im.brokers }

// Broker returns a live broker.
func (im *Image) Broker(id int32) (*Broker, bool) {
	i, ok := slices.BinarySearchFunc(im.brokers, id, func(b Broker, id int32) int { return int(b.ID) - int(id) })
	if !ok {
		return nil, false
	}
	return &im.brokers[i], true
}

// ShuttingDown says whether the broker, still registered, has asked to be
// relieved of its partitions.
func (im *Image) ShuttingDown(id int32) bool {
	_, ok := slices.BinarySearch(im.shutting, id)
	return ok
}

// BrokersShuttingDown returns the sorted ids of brokers that are shutting down.
func (im *Image) BrokersShuttingDown() []int32 { return im.shutting }

// Topics returns all topics, sorted by name.
func (im *Image) Topics() []*Topic { return im.topics }

// Topic returns the topic of a name, nil if there is none. A topic being
// deleted is none.
func (im *Image) Topic(name string) *Topic {
	i, ok := searchName(im.topics, name)
	if !ok {
		return nil
	}
	return im.topics[i]
}

// TopicByID returns the topic of an id, nil if there is none.
func (im *Image) TopicByID(id topic.ID) *Topic {
	i, ok := searchID(im.ids, id)
	if !ok {
		return nil
	}
	return im.ids[i]
}

// Partition returns a partition, nil if the topic or the number is unknown.
func (im *Image) Partition(name string, number int32) *Partition {
	t := im.Topic(name)
	if t == nil || number < 0 || int(number) >= len(t.Partitions) {
		return nil
	}
	return &t.Partitions[number]
}

// Deleting says whether the topic is marked for deletion and not yet gone.
func (im *Image) Deleting(name string) bool {
	_, ok := slices.BinarySearch(im.deleting, name)
	return ok
}

// DeletingTopics returns the sorted names of topics marked for deletion.
func (im *Image) DeletingTopics() []string { return im.deleting }

// Deletion returns what is left of a deletion, nil if it is not known: only the
// controller's own picture knows.
func (im *Image) Deletion(name string) *Deletion { return im.deletions[name] }

func searchName(topics []*Topic, name string) (int, bool) {
	return slices.BinarySearchFunc(topics, name, func(t *Topic, name string) int { return strings.Compare(t.Name, name) })
}

func searchID(topics []*Topic, id topic.ID) (int, bool) {
	return slices.BinarySearchFunc(topics, id, func(t *Topic, id topic.ID) int { return t.ID.Compare(id) })
}

// Find is Topic for a name that is still in a request's buffer. It allocates
// nothing.
func (im *Image) Find(name []byte) *Topic {
	low, high := 0, len(im.topics)
	for low < high {
		middle := (low + high) / 2
		switch t := im.topics[middle]; {
		case t.Name < string(name):
			low = middle + 1
		case t.Name == string(name):
			return t
		default:
			high = middle
		}
	}
	return nil
}
