package fetcher_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/leatmq/leat/client/wire"
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/log/vfs/crashfs"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/fetcher"
)

// replica is a followership whose log can be made to fail.
type replica struct {
	*partition.Follower
	w    *world
	fail atomic.Pointer[error] // what Copy returns
}

func (r *replica) Copy(at int64, set []byte) (int64, error) {
	if err := r.fail.Load(); err != nil {
		return 0, *err
	}
	return r.Follower.Copy(at, set)
}

func (r *replica) Truncate(offset int64) error {
	err := r.Follower.Truncate(offset)
	r.w.shortest = min(r.w.shortest, r.EndOffset())
	return err
}

// world is a follower broker and the nodes it fetches from.
type world struct {
	*fetcher.Fetcher
	t     *testing.T
	set   *partition.Set
	disk  *crashfs.FS
	dirs  *dir.Set
	nodes map[int32]*node
	o     fetcher.Options
	s     fetcher.Settings

	shortest int64 // that truncation has left

	mu    sync.Mutex
	roles map[checkpoint.Partition]*replica
}

// settings are small and quick, but for the long poll.
var settings = fetcher.Settings{Loops: 1, MaxWait: 500 * time.Millisecond, MinBytes: 1, MaxBytes: 10 << 20, PartitionBytes: 1 << 20, Backoff: time.Second}

// inWorld runs a test with a follower that fetches from the nodes 1 and 2.
func inWorld(t *testing.T, f func(t *testing.T, w *world)) { inWorldWith(t, fetcher.Options{}, f) }

func inWorldWith(t *testing.T, o fetcher.Options, f func(t *testing.T, w *world)) {
	synctest.Test(t, func(t *testing.T) {
		w := &world{
			t: t, disk: crashfs.New(crashfs.Options{}), nodes: map[int32]*node{1: newNode(t), 2: newNode(t)}, s: settings,
			roles: make(map[checkpoint.Partition]*replica),
		}
		var err error
		w.dirs, err = dir.Open([]string{"/data"}, dir.Options{FS: w.disk, Logger: quiet, BrokerID: 9, MinFree: -1})
		require.NoError(t, err)
		w.set = partition.NewSet(partition.Options{Dirs: w.dirs, Logger: quiet, Damaged: func(p checkpoint.Partition, _ int32, _ int64) { w.Again(p) }})
		o.BrokerID, o.Logger, o.Replica = 9, quiet, w.role
		o.Pool = wire.NewPool(wire.Options{ClientID: "9", Dialer: func(ctx context.Context, network, addr string) (net.Conn, error) {
			return w.nodes[int32(addr[0]-'0')].dial(ctx, network, addr)
		}})
		o.Broker = func(id int32) (wire.Node, bool) {
			return wire.Node{ID: id, Addr: fmt.Sprint(id)}, w.nodes[id] != nil
		}
		o.Settings = func() fetcher.Settings { w.mu.Lock(); defer w.mu.Unlock(); return w.s }
		w.o = o
		w.Fetcher = fetcher.New(o)
		ctx, cancel := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() {
			if err := w.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		f(t, w)
		cancel()
		run.Wait()
		o.Pool.Close()
		require.NoError(t, w.dirs.Close(t.Context()))
	})
}

func (w *world) high(p checkpoint.Partition) int64 { return w.set.HighWatermark(p) }

// log is the follower's log of a partition.
func (w *world) log(p checkpoint.Partition) *log.Log {
	w.t.Helper()
	l, ok := w.dirs.Get(p)
	if !ok {
		var err error
		l, err = w.dirs.Create(p, dir.NewLog{TopicID: idOf(p.Topic), Config: log.DefaultConfig(), Fresh: true})
		require.NoError(w.t, err)
	}
	return l
}

// role is what the fetcher is given.
func (w *world) role(p checkpoint.Partition, epoch int32) (fetcher.Replica, error) {
	r, err := fetcher.Of(w.set)(p, epoch)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.roles[p] = &replica{Follower: r.(*partition.Follower), w: w}
	return w.roles[p], nil
}

// order has the set follow a leader at an epoch.
func (w *world) order(p checkpoint.Partition, leader, epoch int32) *partition.Follower {
	w.t.Helper()
	err := w.set.Follow(p, partition.State{
		TopicID: idOf(p.Topic), Leader: leader, LeaderEpoch: epoch, Replicas: []int32{1, 2, 9}, ISR: []int32{1, 2}, Config: log.DefaultConfig(),
	})
	require.NoError(w.t, err)
	r, err := w.set.Get(p)
	require.NoError(w.t, err)
	f, err := r.Follower(epoch)
	require.NoError(w.t, err)
	return f
}

// follow has a partition followed from a node at an epoch.
func (w *world) follow(p checkpoint.Partition, leader, epoch int32) {
	w.t.Helper()
	w.order(p, leader, epoch)
	w.Follow(fetcher.Following{Partition: p, TopicID: idOf(p.Topic), Leader: leader, Epoch: epoch})
}

// contents are all bytes of a log.
func contents(t testing.TB, l *log.Log) []byte {
	t.Helper()
	var all []byte
	for at := l.StartOffset(); at < l.EndOffset(); {
		sl, err := l.Read(log.ReadRequest{Offset: at, UpTo: l.EndOffset(), MaxBytes: 1 << 30, MinOne: true})
		require.NoError(t, err)
		b := make([]byte, sl.Len())
		if _, err := sl.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
			require.NoError(t, err)
		}
		sl.Release()
		at = lastOf(t, b) + 1
		all = append(all, b...)
	}
	return all
}

