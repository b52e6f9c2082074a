package api

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/partition"
)

// Timestamps that ask for an offset and not for a time.
const (
	latestOffset        = -1
	earliestOffset      = -2
	maxTimestamp        = -3 // of the record with the largest timestamp (KIP-734)
	earliestLocalOffset = -4 // of what is on this disk (KIP-405)
	latestTieredOffset  = -5 // of what is in remote storage (KIP-1005)
)

// What only ListOffsets refuses.
var (
	errTwice             = errors.New("the partition is listed twice")
	errTimestampVersion  = errors.New("special timestamp is not known in this version")
	errOffsetUnavailable = errors.New("the high watermark is not known yet in this leader epoch")
)

// listOffsets answers ListOffsets (2): the offset at a time, or at one of the
// special timestamps.
//
//	v0  a list: base offsets of the segments, newest first, behind the end
//	v1  one offset with its timestamp; -1 and -2
//	v2  isolation level: latest is the last stable offset
//	v4  leader epoch, in the request and of the offset (KIP-320)
//	v5  OFFSET_NOT_AVAILABLE while a new leader does not know its high watermark
//	v6  flexible
//	v7  -3, v8  -4, v9  -5
//
// A consumer is shown what is below its bound (high watermark or last stable
// offset) only, anybody with a replica id the whole log.
func (a *API) listOffsets(_ context.Context, r *server.Request, q *kmsg.ListOffsetsRequest) (*kmsg.ListOffsetsResponse, error) {
	out := kmsg.NewPtrListOffsetsResponse()
	twice := listedTwice(q)
	for i := range q.Topics {
		t := &q.Topics[i]
		row := kmsg.NewListOffsetsResponseTopic()
		row.Topic = t.Topic
		for j := range t.Partitions {
			p := &t.Partitions[j]
			l := lookup{version: r.Version, replica: q.ReplicaID, isolation: q.IsolationLevel, ask: p, now: r.Received}
			if twice[t.Topic][p.Partition] > 1 {
				l.err = errTwice
			} else {
				l.err = a.lookIn(&l, t.Topic)
			}
			row.Partitions = append(row.Partitions, l.answer())
		}
		out.Topics = append(out.Topics, row)
	}
	return out, nil
}

// listedTwice counts how often each partition is asked for.
func listedTwice(q *kmsg.ListOffsetsRequest) map[string]map[int32]int {
	out := make(map[string]map[int32]int, len(q.Topics))
	for _, t := range q.Topics {
		if out[t.Topic] == nil {
			out[t.Topic] = make(map[int32]int, len(t.Partitions))
		}
		for _, p := range t.Partitions {
			out[t.Topic][p.Partition]++
		}
	}
	return out
}

// lookup is one partition's question.
type lookup struct {
	version   int16
	replica   int32
	isolation int8
	ask       *kmsg.ListOffsetsRequestTopicPartition
	now       time.Time

	at  standing
	err error
}

// standing is a replica as it is looked at.
type standing struct {
	log   *log.Log
	epoch int32 // of its leader
	high  int64 // its high watermark
	// fresh: a new leader that does not know yet how far its log is committed.
	fresh bool
}

// offset is what a lookup found. The zero offset is not "none": see noOffset.
type offset struct {
	offset    int64
	timestamp int64
	epoch     int32
}

var noOffset = offset{offset: -1, timestamp: -1, epoch: -1}

// lookIn finds the replica that is asked.
func (a *API) lookIn(l *lookup, topic string) error {
	if l.isolation < 0 || l.isolation > 1 {
		return errIsolation
	}
	replica, err := a.find([]byte(topic), noID, l.ask.Partition)
	if err != nil {
		return err
	}
	epoch := int32(-1)
	if l.version >= 4 {
		epoch = l.ask.CurrentLeaderEpoch
	}
	l.at, err = standingOf(replica, epoch, l.replica)
	return err
}

// debugger is the replica id of one who looks into a replica, whatever its role.
const debugger int32 = -2

