package client

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Header is one key and value beside a record. Keys may repeat.
type Header struct {
	Key   string
	Value []byte
}

// Record is one record of a topic. A nil Key or Value is null on the wire,
// which is not the same as empty.
type Record struct {
	Topic string
	// Partition and Offset say where a consumed record stood. A producer
	// ignores Offset, and uses Partition only with a manual partitioner.
	Partition int32
	Offset    int64
	// LeaderEpoch is the epoch of the leader that appended the record; -1
	// when unknown.
	LeaderEpoch int32
	// Timestamp has millisecond resolution; zero lets the producer stamp it.
	Timestamp time.Time
	Key       []byte
	Value     []byte
	Headers   []Header
}

// toWire returns the franz-go form of r.
func (r Record) toWire() *kgo.Record {
	k := &kgo.Record{Topic: r.Topic, Partition: r.Partition, Timestamp: r.Timestamp, Key: r.Key, Value: r.Value}
	for _, h := range r.Headers {
		k.Headers = append(k.Headers, kgo.RecordHeader{Key: h.Key, Value: h.Value})
	}
	return k
}

// fromWire returns what a consumer received in leat's form. The byte slices
// are shared, not copied.
func fromWire(k *kgo.Record) Record {
	r := Record{
		Topic: k.Topic, Partition: k.Partition, Offset: k.Offset, LeaderEpoch: k.LeaderEpoch,
		Timestamp: k.Timestamp, Key: k.Key, Value: k.Value,
	}
	for _, h := range k.Headers {
		r.Headers = append(r.Headers, Header{Key: h.Key, Value: h.Value})
	}
	return r
}
