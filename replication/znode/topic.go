package znode

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
)

// Topic is an assignment, version 3. Adding and Removing hold only partitions
// that are being reassigned.
type Topic struct {
	ID         topic.ID // zero in clusters older than 2.8
	Partitions [][]int32
	Adding     map[int32][]int32
	Removing   map[int32][]int32
	// Origin is the order that the replicas of a partition had before its
	// reassignment, where the lists above do not tell: they give the target's
	// order. Kafka neither writes nor reads it.
	Origin map[int32][]int32
}

// EncodeTopic writes version 3.
func EncodeTopic(n Topic) []byte {
	b := []byte(`{"partitions":{`)
	for p, replicas := range n.Partitions {
		if p > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(strconv.AppendInt(b, int64(p), 10), '"', ':')
		b = appendInts(b, replicas)
	}
	b = append(b, '}')
	if !n.ID.IsZero() {
		b = appendString(append(b, `,"topic_id":`...), n.ID.String())
	}
	b = appendReplicaMap(append(b, `,"adding_replicas":`...), n.Adding)
	b = appendReplicaMap(append(b, `,"removing_replicas":`...), n.Removing)
	if len(n.Origin) > 0 {
		b = appendReplicaMap(append(b, `,"original_replicas":`...), n.Origin)
	}
	return append(b, `,"version":3}`...)
}

func appendReplicaMap(b []byte, m map[int32][]int32) []byte {
	b = append(b, '{')
	for i, p := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(strconv.AppendInt(b, int64(p), 10), '"', ':')
		b = appendInts(b, m[p])
	}
	return append(b, '}')
}

// DecodeTopic reads versions 1 to 3. The partitions must be numbered from 0
// without a gap.
func DecodeTopic(data []byte) (Topic, error) {
	var j struct {
		ID         string            `json:"topic_id"`
		Partitions map[int32][]int32 `json:"partitions"`
		Adding     map[int32][]int32 `json:"adding_replicas"`
		Removing   map[int32][]int32 `json:"removing_replicas"`
		Origin     map[int32][]int32 `json:"original_replicas"`
	}
	if err := decode("topic", data, &j); err != nil {
		return Topic{}, err
	}
	n := Topic{Partitions: make([][]int32, len(j.Partitions)), Adding: j.Adding, Removing: j.Removing, Origin: j.Origin}
	for p, replicas := range j.Partitions {
		if p < 0 || int(p) >= len(n.Partitions) {
			return Topic{}, fmt.Errorf("topic: %w: partition %d of %d", ErrMalformed, p, len(n.Partitions))
		}
		n.Partitions[p] = replicas
	}
	if j.ID == "" {
		return n, nil
	}
	id, err := topic.ParseID(j.ID)
	if err != nil {
		return Topic{}, fmt.Errorf("topic: %w: %w", ErrMalformed, err)
	}
	n.ID = id
	return n, nil
}

// TopicOf is the node of a topic of the image.
func TopicOf(t *image.Topic) Topic {
	n := Topic{ID: t.ID, Partitions: make([][]int32, len(t.Partitions))}
	for i := range t.Partitions {
		p := &t.Partitions[i]
		n.Partitions[i] = p.Replicas
		if len(p.Adding) > 0 {
			n.Adding = with(n.Adding, int32(i), p.Adding)
		}
		if len(p.Removing) > 0 {
			n.Removing = with(n.Removing, int32(i), p.Removing)
		}
		if p.Reassigning() && p.Origin != nil && !inOrder(p) {
			n.Origin = with(n.Origin, int32(i), p.Origin)
		}
	}
	return n
}

// inOrder says whether the replicas less the added ones stand in the order of
// before the reassignment.
func inOrder(p *image.Partition) bool {
	i := 0
	for _, id := range p.Replicas {
		if slices.Contains(p.Adding, id) {
			continue
		}
		if i == len(p.Origin) || p.Origin[i] != id {
			return false
		}
		i++
	}
	return i == len(p.Origin)
}

func with(m map[int32][]int32, p int32, replicas []int32) map[int32][]int32 {
	if m == nil {
		m = make(map[int32][]int32)
	}
	m[p] = replicas
	return m
}

// State is who leads a partition. Its node's version is the partition epoch.
type State struct {
	ControllerEpoch int32
	Leader          int32 // image.NoBroker: none
	LeaderEpoch     int32
	ISR             []int32
	Recovering      bool // elected uncleanly and not yet recovered (KIP-704)
}

// EncodeState writes version 1.
func EncodeState(s State) []byte {
	b := make([]byte, 0, 96)
	b = strconv.AppendInt(append(b, `{"controller_epoch":`...), int64(s.ControllerEpoch), 10)
	b = strconv.AppendInt(append(b, `,"leader":`...), int64(s.Leader), 10)
	b = strconv.AppendInt(append(b, `,"version":1,"leader_epoch":`...), int64(s.LeaderEpoch), 10)
	b = appendInts(append(b, `,"isr":`...), s.ISR)
	if s.Recovering {
		b = append(b, `,"leader_recovery_state":1`...)
	}
	return append(b, '}')
}

// DecodeState reads version 1.
func DecodeState(data []byte) (State, error) {
	var j struct {
		ControllerEpoch int32   `json:"controller_epoch"`
		Leader          int32   `json:"leader"`
		LeaderEpoch     int32   `json:"leader_epoch"`
		ISR             []int32 `json:"isr"`
		Recovery        int     `json:"leader_recovery_state"`
	}
	if s, ok := parseState(data); ok {
		return s, nil
	}
	if err := decode("state", data, &j); err != nil {
		return State{}, err
	}
	return State{
		ControllerEpoch: j.ControllerEpoch, Leader: j.Leader, LeaderEpoch: j.LeaderEpoch,
		ISR: j.ISR, Recovering: j.Recovery == 1,
	}, nil
}

// StateOf is the node of a partition of the image.
func StateOf(p *image.Partition) State {
	return State{ControllerEpoch: p.ControllerEpoch, Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, ISR: p.ISR, Recovering: p.Recovering}
}