// same requires that the follower's log is the leader's, byte for byte.
func (w *world) same(p checkpoint.Partition, leader int32) {
	w.t.Helper()
	theirs, ours := w.nodes[leader].parts[p].log, w.log(p)
	require.Equal(w.t, theirs.EndOffset(), ours.EndOffset(), "end offset of %s", p)
	require.Equal(w.t, contents(w.t, theirs), contents(w.t, ours), "contents of %s", p)
	for at := ours.StartOffset(); at < ours.EndOffset(); at++ {
		require.Equal(w.t, theirs.EpochAt(at), ours.EpochAt(at), "epoch of %s at %d", p, at)
	}
}

// lag is what the fetcher says of a partition.
func (w *world) lag(p checkpoint.Partition) fetcher.Lag {
	for _, l := range w.Lags() {
		if l.Partition == p {
			return l
		}
	}
	return fetcher.Lag{Leader: -1}
}

// asked is how many fetches a node has got, and forgets them.
func (n *node) asked() []*kmsg.FetchRequest {
	n.mu.Lock()
	defer n.mu.Unlock()
	all := n.requests
	n.requests = nil
	return all
}

// elapse lets so much time pass and waits until all is quiet.
func elapse(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

var (
	p0 = checkpoint.Partition{Topic: "orders", Index: 0}
	p1 = checkpoint.Partition{Topic: "orders", Index: 1}
	p2 = checkpoint.Partition{Topic: "trades", Index: 0}
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAFollowerGetsWhatTheLeaderAppends(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		leader.lead(p0, 3)
		leader.append(p0, "a", "b")
		w.follow(p0, 1, 3)
		synctest.Wait()
		w.same(p0, 1)
		began := time.Now()
		leader.append(p0, "c")
		synctest.Wait()
		w.same(p0, 1)
		require.Zero(t, time.Since(began), "the next fetch was at the leader already")
		require.Zero(t, w.high(p0))
		leader.do(func() { leader.parts[p0].high = 3 })
		elapse(500 * time.Millisecond)
		require.EqualValues(t, 3, w.high(p0), "the high watermark came with the next answer")
		require.Equal(t, fetcher.Lag{Partition: p0, Leader: 1}, w.lag(p0))
	})
}

func TestAnIdleLoopCostsOneLongPoll(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		for _, p := range []checkpoint.Partition{p0, p1, p2} {
			leader.lead(p, 0)
			w.follow(p, 1, 0)
		}
		elapse(time.Second)
		leader.asked()
		elapse(5 * time.Second)
		polls := leader.asked()
		require.Len(t, polls, 10)
		for _, q := range polls {
			require.Empty(t, q.Topics)
			require.Empty(t, q.ForgottenTopics)
			require.EqualValues(t, 500, q.MaxWaitMillis)
		}
		require.Equal(t, 1, leader.open)
	})
}

func TestANewPartitionDoesNotWaitForTheLongPoll(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		leader.lead(p0, 0)
		w.follow(p0, 1, 0)
		elapse(700 * time.Millisecond)
		leader.lead(p1, 0)
		leader.append(p1, "a")
		began := time.Now()
		w.follow(p1, 1, 0)
		synctest.Wait()
		w.same(p1, 1)
		require.Zero(t, time.Since(began))
		// Many in a row do not each begin a session anew.
		conns := leader.conns
		for i := range int32(100) {
			p := checkpoint.Partition{Topic: "many", Index: i}
			leader.lead(p, 0)
			w.follow(p, 1, 0)
			elapse(time.Millisecond)
		}
		require.Less(t, leader.conns, conns+15)
		elapse(100 * time.Millisecond)
		for i := range int32(100) {
			w.same(checkpoint.Partition{Topic: "many", Index: i}, 1)
		}
	})
}

func TestPartitionsComeAndGoWithinASession(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		for _, p := range []checkpoint.Partition{p0, p1, p2} {
			leader.lead(p, 0)
			w.follow(p, 1, 0)
		}
		elapse(time.Second)
		leader.asked()
		w.Unfollow(p1)
		elapse(600 * time.Millisecond)
		leader.append(p1, "not wanted")
		leader.append(p0, "a")
		leader.append(p2, "b")
		elapse(time.Second)
		w.same(p0, 1)
		w.same(p2, 1)
		require.Zero(t, w.log(p1).EndOffset())
		require.Len(t, leader.session.asked, 2)
		w.Unfollow(p0, p2)
		elapse(time.Second)
		before := len(leader.asked())
		elapse(5 * time.Second)
		require.Empty(t, leader.asked(), "a loop without partitions ends (%d before)", before)
		w.follow(p1, 1, 0)
		synctest.Wait()
		w.same(p1, 1)
	})
}