// standingOf is the leader's replica or, for a debugger, this broker's.
func standingOf(r *partition.Replica, epoch, asks int32) (standing, error) {
	leader, err := r.Leader(epoch)
	switch {
	case err == nil:
		return standing{log: leader.Log(), epoch: leader.Epoch(), high: leader.HighWatermark(), fresh: leader.Fresh()}, nil
	case asks != debugger || !errors.Is(err, partition.ErrNotLeader):
		return standing{}, err
	}
	follower, err := r.Follower(epoch)
	if err != nil {
		return standing{}, err
	}
	return standing{log: r.Log(), epoch: follower.Epoch(), high: follower.HighWatermark()}, nil
}

// answer makes the row.
func (l *lookup) answer() kmsg.ListOffsetsResponseTopicPartition {
	row := kmsg.NewListOffsetsResponseTopicPartition()
	row.Partition = l.ask.Partition
	if l.err == nil && l.version == 0 {
		row.OldStyleOffsets = l.segments()
	}
	found := noOffset
	if l.err == nil && l.version > 0 {
		found, l.err = l.find()
	}
	row.Offset, row.Timestamp, row.LeaderEpoch = found.offset, found.timestamp, found.epoch
	row.ErrorCode = codeOf(l.err)
	if errors.Is(l.err, errOffsetUnavailable) && l.version < 5 {
		row.ErrorCode = kerr.LeaderNotAvailable.Code
	}
	return row
}

// bound is the offset below which the one who asks may see records.
func (l *lookup) bound() int64 {
	switch {
	case l.replica >= 0:
		return l.at.log.EndOffset()
	case l.isolation == 1:
		return l.at.log.LastStableOffset(l.at.high)
	}
	return l.at.high
}

func (l *lookup) find() (offset, error) {
	if !specialSince(l.ask.Timestamp, l.version) {
		return noOffset, errTimestampVersion
	}
	lg, bound := l.at.log, l.bound()
	fresh := l.replica < 0 && l.at.fresh
	switch l.ask.Timestamp {
	case latestOffset:
		if fresh {
			return noOffset, errOffsetUnavailable
		}
		return offset{offset: bound, timestamp: -1, epoch: l.at.epoch}, nil
	case earliestOffset, earliestLocalOffset:
		start := lg.StartOffset()
		return offset{offset: start, timestamp: -1, epoch: lg.EpochAt(start)}, nil
	case latestTieredOffset:
		return noOffset, nil // nothing is in remote storage
	}
	found, ok, err := l.byTime(bound)
	switch {
	case err != nil:
		return noOffset, err
	case !ok && fresh:
		return noOffset, errOffsetUnavailable
	case !ok:
		return noOffset, nil
	}
	return offset{offset: found.Offset, timestamp: found.Timestamp, epoch: found.Epoch}, nil
}

// byTime finds the record with the largest timestamp, or the first from a time on.
func (l *lookup) byTime(bound int64) (log.Found, bool, error) {
	if l.ask.Timestamp == maxTimestamp {
		return l.at.log.OffsetOfMaxTimestamp(bound)
	}
	return l.at.log.OffsetForTimestamp(l.ask.Timestamp, bound)
}

// specialSince says whether a version knows a timestamp.
func specialSince(timestamp int64, version int16) bool {
	switch timestamp {
	case latestOffset, earliestOffset:
		return true
	case maxTimestamp:
		return version >= 7
	case earliestLocalOffset:
		return version >= 8
	case latestTieredOffset:
		return version >= 9
	}
	return timestamp >= 0
}

// segments answers version 0: base offsets of segments, newest first, behind
// the end of what may be read; by time, from the last one on that was written
// before it.
func (l *lookup) segments() []int64 {
	lg, bound := l.at.log, l.bound()
	all := lg.SegmentOffsets()
	if n := len(all); n > 0 && lg.EndOffset() > all[n-1].Base {
		all = append(all, log.SegmentOffset{Base: bound, Modified: l.now.UnixMilli()})
	}
	switch l.ask.Timestamp {
	case latestOffset:
	case earliestOffset:
		all = all[:min(1, len(all))]
	default:
		for len(all) > 0 && all[len(all)-1].Modified > l.ask.Timestamp {
			all = all[:len(all)-1]
		}
	}
	out := []int64{}
	for _, s := range slices.Backward(all) {
		if len(out) >= int(l.ask.MaxNumOffsets) {
			break
		}
		if base := max(s.Base, lg.StartOffset()); base <= bound {
			out = append(out, base)
		}
	}
	return out
}
