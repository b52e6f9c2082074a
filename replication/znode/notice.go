package znode

import "strconv"

// Partition is a partition that a node names.
type Partition struct {
	Topic     string
	Partition int32
}

// Move is one partition of /admin/reassign_partitions, and where it is to lie.
type Move struct {
	Partition
	Replicas []int32
}

// LogDirEvent says that a broker has lost a log directory. Which one, and what
// lay there, its answers will show.
type LogDirEvent struct{ Broker int32 }

// Prefixes of notifications, before their sequence numbers.
const (
	IsrChangePrefix   = IsrChanges + "/isr_change_"
	LogDirEventPrefix = LogDirEvents + "/log_dir_event_"
)

// partitions is the JSON of nodes that list partitions.
type partitions struct {
	Partitions []struct {
		Topic     string  `json:"topic"`
		Partition int32   `json:"partition"`
		Replicas  []int32 `json:"replicas"`
	} `json:"partitions"`
}

// EncodeReassign writes /admin/reassign_partitions, version 1.
func EncodeReassign(moves []Move) []byte {
	b := []byte(`{"version":1,"partitions":[`)
	for i, m := range moves {
		b = appendPartition(b, i, m.Partition)
		b = append(appendInts(append(b, `,"replicas":`...), m.Replicas), '}')
	}
	return append(b, ']', '}')
}

// DecodeReassign reads version 1. A partition named twice counts as it stands
// first.
func DecodeReassign(data []byte) ([]Move, error) {
	var j partitions
	if err := decode("reassignment", data, &j); err != nil {
		return nil, err
	}
	seen := make(map[Partition]bool, len(j.Partitions))
	moves := make([]Move, 0, len(j.Partitions))
	for _, p := range j.Partitions {
		m := Move{Partition: Partition{Topic: p.Topic, Partition: p.Partition}, Replicas: p.Replicas}
		if m.Replicas == nil {
			m.Replicas = []int32{}
		}
		if !seen[m.Partition] {
			seen[m.Partition] = true
			moves = append(moves, m)
		}
	}
	return moves, nil
}

// EncodePartitions writes a list of partitions, version 1:
// /admin/preferred_replica_election and the children of
// /isr_change_notification.
func EncodePartitions(list []Partition) []byte {
	b := []byte(`{"version":1,"partitions":[`)
	for i, p := range list {
		b = append(appendPartition(b, i, p), '}')
	}
	return append(b, ']', '}')
}

// appendPartition begins the object of a partition in a list.
func appendPartition(b []byte, i int, p Partition) []byte {
	if i > 0 {
		b = append(b, ',')
	}
	b = appendString(append(b, `{"topic":`...), p.Topic)
	return strconv.AppendInt(append(b, `,"partition":`...), int64(p.Partition), 10)
}

// DecodePreferred reads /admin/preferred_replica_election, version 1.
func DecodePreferred(data []byte) ([]Partition, error) {
	return decodePartitions("preferred election", data)
}

// DecodeISRChange reads a child of /isr_change_notification, version 1.
func DecodeISRChange(data []byte) ([]Partition, error) {
	return decodePartitions("isr change", data)
}

func decodePartitions(what string, data []byte) ([]Partition, error) {
	var j partitions
	if err := decode(what, data, &j); err != nil {
		return nil, err
	}
	list := make([]Partition, len(j.Partitions))
	for i, p := range j.Partitions {
		list[i] = Partition{Topic: p.Topic, Partition: p.Partition}
	}
	return list, nil
}

// EncodeLogDirEvent writes a child of /log_dir_event_notification, version 1.
func EncodeLogDirEvent(e LogDirEvent) []byte {
	b := strconv.AppendInt([]byte(`{"version":1,"broker":`), int64(e.Broker), 10)
	return append(b, `,"event":1}`...)
}

// DecodeLogDirEvent reads version 1.
func DecodeLogDirEvent(data []byte) (LogDirEvent, error) {
	var j struct {
		Broker int32 `json:"broker"`
	}
	if err := decode("log directory event", data, &j); err != nil {
		return LogDirEvent{}, err
	}
	return LogDirEvent{Broker: j.Broker}, nil
}
