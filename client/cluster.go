package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Node is a broker that is alive.
type Node struct {
	ID       int32  `json:"id"`
	Endpoint string `json:"endpoint"` // of the listener that was asked
	Rack     string `json:"rack,omitempty"`
	// Replicas are the partitions it has, Leaders those it leads, Preferred those
	// it leads when nothing is wrong.
	Replicas  int `json:"replicas"`
	Leaders   int `json:"leaders"`
	Preferred int `json:"preferred"`
}

// PartitionState is a partition that is worth a look.
type PartitionState struct {
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Leader    int32   `json:"leader"` // -1: none
	Replicas  []int32 `json:"replicas"`
	ISR       []int32 `json:"isr"`
	MinISR    int     `json:"min_isr"` // min.insync.replicas of the topic, which may be more than it has
}

// Name is topic-partition.
func (p PartitionState) Name() string { return fmt.Sprintf("%s-%d", p.Topic, p.Partition) }

// needs is how many replicas must be in sync for acks=all: no more than there are.
func (p PartitionState) needs() int { return min(p.MinISR, len(p.Replicas)) }

// offline says that nobody leads it.
func (p PartitionState) offline() bool { return p.Leader < 0 }

// Cluster is the state of a cluster as a broker sees it.
type Cluster struct {
	ID         string           `json:"cluster_id"`
	Controller int32            `json:"controller"` // -1: none
	Brokers    []Node           `json:"brokers"`
	Topics     int              `json:"topics"`
	Partitions []PartitionState `json:"-"`

	UnderReplicated []PartitionState `json:"under_replicated"` // fewer in sync than replicas
	UnderMinISR     []PartitionState `json:"under_min_isr"`    // fewer in sync than acks=all needs
	Offline         []PartitionState `json:"offline"`          // without a leader
	// Imbalance is the percentage of partitions that another broker leads than
	// the first of their replicas.
	Imbalance float64 `json:"leader_imbalance_percent"`
}

// Cluster describes the cluster, internal topics included.
func (a *Admin) Cluster(ctx context.Context) (Cluster, error) {
	const op = "describe the cluster"
	m, err := a.kadm.Metadata(ctx)
	if err != nil {
		return Cluster{}, a.config.wrap(op, err)
	}
	c := Cluster{ID: m.Cluster, Controller: m.Controller, Topics: len(m.Topics),
		UnderReplicated: []PartitionState{}, UnderMinISR: []PartitionState{}, Offline: []PartitionState{}}
	nodes := make(map[int32]*Node, len(m.Brokers))
	for _, b := range m.Brokers {
		n := &Node{ID: b.NodeID, Endpoint: net.JoinHostPort(b.Host, strconv.Itoa(int(b.Port)))}
		if b.Rack != nil {
			n.Rack = *b.Rack
		}
		nodes[n.ID] = n
	}
	minISR, err := a.minISR(ctx, m.Topics.Names())
	if err != nil {
		return Cluster{}, a.config.wrap(op, err)
	}
	for _, t := range m.Topics.Sorted() {
		for _, p := range t.Partitions.Sorted() {
			s := PartitionState{Topic: t.Topic, Partition: p.Partition, Leader: p.Leader, Replicas: p.Replicas, ISR: p.ISR, MinISR: minISR[t.Topic]}
			c.add(s, nodes)
		}
	}
	for _, n := range nodes {
		c.Brokers = append(c.Brokers, *n)
	}
	slices.SortFunc(c.Brokers, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	c.balance()
	return c, nil
}

// add counts a partition.
func (c *Cluster) add(p PartitionState, nodes map[int32]*Node) {
	c.Partitions = append(c.Partitions, p)
	for i, id := range p.Replicas {
		n := nodes[id]
		if n == nil {
			continue
		}
		n.Replicas++
		if i == 0 {
			n.Preferred++
		}
		if id == p.Leader {
			n.Leaders++
		}
	}
	if len(p.ISR) < len(p.Replicas) {
		c.UnderReplicated = append(c.UnderReplicated, p)
	}
	if len(p.ISR) < p.needs() {
		c.UnderMinISR = append(c.UnderMinISR, p)
	}
	if p.offline() {
		c.Offline = append(c.Offline, p)
	}
}

func (c *Cluster) balance() {
	away := 0
	for _, p := range c.Partitions {
		if len(p.Replicas) > 0 && p.Leader != p.Replicas[0] {
			away++
		}
	}
	if len(c.Partitions) > 0 {
		c.Imbalance = 100 * float64(away) / float64(len(c.Partitions))
	}
}

// minISR asks for min.insync.replicas of topics.
func (a *Admin) minISR(ctx context.Context, topics []string) (map[string]int, error) {
	if len(topics) == 0 {
		return nil, nil
	}
	req := kmsg.NewPtrDescribeConfigsRequest()
	for _, topic := range topics {
		r := kmsg.NewDescribeConfigsRequestResource()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeTopic, topic
		r.ConfigNames = []string{"min.insync.replicas"}
		req.Resources = append(req.Resources, r)
	}
	resp, err := req.RequestWith(ctx, a.kgo)
	if err != nil {
		return nil, err
	}
	all := make(map[string]int, len(topics))
	for _, r := range resp.Resources {
		if err := kerr.ErrorForCode(r.ErrorCode); err != nil && !errors.Is(err, kerr.UnknownTopicOrPartition) {
			return nil, err
		}
		for _, c := range r.Configs {
			if c.Value == nil {
				continue
			}
			if all[r.ResourceName], err = strconv.Atoi(*c.Value); err != nil {
				return nil, fmt.Errorf("min.insync.replicas of %s: %w", r.ResourceName, err)
			}
		}
	}
	return all, nil
}

// Obstacle is a partition for whose sake a broker should not be stopped now.
type Obstacle struct {
	PartitionState
	Why string `json:"why"`
}

// Obstacles lists the partitions that would have no leader, or fewer replicas in
// sync than acks=all needs, if a broker were stopped. None means that it
// is safe.
func (c *Cluster) Obstacles(broker int32) []Obstacle {
	obstacles := []Obstacle{}
	for _, p := range c.Partitions {
		left := slices.DeleteFunc(slices.Clone(p.ISR), func(id int32) bool { return id == broker })
		why := ""
		switch {
		case p.offline():
			why = "has no leader even now"
		case len(left) == 0:
			why = "would have no leader"
		case len(p.ISR) < p.needs():
			why = fmt.Sprintf("has %d in sync even now, and min.insync.replicas is %d", len(p.ISR), p.MinISR)
		case len(left) < p.needs():
			why = fmt.Sprintf("would have %d in sync, and min.insync.replicas is %d", len(left), p.MinISR)
		}
		if why != "" {
			obstacles = append(obstacles, Obstacle{p, why})
		}
	}
	return obstacles
}

// Has says whether a broker is alive.
func (c *Cluster) Has(broker int32) bool {
	return slices.ContainsFunc(c.Brokers, func(n Node) bool { return n.ID == broker })
}
