package api

import (
	"cmp"
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/broker/session"
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/isr"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/plan"
)

// errOldConsumer is a consumer of an old format on a topic that is not
// converted (message.downconversion.enable=false).
var errOldConsumer = errors.New("records are not converted for old consumers")

// find finds this broker's replica of a partition that a request names by topic
// name or, with an id, by that.
func (a *API) find(name []byte, id topic.ID, index int32) (*partition.Replica, error) {
	if name == nil {
		return a.findByID(id, index)
	}
	replica, err := a.Partitions.Find(name, index)
	if err != nil {
		return nil, a.notHere(name, index)
	}
	return replica, nil
}

func (a *API) findByID(id topic.ID, index int32) (*partition.Replica, error) {
	im := a.Image()
	t := im.TopicByID(id)
	if t == nil || id.IsZero() {
		return nil, plan.ErrUnknownTopicID
	}
	replica, err := a.Partitions.Get(checkpoint.Partition{Topic: t.Name, Index: index})
	switch {
	case err != nil && im.Partition(t.Name, index) != nil:
		return nil, partition.ErrNotLeader
	case err != nil:
		return nil, err
	case replica.TopicID() != id:
		return nil, partition.ErrInconsistentID
	}
	return replica, nil
}

// readRow fills a row with what a partition has from the offset on, as far as
// the answer has room. It returns whether records were left behind for another
// fetch.
func (a *API) readRow(c *fetchCall, row *fetchRow, replica *partition.Replica, ask session.Asked) (more bool) {
	from := len(c.out.aborted)
	got, err := a.read(c, row, replica, ask)
	if err == nil && c.q.version < 4 && got.Slice.Len() > 0 {
		err = c.convert(row, replica, &got, ask)
	}
	if err != nil {
		got.Slice.Release()
		a.refuseRow(c, row, err)
		row.noAborted = true
		return false
	}
	committed := c.q.isolation == 1
	c.out.aborted = got.Aborted
	slices.SortFunc(c.out.aborted[from:], func(x, y log.AbortedTxn) int { return cmp.Compare(x.FirstOffset, y.FirstOffset) })
	row.highWatermark, row.lastStable, row.logStart = got.HighWatermark, got.LastStable, got.StartOffset
	row.slice, row.diverging = got.Slice, got.Diverging
	row.aborted, row.noAborted = span{from, len(got.Aborted)}, !committed
	if row.diverging != nil || row.preferred >= 0 {
		c.urgent = true
		return false
	}
	c.count(row.bytes())
	return ask.Offset < c.bound(&got) || got.OutOfSync
}

// read reads for a follower or a consumer.
func (a *API) read(c *fetchCall, row *fetchRow, replica *partition.Replica, ask session.Asked) (partition.Reading, error) {
	q := partition.ReadRequest{
		Offset:           ask.Offset,
		MaxBytes:         min(int(ask.MaxBytes), c.left),
		MinOne:           c.minOne,
		Committed:        c.q.isolation == 1,
		LastFetchedEpoch: ask.LastFetchedEpoch,
		Aborted:          c.out.aborted,
	}
	switch {
	case c.q.replica >= 0:
		return a.readFollower(c, replica, ask, q)
	case ask.MaxBytes < 0:
		return partition.Reading{}, errIsolation
	case c.q.version < 11:
		leader, err := c.mayRead(replica, ask)
		if err != nil {
			return partition.Reading{}, err
		}
		return leader.Read(q)
	}
	if row.preferred = a.preferred(c, replica, ask); row.preferred >= 0 {
		q.MaxBytes, q.MinOne = 0, false
	}
	got, err := replica.Read(ask.LeaderEpoch, q)
	if errors.Is(err, log.ErrOffsetOutOfRange) && ask.Offset > got.EndOffset && c.q.rack == "" && !replica.Leads() {
		// Whoever has no rack takes this broker for the leader, which has been told
		// otherwise: it would begin anew at the earliest offset. Who has one has been
		// sent here, and goes back to the leader.
		err = partition.ErrNotLeader
	}
	return got, err
}

// readFollower reads to the end of the log, and notes what the fetch says about
// the follower.
func (a *API) readFollower(c *fetchCall, replica *partition.Replica, ask session.Asked, q partition.ReadRequest) (partition.Reading, error) {
	leader, err := replica.Leader(ask.LeaderEpoch)
	if err != nil {
		return partition.Reading{}, err
	}
	q.Committed = false
	if a.throttled(c, leader) {
		q.MaxBytes, q.MinOne = 0, false
	}
	got, err := leader.ReadFollower(partition.FollowerRead{Replica: c.q.replica, LeaderEpoch: ask.LeaderEpoch, ReadRequest: q})
	if err != nil || got.Diverging != nil || !c.first {
		return got, err
	}
	fetch := isr.Fetch{Offset: ask.Offset, Start: ask.LogStart, LeaderEnd: got.EndOffset, Epoch: c.q.replicaEpoch}
	if !leader.FollowerFetched(c.q.replica, fetch) {
		return got, partition.ErrNotLeader // its broker has had another life since (KIP-903)
	}
	got.HighWatermark = leader.HighWatermark() // the follower may have raised it
	return got, nil
}

