package controller

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// readers is how many nodes are read at the same time where each arms a watch.
const readers = 64

// getWatched reads nodes and arms a watch for each; a missing one has a negative
// Stat.Version.
func (t *term) getWatched(paths []string, watch func(i int) tree.Watch) ([]tree.Node, error) {
	nodes := make([]tree.Node, len(paths))
	errs := make([]error, min(readers, len(paths)))
	var next atomic.Int64
	var reading sync.WaitGroup
	for r := range errs {
		reading.Go(func() {
			for i := next.Add(1) - 1; i < int64(len(paths)) && errs[r] == nil; i = next.Add(1) - 1 {
				nodes[i], errs[r] = t.tree.Get(paths[i], watch(int(i)))
				if errors.Is(errs[r], tree.ErrNoNode) {
					nodes[i].Stat.Version, errs[r] = -1, nil
				}
			}
		})
	}
	reading.Wait()
	return nodes, errors.Join(errs...)
}

// brokers reads who is registered, and arms the watches for what changes.
func (t *term) brokers() ([]image.Broker, error) {
	names, _, err := t.tree.Children(znode.BrokerIDs, t.watch(brokersChanged, ""))
	if err != nil {
		return nil, err
	}
	nodes, err := t.tree.GetAll(below(znode.BrokerIDs, names))
	if err != nil {
		return nil, err
	}
	live := make([]image.Broker, 0, len(names))
	armed := make(map[int32]int64, len(names))
	for i, n := range nodes {
		id, err := strconv.ParseInt(names[i], 10, 32)
		if err != nil {
			t.c.o.Logger.Error("node under /brokers/ids is no broker's; it is left out", "name", names[i])
			continue
		}
		if epoch, known := t.watched.brokers[int32(id)]; n.Stat.Version >= 0 && (!known || epoch != n.Stat.Czxid) {
			n, err = t.tree.Get(znode.BrokerPath(int32(id)), t.brokerWatch(int32(id)))
			if err != nil && !errors.Is(err, tree.ErrNoNode) {
				return nil, err
			}
		}
		if err != nil || n.Stat.Version < 0 {
			continue // gone meanwhile; the watch of the list says so
		}
		b, err := znode.DecodeBroker(n.Data)
		if err != nil {
			t.c.o.Logger.Error("broker's registration cannot be read; it is left out", "broker", id, "error", err)
			continue
		}
		armed[int32(id)] = n.Stat.Czxid
		live = append(live, image.Broker{ID: int32(id), Epoch: n.Stat.Czxid, Rack: b.Rack, Endpoints: b.Endpoints})
	}
	t.watched.brokers = armed
	slices.SortFunc(live, func(a, b image.Broker) int { return int(a.ID) - int(b.ID) })
	return live, nil
}

// brokerWatch has the brokers looked at when a registration changes.
func (t *term) brokerWatch(id int32) tree.Watch {
	return func(tree.Event) {
		t.inbox.put(event{kind: brokerChanged, name: strconv.Itoa(int(id)), broker: id})
	}
}

// topics reads topics whole, and arms the watches of their nodes. Those that
// are gone or cannot be read are left out.
func (t *term) topics(names []string) ([]plan.FoundTopic, error) {
	nodes, err := t.getWatched(below(znode.Topics, names), func(i int) tree.Watch { return t.watch(topicChanged, names[i]) })
	if err != nil {
		return nil, err
	}
	configs, err := t.tree.GetAll(mapped(names, func(name string) string {
		return znode.ConfigPath(image.Entity{Type: image.TopicEntity, Name: name})
	}))
	if err != nil {
		return nil, err
	}
	found := make([]plan.FoundTopic, 0, len(names))
	var refs []plan.Ref
	for i, n := range nodes {
		f, ok := t.found(names[i], n)
		if !ok {
			continue
		}
		if config, err := znode.DecodeConfig(configs[i].Data); err != nil {
			t.c.o.Logger.Error("topic's configuration cannot be read; the topic has none", "topic", f.Name, "error", err)
		} else if config != nil {
			f.Config = config
		}
		for p := range f.Node.Partitions {
			refs = append(refs, plan.Ref{Topic: f.Name, Partition: int32(p)})
		}
		found = append(found, f)
	}
	return found, t.addStates(found, refs)
}

// found is a topic's own node, without what is elsewhere.
func (t *term) found(name string, n tree.Node) (plan.FoundTopic, bool) {
	if n.Stat.Version < 0 {
		delete(t.watched.topics, name)
		return plan.FoundTopic{}, false
	}
	t.watched.topics[name] = true
	z, err := znode.DecodeTopic(n.Data)
	if err != nil {
		t.c.o.Logger.Error("topic cannot be read; it is left out", "topic", name, "error", err)
		return plan.FoundTopic{}, false
	}
	return plan.FoundTopic{
		Name: name, Node: z, Version: n.Stat.Version,
		Config: map[string]string{}, States: map[int32]plan.FoundState{},
	}, true
}

// addStates reads the states of the topics' partitions.
func (t *term) addStates(found []plan.FoundTopic, refs []plan.Ref) error {
	states, err := t.states(refs)
	if err != nil {
		return err
	}
	at := 0
	for _, s := range states {
		for found[at].Name != s.Topic {
			at++
		}
		found[at].States[s.Partition] = s.FoundState
	}
	return nil
}

// states reads partition states, in order; missing ones are left out. One that
// cannot be read has no leader.
func (t *term) states(refs []plan.Ref) ([]plan.FoundPartition, error) {
	paths := make([]string, len(refs))
	for i, ref := range refs {
		paths[i] = znode.StatePath(ref.Topic, ref.Partition)
	}
	nodes, err := t.tree.GetAll(paths)
	if err != nil {
		return nil, err
	}
	out := make([]plan.FoundPartition, 0, len(refs))
	for i, n := range nodes {
		if n.Stat.Version < 0 {
			continue
		}
		s, err := znode.DecodeState(n.Data)
		if err != nil {
			t.c.o.Logger.Error("partition's state cannot be read; it has no leader", "path", paths[i], "error", err)
			s = znode.State{Leader: image.NoBroker, LeaderEpoch: -1}
		}
		out = append(out, plan.FoundPartition{Ref: refs[i], FoundState: plan.FoundState{State: s, Version: n.Stat.Version, Written: n.Stat.Mzxid}})
	}
	return out, nil
}

// makeFolders makes the nodes above the states of partitions that have none.
func (t *term) makeFolders(found []plan.FoundTopic) error {
	var paths []string
	for i := range found {
		f := &found[i]
		if len(f.States) == len(f.Node.Partitions) {
			continue
		}
		paths = append(paths, znode.PartitionsPath(f.Name))
		for p := range f.Node.Partitions {
			if _, led := f.States[int32(p)]; !led {
				paths = append(paths, znode.PartitionPath(f.Name, int32(p)))
			}
		}
	}
	nodes, err := t.tree.GetAll(paths)
	if err != nil {
		return err
	}
	var ops []tree.Op
	for i, n := range nodes {
		if n.Stat.Version < 0 {
			ops = append(ops, tree.Create(paths[i], nil, 0))
		}
	}
	return t.write(ops)
}

// below are the paths of children.
func below(path string, names []string) []string {
	return mapped(names, func(name string) string { return path + "/" + name })
}

func mapped(names []string, f func(string) string) []string {
	out := slices.Clone(names)
	for i, name := range names {
		out[i] = f(name)
	}
	return out
}
