package api_test

import (
	"encoding/binary"
	"sync"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Producers and tailing consumers at once: every consumer gets every offset
// once, in order, and no wake-up is lost (each poll would wait for a minute).
func TestTailingConsumersMissNothing(t *testing.T) {
	for name, o := range map[string]options{"plain": {}, "group commit": {groupCommit: true}} {
		t.Run(name, func(t *testing.T) {
			const partitions, producers, batches = 4, 3, 150
			n := startWith(t, o)
			n.topic("t", partitions)
			var all sync.WaitGroup
			for i := range producers {
				c := n.connect()
				all.Go(func() { produceMany(c, int32(i), partitions, batches) })
			}
			for _, version := range []int16{4, 7, 12, 17} {
				c := n.connect()
				all.Go(func() { consumeAll(c, version, partitions, producers*batches) })
			}
			all.Wait()
		})
	}
}

// produceMany sends batches of one record to partitions in turn, five requests
// under way.
func produceMany(c *client, first int32, partitions, batches int) {
	q := kmsg.NewPtrProduceRequest()
	q.SetVersion(9)
	q.Acks, q.TimeoutMillis = -1, 60_000
	total, sent := batches*partitions, 0
	for got := 0; got < total; got++ {
		for ; sent < total && sent-got < 5; sent++ {
			q.Topics = nil
			addRecords(q, "t", (first+int32(sent))%int32(partitions), batch(1))
			c.send(q)
		}
		frame := c.frame()
		if frame == nil || binary.BigEndian.Uint32(frame) != uint32(got+1) {
			c.t.Errorf("answer %d is missing", got+1)
			return
		}
	}
}

// consumeAll reads every partition up to an offset, with a session where the
// version has them.
func consumeAll(c *client, version int16, partitions int, upTo int) {
	next := make([]int64, partitions)
	changed := make([]int32, 0, partitions)
	for i := range next {
		changed = append(changed, int32(i))
	}
	var id, epoch int32
	for left := partitions * upTo; left > 0; {
		q := kmsg.NewPtrFetchRequest()
		q.MaxWaitMillis, q.MinBytes, q.MaxBytes = 60_000, 1, 5000
		q.SessionID, q.SessionEpoch = id, epoch
		for _, i := range changed {
			addPartition(q, "t", i, next[i])
		}
		a := ask[*kmsg.FetchResponse](c, version, q)
		if a.ErrorCode != 0 || len(a.Topics) == 0 {
			c.t.Errorf("code %d, %d topics", a.ErrorCode, len(a.Topics))
			return
		}
		if version >= 7 {
			id, epoch, changed = a.SessionID, epoch+1, changed[:0]
		}
		for _, p := range a.Topics[0].Partitions {
			for _, offset := range offsets(p.RecordBatches) {
				if offset != next[p.Partition] {
					c.t.Errorf("offset %d of partition %d, want %d", offset, p.Partition, next[p.Partition])
					return
				}
				next[p.Partition]++
				left--
			}
			if version >= 7 {
				changed = append(changed, p.Partition)
			}
		}
	}
}
