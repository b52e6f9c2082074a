package fetcher

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// The versions of ListOffsets that are spoken; the first is the first with
// leader epochs.
const (
	keyListOffsets   = 2
	leastListOffsets = 4
	mostListOffsets  = 9
)

// Timestamps that ask for an end of the log.
const (
	latest   = -1
	earliest = -2
)

// relocate finds out where to go on when the leader does not have the offset that
// was asked for. If its log ends before, it was elected without having been in
// sync: what it does not have goes. If it begins behind this log's end, this log
// begins anew there. An error is one of the connection.
func (l *loop) relocate(ctx context.Context, p *part) error {
	before := p.at
	end, code, err := l.ask(ctx, p, latest)
	if err != nil || code != 0 {
		return l.unrelocated(p, code, err)
	}
	if end < p.at.offset {
		l.log.Warn("the leader's log ends before the follower's: what it does not have is lost", "partition", p.a.Partition.String(),
			"from", p.at.offset, "to", end, "leaderEpoch", p.leaderEpoch)
		return l.moved(p, before, p.replica.Truncate(end))
	}
	start, code, err := l.ask(ctx, p, earliest)
	if err != nil || code != 0 {
		return l.unrelocated(p, code, err)
	}
	if start > p.at.offset {
		l.log.Info("the leader has deleted what the follower lacks: it begins anew", "partition", p.a.Partition.String(),
			"from", p.at.offset, "to", start, "leaderEpoch", p.leaderEpoch)
		return l.moved(p, before, p.replica.RestartAt(start))
	}
	return l.moved(p, before, nil)
}

// unrelocated is what comes of a question that was not answered.
func (l *loop) unrelocated(p *part, code int16, err error) error {
	if err == nil {
		l.refused(p, kerr.ErrorForCode(code))
	}
	return err
}

// moved goes on after the log was changed.
func (l *loop) moved(p *part, before position, err error) error {
	if err != nil {
		l.hurt(p, err)
		return nil
	}
	if p.look(); p.at == before {
		l.delay(p, kerr.OffsetOutOfRange)
		return nil
	}
	l.change(p)
	return nil
}

// ask asks the leader for an end of its log.
func (l *loop) ask(ctx context.Context, p *part, which int64) (offset int64, code int16, err error) {
	if err := l.connect(ctx); err != nil { // the fetch may have been cut short when its answer had come
		return 0, 0, err
	}
	if l.listOffsets == 0 {
		return 0, 0, fmt.Errorf("the leader does not serve ListOffsets in versions %d to %d", leastListOffsets, mostListOffsets)
	}
	req, resp := kmsg.NewPtrListOffsetsRequest(), kmsg.NewPtrListOffsetsResponse()
	req.Version = l.listOffsets
	req.ReplicaID = l.f.o.BrokerID
	part := kmsg.NewListOffsetsRequestTopicPartition()
	part.Partition, part.CurrentLeaderEpoch, part.Timestamp = p.key.index, p.leaderEpoch, which
	topic := kmsg.NewListOffsetsRequestTopic()
	topic.Topic = p.key.topic
	topic.Partitions = append(topic.Partitions, part)
	req.Topics = append(req.Topics, topic)
	if _, err := l.conn.Do(ctx, req, resp, nil); err != nil {
		return 0, 0, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, 0, fmt.Errorf("ListOffsets about one partition was not answered with one")
	}
	got := resp.Topics[0].Partitions[0]
	return got.Offset, got.ErrorCode, nil
}
