// Package transfer moves a cluster's state from one coordination tree to
// another while no broker runs: from a single node's file into ZooKeeper, and
// back.
//
//	Compare  reads both trees, refuses what must not be, says what will change
//	Run      makes the target like the source, node by node, and the cluster's id last
//
// Carried over is what is persistent and below the folders of a cluster. Left
// behind are who is registered, who is controller, and notifications, which mean
// something to running brokers only. Data stays byte for byte. Versions begin
// anew; nothing outside the tree remembers them.
//
// A Run that was interrupted can be run again: in a target that was empty the
// cluster's id is missing until all the rest is there.
package transfer

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// The reasons to refuse.
var (
	ErrNoCluster    = errors.New("holds no cluster")
	ErrOtherCluster = errors.New("holds another cluster")
	ErrHoldsCluster = errors.New("holds this cluster already")
	ErrRunning      = errors.New("has running brokers")
)

// roots are the folders of a cluster. Others in the same tree are not touched.
var roots = []string{
	"/admin", "/brokers", "/cluster", "/config", "/consumers", "/controller_epoch", "/delegation_token", "/feature",
	"/isr_change_notification", "/kafka-acl", "/kafka-acl-changes", "/kafka-acl-extended", "/kafka-acl-extended-changes",
	"/latest_producer_id_block", "/log_dir_event_notification", "/migration",
}

// notices are folders that are carried over empty.
var notices = []string{
	znode.BrokerIDs, znode.ConfigChanges, znode.IsrChanges, znode.LogDirEvents,
	"/kafka-acl-changes", "/kafka-acl-extended-changes", "/delegation_token/token_changes",
}

// Change is one difference of the target from the source.
type Change struct {
	Op   tree.OpKind `json:"-"`
	Path string      `json:"path"`
	data []byte
}

// Plan is what Run will do.
type Plan struct {
	ClusterID string
	Nodes     int // of the source
	Topics    int
	Bytes     int
	Changes   []Change

	target tree.Tree
}

// Options narrow what is allowed.
type Options struct {
	// Force allows a target that holds the same cluster already: it becomes
	// like the source, and what the source does not have goes.
	Force bool
	// ClusterID is demanded of the source unless it is empty.
	ClusterID string
}

// Compare plans the transfer between two trees that no broker uses.
func Compare(source, target tree.Tree, o Options) (*Plan, error) {
	from, err := snapshot(source)
	if err != nil {
		return nil, fmt.Errorf("the source: %w", err)
	}
	to, err := snapshot(target)
	if err != nil {
		return nil, fmt.Errorf("the target: %w", err)
	}
	p := &Plan{target: target, Nodes: len(from)}
	if p.ClusterID, err = check(from, to, o); err != nil {
		return nil, err
	}
	for path, data := range from {
		p.Bytes += len(data)
		if tree.Parent(path) == znode.Topics {
			p.Topics++
		}
	}
	p.Changes = differences(from, to)
	return p, nil
}

// check refuses what must not be.
func check(from, to map[string][]byte, o Options) (clusterID string, err error) {
	text, there := from[znode.ClusterIDPath]
	if !there {
		return "", fmt.Errorf("the source %w", ErrNoCluster)
	}
	if clusterID, err = znode.DecodeClusterID(text); err != nil {
		return "", fmt.Errorf("the source: %w", err)
	}
	if o.ClusterID != "" && clusterID != o.ClusterID {
		return "", fmt.Errorf("the source %w: %s, not %s", ErrOtherCluster, clusterID, o.ClusterID)
	}
	text, there = to[znode.ClusterIDPath]
	if !there {
		for path := range to {
			if tree.Parent(path) == znode.Topics && from[path] == nil {
				return "", fmt.Errorf("the target %w, without an id, with topic %s", ErrOtherCluster, strings.TrimPrefix(path, znode.Topics+"/"))
			}
		}
		return clusterID, nil
	}
	other, err := znode.DecodeClusterID(text)
	switch {
	case err != nil:
		return "", fmt.Errorf("the target: %w", err)
	case other != clusterID:
		return "", fmt.Errorf("the target %w: %s, not %s", ErrOtherCluster, other, clusterID)
	case !o.Force:
		return "", fmt.Errorf("the target %w", ErrHoldsCluster)
	}
	return clusterID, nil
}