// throttled says whether a follower has to wait, because others replicate as
// much as they may (KIP-73). One that is in sync never has to.
func (a *API) throttled(c *fetchCall, leader *partition.Leader) bool {
	if a.Cluster == nil || a.Cluster.Throttle == nil {
		return false
	}
	id := leader.Replica().ID()
	return a.Cluster.Throttle.Holds(id.Topic, id.Index) && a.Cluster.Throttle.Exceeded(a.Now()) &&
		!slices.Contains(leader.ISR(), c.q.replica)
}

// bound is the offset below which the reader may read.
func (c *fetchCall) bound(got *partition.Reading) int64 {
	switch {
	case c.q.replica >= 0:
		return got.EndOffset
	case c.q.isolation == 1:
		return got.LastStable
	}
	return got.HighWatermark
}

// mayRead finds the leader, if an old consumer may be served by it.
func (c *fetchCall) mayRead(replica *partition.Replica, ask session.Asked) (*partition.Leader, error) {
	leader, err := replica.Leader(ask.LeaderEpoch)
	if err != nil || c.q.version >= 10 {
		return leader, err
	}
	config := leader.Log().Config()
	switch {
	case config.CompressionType == "zstd":
		return nil, record.ErrUnsupportedCompression // KIP-110
	case c.q.version < 4 && !config.MessageDownconvert:
		return nil, errOldConsumer
	}
	return leader, nil
}

// refuseRow makes the row an error, which is told at once, and adds who leads
// the partition where it is not led here (KIP-951).
func (a *API) refuseRow(c *fetchCall, row *fetchRow, err error) {
	c.urgent = true
	row.refuse(err)
	switch {
	case row.code == kafkaStorage && c.q.version <= 5:
		row.code = kerr.NotLeaderForPartition.Code
	case c.q.version >= 16 && (row.code == kerr.NotLeaderForPartition.Code || row.code == kerr.FencedLeaderEpoch.Code):
		im := a.Image()
		if t := im.TopicByID(row.id); t != nil {
			row.hint = hintOf(im.Partition(t.Name, row.index))
			c.out.nodes = addEndpoint(c.out.nodes, im, row.hint, c.listener)
		}
	}
}

// count takes the bytes of a row off what the answer may still have.
func (c *fetchCall) count(n int) {
	c.got += n
	c.left = max(0, c.left-n)
	// Consumers before version 3 have a limit per partition only, and would be
	// stuck at a batch that is larger.
	c.minOne = c.minOne && n == 0 || c.q.version < 3 && c.left > 0
}

// convert puts the records that were read into the format of an old consumer.
// Records that it must not see at all (control batches) are passed over, since
// it would only ask for them again.
func (c *fetchCall) convert(row *fetchRow, replica *partition.Replica, got *partition.Reading, ask session.Asked) error {
	down := record.Down{From: ask.Offset, MaxInflated: replica.Log().Config().MaxInflatedBytes}
	if c.q.version >= 2 {
		down.Magic = 1
	}
	row.converted = true
	row.old = span{len(c.out.old), len(c.out.old)}
	for got.Slice.Len() > 0 {
		var err error
		c.raw, err = got.Slice.Bytes(c.raw[:0])
		got.Slice.Release()
		if err != nil {
			return err
		}
		c.out.old, err = record.Downconvert(c.out.old, c.raw, down, &c.work)
		row.old.to = len(c.out.old)
		if row.old.len() > 0 || err != nil {
			return errUnless(row.old.len() > 0, err)
		}
		next := behind(c.raw)
		if next <= down.From || next >= got.HighWatermark {
			return nil
		}
		down.From = next
		got.Slice, err = replica.Log().Read(log.ReadRequest{
			Offset: next, UpTo: got.HighWatermark, MaxBytes: max(int(ask.MaxBytes), 1), MinOne: true,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// errUnless is err unless something else is more worth telling.
func errUnless(other bool, err error) error {
	if other {
		return nil
	}
	return err
}

// behind is the offset behind the last whole batch of a set.
func behind(set []byte) int64 {
	next := int64(-1)
	for {
		b, rest, err := record.Next(set)
		if err != nil {
			return next
		}
		next, set = b.LastOffset()+1, rest
	}
}
