package api

import (
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/session"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/topic"
)

// fetchRequest is a decoded Fetch. It points into the request's buffer.
type fetchRequest struct {
	fetchTerms
	parts     []fetchPart
	forgotten []fetchPart // only what names a partition
	lastRack  string      // of the call's last request
}

// fetchTerms is what a Fetch asks of its answer as a whole. It outlives the
// request's buffer.
type fetchTerms struct {
	version      int16
	replica      int32 // -1: a consumer
	replicaEpoch int64 // of the follower's registration, from version 15 on; -1: it does not say
	maxWaitMs    int32
	minBytes     int32
	maxBytes     int32
	isolation    int8
	sessionID    int32
	sessionEpoch int32
	rack         string // of the consumer, from version 11 on; empty: it does not say
}

// fetchPart is what a Fetch asks of one partition.
type fetchPart struct {
	topic []byte   // up to version 12
	id    topic.ID // from version 13 on
	index int32
	session.Asked

	// Without a session: where it is read, nil if it is listed again later.
	replica *partition.Replica
	err     error
}

// decode reads a request into q, whose slices are used again.
//
//	v0   replica, wait, bytes, topics
//	v3   + most bytes of the whole answer
//	v4   + isolation level
//	v5   + log start offset, which only followers know
//	v7   + fetch session and forgotten partitions (KIP-227)
//	v9   + leader epoch (KIP-320)
//	v11  + rack (KIP-392)
//	v12  flexible; + epoch of the last record fetched, cluster id
//	v13  topic ids instead of names (KIP-516)
//	v15  the replica goes into a tagged field (KIP-903)
//	v17  + directory id of a follower
func (q *fetchRequest) decode(body []byte, version int16) error {
	q.fetchTerms = fetchTerms{version: version, replica: -1, replicaEpoch: -1, maxBytes: math.MaxInt32, sessionEpoch: session.Final}
	q.parts, q.forgotten = q.parts[:0], q.forgotten[:0]
	r := reader{rest: body, flexible: version >= flexibleFrom(kmsg.Fetch), elements: elementsIn(body)}
	if version <= 14 {
		q.replica = r.int32()
	}
	q.maxWaitMs = r.int32()
	q.minBytes = r.int32()
	if version >= 3 {
		q.maxBytes = r.int32()
	}
	if version >= 4 {
		q.isolation = r.int8()
	}
	if version >= 7 {
		q.sessionID = r.int32()
		q.sessionEpoch = r.int32()
	}
	q.topics(&r)
	if version >= 7 {
		q.forgets(&r)
	}
	if version >= 11 {
		q.rack = q.keepRack(r.str())
	}
	q.replicaState(&r)
	if r.err != nil {
		return fmt.Errorf("version %d of Fetch: %w", version, r.err)
	}
	return nil
}

func (q *fetchRequest) topics(r *reader) {
	for range r.array() {
		name, id := q.topicName(r)
		for range r.array() {
			p := fetchPart{topic: name, id: id}
			p.LeaderEpoch, p.LastFetchedEpoch, p.LogStart = -1, -1, -1
			p.index = r.int32()
			if q.version >= 9 {
				p.LeaderEpoch = r.int32()
			}
			p.Offset = r.int64()
			if q.version >= 12 {
				p.LastFetchedEpoch = r.int32()
			}
			if q.version >= 5 {
				p.LogStart = r.int64()
			}
			p.MaxBytes = r.int32()
			r.tags(nil)
			if r.err != nil {
				return
			}
			q.parts = append(q.parts, p)
		}
		r.tags(nil)
	}
}

func (q *fetchRequest) forgets(r *reader) {
	for range r.array() {
		name, id := q.topicName(r)
		for range r.array() {
			q.forgotten = append(q.forgotten, fetchPart{topic: name, id: id, index: r.int32()})
			if r.err != nil {
				return
			}
		}
		r.tags(nil)
	}
}

func (q *fetchRequest) topicName(r *reader) (name []byte, id topic.ID) {
	if q.version >= 13 {
		return nil, r.uuid()
	}
	return r.str(), topic.ID{}
}

// keepRack is a rack as a string. A consumer says the same one with every fetch
// of its connection, and most say none.
func (q *fetchRequest) keepRack(b []byte) string {
	if string(b) == q.lastRack {
		return q.lastRack
	}
	q.lastRack = string(b)
	return q.lastRack
}

// replicaState reads the tagged fields of the body, of which tag 1 tells who
// fetches from version 15 on.
func (q *fetchRequest) replicaState(r *reader) {
	const state = 1
	if q.version < 15 {
		r.tags(nil)
		return
	}
	r.tags(func(tag int, b []byte) {
		if tag != state {
			return
		}
		in := reader{rest: b, flexible: true}
		q.replica = in.int32()
		q.replicaEpoch = in.int64()
		in.tags(nil)
		if in.err != nil {
			r.fail(in.err)
		}
	})
}

// byID says whether topics are named by their ids.
func (q *fetchTerms) byID() bool { return q.version >= 13 }
