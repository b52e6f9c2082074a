package sim

import (
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

const sessionTimeout = 2 * time.Second

var (
	errExpired = errors.New("session expired")
	errDeposed = errors.New("deposed")
)

type node struct {
	data    string
	version int32
	written int64 // zxid
}

// zookeeper is the tree: one copy, never away, with sessions that end.
type zookeeper struct {
	w          *world
	nodes      map[string]node
	zxid       int64
	registered map[int32]int64     // epoch by broker
	heard      map[int32]time.Time // of the session behind it
	controller int32               // who has the office, or NoBroker
	office     int64               // epoch of the broker that took it
	epoch      int32               // of the controller
}

func newZookeeper(w *world) *zookeeper {
	return &zookeeper{
		w: w, nodes: map[string]node{}, registered: map[int32]int64{}, heard: map[int32]time.Time{},
		controller: image.NoBroker,
	}
}

// register begins a session of a broker; an earlier one of it ends.
func (z *zookeeper) register(id int32) int64 {
	if z.controller == id {
		z.controller = image.NoBroker
	}
	z.zxid++
	z.registered[id], z.heard[id] = z.zxid, z.w.now
	z.w.tell("broker %d registers, epoch %d", id, z.zxid)
	z.changed()
	return z.zxid
}

// beat keeps a session alive.
func (z *zookeeper) beat(id int32, session int64) bool {
	if z.registered[id] != session {
		return false
	}
	z.heard[id] = z.w.now
	return true
}

// expire ends sessions that have not been heard of.
func (z *zookeeper) expire() {
	for _, id := range slices.Sorted(maps.Keys(z.registered)) {
		if z.w.now.Sub(z.heard[id]) > sessionTimeout {
			z.end(id)
		}
	}
	z.w.after(250*time.Millisecond, z.expire)
}

// end ends a broker's session.
func (z *zookeeper) end(id int32) {
	if _, there := z.registered[id]; !there {
		return
	}
	z.w.tell("session of broker %d ends", id)
	delete(z.registered, id)
	if z.controller == id {
		z.controller = image.NoBroker
	}
	z.changed()
}

// changed tells all brokers that can be reached that brokers or the controller
// have changed.
func (z *zookeeper) changed() {
	for _, b := range z.w.brokers {
		z.w.send(treeID, b.id, b.look)
	}
}

// elect gives a broker the office, if it is free.
func (z *zookeeper) elect(id int32, session int64) bool {
	if z.controller != image.NoBroker || z.registered[id] != session {
		return false
	}
	z.controller, z.office = id, session
	z.epoch++
	z.w.tell("broker %d is controller, epoch %d", id, z.epoch)
	return true
}

// multi carries out a controller's writes, all or none.
func (z *zookeeper) multi(id int32, session int64, epoch int32, ops []tree.Op) error {
	switch {
	case z.registered[id] != session:
		return errExpired
	case z.epoch != epoch:
		return errDeposed
	}
	changed := map[string]*node{}
	now := func(path string) (node, bool) {
		if n, ok := changed[path]; ok {
			return *n, true
		}
		n, ok := z.nodes[path]
		return n, ok
	}
	for _, op := range ops {
		n, there := now(op.Path)
		switch {
		case op.Kind == tree.OpCreate && !there:
			changed[op.Path] = &node{data: string(op.Data)}
		case op.Kind == tree.OpSet && there && (op.Version == tree.AnyVersion || op.Version == n.version):
			changed[op.Path] = &node{data: string(op.Data), version: n.version + 1}
		default:
			z.w.fail("the controller of epoch %d, the only one, meets a version it does not know: %s", epoch, op.Path)
			return errDeposed
		}
	}
	z.zxid++
	for _, path := range slices.Sorted(maps.Keys(changed)) {
		changed[path].written = z.zxid
		z.nodes[path] = *changed[path]
		if strings.HasSuffix(path, "/state") {
			z.w.tell("%s = %s", path, changed[path].data)
			z.w.checker.state(z.w, path, changed[path].data)
		}
	}
	return nil
}

// brokers are those that are registered.
func (z *zookeeper) brokers() []image.Broker {
	out := []image.Broker{}
	for _, id := range slices.Sorted(maps.Keys(z.registered)) {
		out = append(out, image.Broker{ID: id, Epoch: z.registered[id]})
	}
	return out
}

// picture is what a new controller reads.
func (z *zookeeper) picture() (*image.Image, plan.Read) {
	topics, r := map[string]*image.Topic{}, plan.Read{Written: map[plan.Ref]int64{}}
	for _, path := range slices.Sorted(maps.Keys(z.nodes)) {
		name, ok := strings.CutPrefix(path, znode.Topics+"/")
		if !ok || strings.Contains(name, "/") {
			continue
		}
		n, err := znode.DecodeTopic([]byte(z.nodes[path].data))
		if err != nil {
			z.w.fail("%s: %v", path, err)
			continue
		}
		f := plan.FoundTopic{Name: name, Node: n, Version: z.nodes[path].version, States: map[int32]plan.FoundState{}}
		for p := range n.Partitions {
			ref := plan.Ref{Topic: name, Partition: int32(p)}
			if s, n, ok := z.state(ref); ok {
				f.States[int32(p)] = plan.FoundState{State: s, Version: n.version, Written: n.written}
				r.Written[ref] = n.written
			}
		}
		topics[name] = plan.Topic(f)
	}
	epoch := z.epoch
	return image.Empty().With(image.Changes{ControllerEpoch: &epoch, Brokers: z.brokers(), Topics: topics}), r
}

// state is a partition's state, and its node.
func (z *zookeeper) state(ref plan.Ref) (znode.State, node, bool) {
	n, ok := z.nodes[znode.TopicPath(ref.Topic)+"/partitions/"+strconv.Itoa(int(ref.Partition))+"/state"]
	if !ok {
		return znode.State{}, node{}, false
	}
	s, err := znode.DecodeState([]byte(n.data))
	if err != nil {
		z.w.fail("%v: %v", ref, err)
	}
	return s, n, true
}