// snapshot reads what there is to carry over: path to data.
func snapshot(t tree.Tree) (map[string][]byte, error) {
	running, _, err := t.Children(znode.BrokerIDs, nil)
	if err != nil && !errors.Is(err, tree.ErrNoNode) {
		return nil, err
	}
	if len(running) > 0 {
		return nil, fmt.Errorf("%w: %s", ErrRunning, strings.Join(running, ", "))
	}
	all := make(map[string][]byte)
	for _, root := range roots {
		paths, err := tree.Subtree(t, root)
		if err != nil {
			return nil, err
		}
		paths = slices.DeleteFunc(paths, func(path string) bool { return slices.Contains(notices, tree.Parent(path)) })
		nodes, err := t.GetAll(paths)
		if err != nil {
			return nil, err
		}
		for i, n := range nodes {
			if n.Stat.Version >= 0 && n.Stat.EphemeralOwner == 0 {
				all[paths[i]] = n.Data
			}
		}
	}
	return all, nil
}

// differences lists what makes `to` like `from`: what must go, children first,
// then what is made or set, parents first, and the cluster's id last.
func differences(from, to map[string][]byte) []Change {
	var gone, made []Change
	for path := range to {
		if _, there := from[path]; !there {
			gone = append(gone, Change{Op: tree.OpDelete, Path: path})
		}
	}
	for path, data := range from {
		old, there := to[path]
		switch {
		case !there:
			made = append(made, Change{Op: tree.OpCreate, Path: path, data: data})
		case !bytes.Equal(old, data):
			made = append(made, Change{Op: tree.OpSet, Path: path, data: data})
		}
	}
	slices.SortFunc(gone, func(a, b Change) int { return strings.Compare(b.Path, a.Path) })
	slices.SortFunc(made, func(a, b Change) int {
		if a.Path == znode.ClusterIDPath || b.Path == znode.ClusterIDPath {
			return map[bool]int{true: 1, false: -1}[a.Path == znode.ClusterIDPath]
		}
		return strings.Compare(a.Path, b.Path)
	})
	return append(gone, made...)
}

// A multi is bounded: a server takes about a megabyte at once.
const (
	maxOps   = 500
	maxBytes = 500_000
)

// Run does what was planned. After each step it tells how many changes are done.
func (p *Plan) Run(progress func(done int)) error {
	var ops []tree.Op
	size, done := 0, 0
	flush := func() error {
		if len(ops) == 0 {
			return nil
		}
		if _, err := p.target.Multi(ops...); err != nil {
			return err
		}
		done += len(ops)
		progress(done)
		ops, size = ops[:0], 0
		return nil
	}
	for _, c := range p.Changes {
		if c.Path == znode.ClusterIDPath || len(ops) == maxOps || size+len(c.data) > maxBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		size += len(c.Path) + len(c.data)
		ops = append(ops, tree.Op{Kind: c.Op, Path: c.Path, Data: c.data, Version: tree.AnyVersion})
	}
	return flush()
}

// Foreign lists the partitions of a tree with replicas on other brokers than
// this one: what a single node cannot take over.
func Foreign(t tree.Tree, broker int32) ([]string, error) {
	topics, _, err := t.Children(znode.Topics, nil)
	if err != nil && !errors.Is(err, tree.ErrNoNode) {
		return nil, err
	}
	paths := make([]string, len(topics))
	for i, topic := range topics {
		paths[i] = znode.TopicPath(topic)
	}
	nodes, err := t.GetAll(paths)
	if err != nil {
		return nil, err
	}
	var foreign []string
	for i, n := range nodes {
		if n.Stat.Version < 0 {
			continue
		}
		topic, err := znode.DecodeTopic(n.Data)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", paths[i], err)
		}
		for partition, replicas := range topic.Partitions {
			if !slices.Equal(replicas, []int32{broker}) {
				foreign = append(foreign, fmt.Sprintf("%s-%d", topics[i], partition))
			}
		}
	}
	slices.Sort(foreign)
	return foreign, nil
}
