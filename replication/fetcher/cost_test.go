package fetcher

import (
	"context"
	"encoding/binary"
	"io"
	"log/slog"
	"net"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/client/wire"
	"github.com/leatmq/leat/log/checkpoint"
)

// sink is a replica that takes everything and keeps nothing.
type sink struct{ end atomic.Int64 }

func (s *sink) StartOffset() int64                     { return 0 }
func (s *sink) EndOffset() int64                       { return s.end.Load() }
func (s *sink) HighWatermark() int64                   { return 0 }
func (s *sink) LatestEpoch() int32                     { return 1 }
func (s *sink) EndOffsetForEpoch(int32) (int32, int64) { return 1, 0 }
func (s *sink) Truncate(int64) error                   { return nil }
func (s *sink) RestartAt(int64) error                  { return nil }
func (s *sink) Advance(int64, int64) error             { return nil }
func (s *sink) SyncDue() bool                          { return false }
func (s *sink) Sync() error                            { return nil }
func (s *sink) Copy(at int64, set []byte) (int64, error) {
	return s.end.Add(1), nil
}

// canned answers every Fetch with the same rows, up to so many times, and as
// often as it is told to. It allocates nothing.
type canned struct {
	frame []byte // of a fetch's answer
	more  chan struct{}
}

func newCanned(partitions, bytes int) *canned {
	k := kmsg.NewPtrFetchResponse()
	k.Version, k.SessionID = 17, 1
	topic := kmsg.NewFetchResponseTopic()
	topic.TopicID = [16]byte{1}
	for i := range int32(partitions) {
		p := kmsg.NewFetchResponseTopicPartition()
		p.Partition, p.RecordBatches = i, make([]byte, bytes)
		topic.Partitions = append(topic.Partitions, p)
	}
	k.Topics = append(k.Topics, topic)
	frame := k.AppendTo(make([]byte, 9))
	binary.BigEndian.PutUint32(frame, uint32(len(frame)-4))
	return &canned{frame: frame, more: make(chan struct{})}
}

func (l *canned) serve(c net.Conn) {
	defer c.Close()
	versions := kmsg.NewPtrApiVersionsResponse()
	versions.Version = 3
	versions.ApiKeys = []kmsg.ApiVersionsResponseApiKey{{ApiKey: 1, MaxVersion: 17}}
	hello := versions.AppendTo(make([]byte, 8))
	binary.BigEndian.PutUint32(hello, uint32(len(hello)-4))
	in := make([]byte, 1<<20)
	for {
		if _, err := io.ReadFull(c, in[:4]); err != nil {
			return
		}
		if _, err := io.ReadFull(c, in[4:4+binary.BigEndian.Uint32(in)]); err != nil {
			return
		}
		out := hello
		if in[5] == keyFetch {
			if _, ok := <-l.more; !ok {
				return
			}
			out = l.frame
		}
		copy(out[4:8], in[8:12])
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

// fetching runs a fetcher against a canned leader, and returns what lets it do
// one more fetch.
func fetching(tb testing.TB, partitions, bytes int) (once func()) {
	tb.Helper()
	l := newCanned(partitions, bytes)
	listener, err := net.Listen("tcp", "localhost:0")
	require.NoError(tb, err)
	pool := wire.NewPool(wire.Options{})
	var logs sink
	f := New(Options{
		BrokerID: 1, Pool: pool, Logger: slog.New(slog.DiscardHandler),
		Broker:   func(id int32) (wire.Node, bool) { return wire.Node{ID: id, Addr: listener.Addr().String()}, true },
		Replica:  func(checkpoint.Partition, int32) (Replica, error) { return &logs, nil },
		Settings: func() Settings { return Settings{MaxWait: time.Second, MaxBytes: 10 << 20, Backoff: time.Second} },
	})
	var list []Following
	for i := range int32(partitions) {
		list = append(list, Following{Partition: checkpoint.Partition{Topic: "t", Index: i}, TopicID: [16]byte{1}, Leader: 2})
	}
	f.Follow(list...)
	ctx, cancel := context.WithCancel(tb.Context())
	var all sync.WaitGroup
	all.Go(func() {
		c, err := listener.Accept()
		if err != nil {
			tb.Error(err)
			return
		}
		l.serve(c)
	})
	all.Go(func() {
		if err := f.Run(ctx); err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(func() { cancel(); close(l.more); all.Wait(); listener.Close(); pool.Close() })
	return func() { l.more <- struct{}{} }
}

// TestAFetchAllocatesLittle bounds what a fetch of many partitions with data
// costs: nothing by partition or byte, a little by fetch.
func TestAFetchAllocatesLittle(t *testing.T) {
	for _, partitions := range []int{1, 100} {
		once := fetching(t, partitions, 1000)
		for range 50 {
			once()
		}
		const fetches = 500
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range fetches {
			once()
		}
		runtime.ReadMemStats(&after)
		require.LessOrEqual(t, float64(after.Mallocs-before.Mallocs)/fetches, 12.0, "%d partitions", partitions)
		require.LessOrEqual(t, float64(after.TotalAlloc-before.TotalAlloc)/fetches, 2000.0, "%d partitions", partitions)
	}
}

func BenchmarkFetch(b *testing.B) {
	for _, c := range []struct {
		name              string
		partitions, bytes int
	}{{"1x16KiB", 1, 16 << 10}, {"16x64KiB", 16, 64 << 10}, {"100x1KiB", 100, 1 << 10}, {"1000xEmpty", 1000, 0}} {
		b.Run(c.name, func(b *testing.B) {
			once := fetching(b, c.partitions, c.bytes)
			once()
			b.SetBytes(int64(c.partitions * c.bytes))
			b.ReportAllocs()
			for b.Loop() {
				once()
			}
		})
	}
}
