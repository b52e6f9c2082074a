package fetcher_test

import (
	"context"
	"fmt"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/vfs/crashfs"
	"github.com/leatmq/leat/partition"
)

// leads makes node 1 answer from the real leader of a log with a story, so that
// what a fetch acknowledges raises the high watermark.
func (w *world) leads(p checkpoint.Partition, epoch int32, story string) *partition.Leader {
	w.t.Helper()
	const id = 1
	n := w.nodes[id]
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.set == nil {
		dirs, err := dir.Open([]string{"/data"}, dir.Options{FS: crashfs.New(crashfs.Options{}), Logger: quiet, BrokerID: id, MinFree: -1})
		require.NoError(w.t, err)
		n.set = partition.NewSet(partition.Options{Dirs: dirs, Logger: quiet})
		l, err := dirs.Create(p, dir.NewLog{TopicID: idOf(p.Topic), Config: log.DefaultConfig(), Fresh: true})
		require.NoError(w.t, err)
		grow(w.t, l, story)
		w.t.Cleanup(func() { require.NoError(w.t, dirs.Close(context.Background())) })
	}
	config := log.DefaultConfig()
	config.MinInsyncReplicas = 2
	require.NoError(w.t, n.set.Lead(p, partition.State{
		TopicID: idOf(p.Topic), Leader: id, LeaderEpoch: epoch, Replicas: []int32{id, 9}, ISR: []int32{id, 9}, Config: config, New: true,
	}))
	r, err := n.set.Get(p)
	require.NoError(w.t, err)
	l, err := r.Leader(epoch)
	require.NoError(w.t, err)
	x := &led{log: l.Log(), id: idOf(p.Topic), epoch: epoch, leader: l}
	n.parts[p] = x
	return l
}

func TestFetchingOnAcknowledges(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.leads(p0, 0, "")
		w.follow(p0, 1, 0)
		elapse(time.Second)
		began := time.Now()
		var producing sync.WaitGroup
		for i := range 10 {
			producing.Go(func() {
				done, err := leader.Append(batch(t, fmt.Sprint(i)), partition.AppendOptions{ProduceVersion: 9, Acks: -1})
				w.nodes[1].do(func() {})
				if err == nil {
					err = leader.Wait(t.Context(), done.LastOffset+1)
				}
				if err != nil {
					t.Error(err)
				}
			})
		}
		producing.Wait()
		synctest.Wait()
		require.Zero(t, time.Since(began), "without any long poll's end")
		w.same(p0, 1)
		require.EqualValues(t, 10, leader.HighWatermark())
	})
}

// TestDivergingFromARealLeader has the cases of TestDivergingLogsBecomeOne
// answered by a partition.Leader.
func TestDivergingFromARealLeader(t *testing.T) {
	for _, c := range divergences {
		t.Run(c.name, func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				leader := w.leads(p0, c.epoch, c.leader)
				grow(t, w.log(p0), c.follower)
				require.NoError(t, w.order(p0, 1, c.epoch).Advance(c.high, 0))
				w.shortest = w.log(p0).EndOffset()
				w.follow(p0, 1, c.epoch)
				elapse(time.Second)
				w.same(p0, 1)
				require.GreaterOrEqual(t, w.shortest, min(c.least, w.log(p0).EndOffset()))
				require.Equal(t, leader.Log().EndOffset(), leader.HighWatermark(), "the follower has all")
				elapse(time.Second)
				require.Equal(t, leader.HighWatermark(), w.high(p0))
			})
		})
	}
}

// arrivals is a connection whose node hears what arrives.
type arrivals struct {
	net.Conn
	n *node
}

func (a *arrivals) Read(b []byte) (int, error) {
	n, err := a.Conn.Read(b)
	var f func()
	if n > 4 { // more than the length of an answer
		a.n.do(func() { f, a.n.arrived = a.n.arrived, nil })
	}
	if f != nil {
		f()
	}
	return n, err
}