func TestEveryVersionFromTheTwelfth(t *testing.T) {
	for version := int16(12); version <= 17; version++ {
		t.Run(fmt.Sprint(version), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				leader := w.nodes[1]
				leader.most = version
				leader.lead(p0, 0)
				leader.lead(p2, 0)
				leader.append(p0, "a")
				w.follow(p0, 1, 0)
				w.follow(p2, 1, 0)
				synctest.Wait()
				leader.append(p2, "b")
				synctest.Wait()
				w.same(p0, 1)
				w.same(p2, 1)
				for _, q := range leader.asked() {
					require.Equal(t, version, q.Version)
				}
			})
		})
	}
}

func TestATopicWithoutIDIsFetchedByName(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		leader.lead(p0, 0)
		leader.lead(p2, 0)
		w.follow(p0, 1, 0)
		elapse(100 * time.Millisecond)
		w.order(p2, 1, 0)
		w.Follow(fetcher.Following{Partition: p2, Leader: 1})
		elapse(time.Second)
		leader.append(p0, "a")
		leader.append(p2, "b")
		synctest.Wait()
		w.same(p0, 1)
		w.same(p2, 1)
		all := leader.asked()
		require.EqualValues(t, 12, all[len(all)-1].Version)
		w.Unfollow(p2)
		elapse(time.Second)
		leader.append(p0, "c")
		synctest.Wait()
		w.same(p0, 1)
		all = leader.asked()
		require.EqualValues(t, 17, all[len(all)-1].Version)
	})
}

func TestAnAnswerOfAnEarlierEpochIsDropped(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		old, next := w.nodes[1], w.nodes[2]
		old.lead(p0, 0)
		old.append(p0, "a")
		w.follow(p0, 1, 0)
		elapse(time.Second)
		w.same(p0, 1)
		old.mu.Lock()
		old.held = make(chan struct{})
		old.mu.Unlock()
		old.append(p0, "never committed")
		synctest.Wait() // the answer with it is under way
		next.lead(p0, 0)
		next.append(p0, "a")
		next.lead(p0, 1)
		next.append(p0, "b")
		w.follow(p0, 2, 1)
		synctest.Wait()
		close(old.held)
		elapse(time.Second)
		w.same(p0, 2)
	})
}

func TestAnAnswerOfAnEarlierEpochOfTheSameLeaderIsDropped(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		x := leader.lead(p0, 0)
		leader.lead(p1, 0)
		w.follow(p0, 1, 0)
		elapse(time.Second)
		w.follow(p1, 1, 0) // cuts the fetch short; the next is not cut so soon
		synctest.Wait()
		held := make(chan struct{})
		leader.do(func() { leader.held = held })
		leader.append(p0, "lost")
		synctest.Wait() // the answer with it is under way
		leader.do(func() {
			leader.held = nil
			require.NoError(t, x.log.TruncateFullyAndStartAt(0))
		})
		leader.lead(p0, 1)
		leader.append(p0, "kept")
		w.follow(p0, 1, 1)
		synctest.Wait()
		w.shortest = 1
		close(held)
		elapse(time.Second)
		w.same(p0, 1)
		require.EqualValues(t, 1, w.shortest, "there was nothing to truncate")
	})
}

func TestSessionErrorsBeginANewSession(t *testing.T) {
	for _, code := range []int16{kerr.FetchSessionIDNotFound.Code, kerr.InvalidFetchSessionEpoch.Code, kerr.FetchSessionTopicIDError.Code, kerr.UnknownServerError.Code} {
		t.Run(kerr.ErrorForCode(code).Error(), func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				leader := w.nodes[1]
				leader.lead(p0, 0)
				w.follow(p0, 1, 0)
				elapse(time.Second)
				leader.do(func() {
					leader.tamper = func(_ *kmsg.FetchRequest, r *kmsg.FetchResponse) {
						*r = kmsg.NewFetchResponse()
						r.ErrorCode = code
						leader.tamper = nil
					}
				})
				leader.append(p0, "a")
				elapse(100 * time.Millisecond)
				w.same(p0, 1)
			})
		})
	}
	t.Run("the leader has begun anew", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			leader := w.nodes[1]
			leader.lead(p0, 0)
			w.follow(p0, 1, 0)
			elapse(time.Second)
			leader.do(func() { leader.session = nil })
			elapse(time.Second)
			leader.append(p0, "a")
			synctest.Wait()
			w.same(p0, 1)
		})
	})
	t.Run("no sessions are granted", func(t *testing.T) {
		inWorld(t, func(t *testing.T, w *world) {
			leader := w.nodes[1]
			leader.sessionless = true
			leader.lead(p0, 0)
			w.follow(p0, 1, 0)
			leader.append(p0, "a")
			synctest.Wait()
			leader.append(p0, "b")
			synctest.Wait()
			w.same(p0, 1)
			for _, q := range leader.asked() {
				require.Zero(t, q.SessionEpoch)
			}
		})
	})
}
