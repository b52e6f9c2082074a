package channel_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/channel"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// peers are the brokers at the other end.
type peers struct {
	mu      sync.Mutex
	down    map[int32]bool
	hold    map[int32]chan struct{} // a request waits until it is closed
	heard   []string
	under   map[int32]int // requests under way
	most    int
	answers []string
}

func (p *peers) remote(ctx context.Context, to *image.Broker, req kmsg.Request, resp kmsg.Response) error {
	p.mu.Lock()
	p.under[to.ID]++
	p.most = max(p.most, p.under[to.ID])
	hold := p.hold[to.ID]
	down := p.down[to.ID]
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		p.under[to.ID]--
		p.mu.Unlock()
	}()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if down {
		return errors.New("connection refused")
	}
	p.note("%d(%d) %s", to.ID, to.Epoch, describe(req))
	return nil
}

func (p *peers) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.heard = append(p.heard, fmt.Sprintf(format, args...))
}

func (p *peers) take() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	heard := p.heard
	p.heard = nil
	return heard
}

func (p *peers) set(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	f()
}

// describe is what a request says, in short.
func describe(req kmsg.Request) string {
	var text string
	switch q := req.(type) {
	case *kmsg.LeaderAndISRRequest:
		text = "roles"
		for _, t := range q.TopicStates {
			for _, p := range t.PartitionStates {
				text += fmt.Sprintf(" %s-%d@%d", t.Topic, p.Partition, p.LeaderEpoch)
				if p.IsNew {
					text += "new"
				}
			}
		}
	case *kmsg.UpdateMetadataRequest:
		text = "news"
		if channel.Full(q) {
			text = "all"
		}
		for _, t := range q.TopicStates {
			for _, p := range t.PartitionStates {
				text += fmt.Sprintf(" %s-%d@%d", t.Topic, p.Partition, p.LeaderEpoch)
				if p.Leader == -2 {
					text += "gone"
				}
			}
		}
	case channel.StopReplica:
		text = "stop"
		for _, t := range q.Topics {
			for _, p := range t.PartitionStates {
				text += fmt.Sprintf(" %s-%d@%d", t.Topic, p.Partition, p.LeaderEpoch)
				if p.Delete {
					text += "delete"
				}
			}
		}
	}
	return text
}

func roles(topic string, number, epoch int32, fresh bool) *kmsg.LeaderAndISRRequest {
	return &kmsg.LeaderAndISRRequest{Version: 7, ControllerEpoch: 1, TopicStates: []kmsg.LeaderAndISRRequestTopicState{{
		Topic:           topic,
		PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{{Partition: number, LeaderEpoch: epoch, IsNew: fresh}},
	}}}
}

func news(topic string, number, epoch int32) *kmsg.UpdateMetadataRequest {
	return &kmsg.UpdateMetadataRequest{Version: 8, ControllerEpoch: 1, TopicStates: []kmsg.UpdateMetadataRequestTopicState{{
		Topic:           topic,
		PartitionStates: []kmsg.UpdateMetadataRequestTopicPartition{{Partition: number, LeaderEpoch: epoch}},
	}}}
}

// gone is the end of a topic of one partition.
func gone(topic string) *kmsg.UpdateMetadataRequest {
	q := news(topic, 0, 0)
	q.TopicStates[0].PartitionStates[0].Leader = -2
	return q
}

func stop(topic string, number, epoch int32, remove bool) *kmsg.StopReplicaRequest {
	return &kmsg.StopReplicaRequest{Version: 4, ControllerEpoch: 1, Topics: []kmsg.StopReplicaRequestTopic{{
		Topic:           topic,
		PartitionStates: []kmsg.StopReplicaRequestTopicPartitionState{{Partition: number, LeaderEpoch: epoch, Delete: remove}},
	}}}
}

// run has a test talk to brokers 1 and 2 (both of epoch 10) and itself, 0.
func run(t *testing.T, test func(t *testing.T, c *channel.Channel, p *peers)) {
	synctest.Test(t, func(t *testing.T) {
		p := &peers{down: map[int32]bool{}, hold: map[int32]chan struct{}{}, under: map[int32]int{}}
		c := channel.New(channel.Options{
			Self: 0,
			Local: func(_ context.Context, req kmsg.Request) (kmsg.Response, error) {
				p.note("self %s", describe(req))
				return req.ResponseKind(), nil
			},
			Remote: p.remote,
			Answered: func(broker int32, req kmsg.Request, _ kmsg.Response) {
				p.answers = append(p.answers, kmsg.NameForKey(req.Key()))
			},
			Logger: slog.New(slog.DiscardHandler),
		})
		c.SetBrokers(brokers(10, 10, 10))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		test(t, c, p)
		cancel()
		require.NoError(t, <-done)
	})
}

func brokers(epochs ...int64) []image.Broker {
	var out []image.Broker
	for id, epoch := range epochs {
		if epoch > 0 {
			out = append(out, image.Broker{ID: int32(id), Epoch: epoch})
		}
	}
	return out
}

func TestOrderWithinABatch(t *testing.T) {
	run(t, func(t *testing.T, c *channel.Channel, p *peers) {
		d := c.Send([]channel.Batch{{Broker: 1, StopReplica: stop("a", 0, 1, false), UpdateMetadata: news("b", 0, 1), LeaderAndISR: roles("c", 0, 1, true)}})
		require.NoError(t, d.Wait(t.Context()))
		require.Equal(t, []string{"1(10) roles c-0@1new", "1(10) news b-0@1", "1(10) stop a-0@1"}, p.take())
		require.Equal(t, []string{"LeaderAndISR", "UpdateMetadata", "StopReplica"}, p.answers)
	})
}

// TestNewBrokersAreToldOfFirst: who is to follow a leader that it did not know
// is told of it before, also when that is merged.
func TestNewBrokersAreToldOfFirst(t *testing.T) {
	run(t, func(t *testing.T, c *channel.Channel, p *peers) {
		d := c.Send([]channel.Batch{{Broker: 1, NewsFirst: true, StopReplica: stop("a", 0, 1, false), UpdateMetadata: news("b", 0, 1), LeaderAndISR: roles("c", 0, 1, true)}})
		require.NoError(t, d.Wait(t.Context()))
		require.Equal(t, []string{"1(10) news b-0@1", "1(10) roles c-0@1new", "1(10) stop a-0@1"}, p.take())

		free := make(chan struct{})
		p.set(func() { p.hold[1] = free })
		c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("z", 0, 0)}})
		synctest.Wait()
		c.Send([]channel.Batch{{Broker: 1, NewsFirst: true, UpdateMetadata: news("a", 0, 1)}})
		d = c.Send([]channel.Batch{{Broker: 1, LeaderAndISR: roles("a", 0, 1, true)}})
		close(free)
		require.NoError(t, d.Wait(t.Context()))
		require.Equal(t, []string{"1(10) news z-0@0", "1(10) news a-0@1", "1(10) roles a-0@1new"}, p.take())
	})
}

// TestWhoIsToldFirst: the broker that comes, and the others of it; not when a
// leader changes among brokers that all know.
func TestWhoIsToldFirst(t *testing.T) {
	topics := map[string]*image.Topic{"a": {Name: "a", Partitions: []image.Partition{{Replicas: []int32{0, 1}, ISR: []int32{0, 1}}}}}
	one := image.Empty().With(image.Changes{Brokers: brokers(10), Topics: topics})
	both := one.With(image.Changes{Brokers: brokers(10, 10)})
	first := func(before, after *image.Image) (out []bool) {
		for _, b := range channel.Compose(channel.Situation{Before: before, After: after}, nil, plan.Announce(before, after)) {
			out = append(out, b.NewsFirst)
		}
		return out
	}
	require.Equal(t, []bool{true, true}, first(one, both))
	require.Equal(t, []bool{true, true}, first(both, both.With(image.Changes{Brokers: brokers(10, 11)})))
	require.Equal(t, []bool{false}, first(both, one))
	elected := map[string]*image.Topic{"a": {Name: "a", Partitions: []image.Partition{{Replicas: []int32{0, 1}, ISR: []int32{0, 1}, LeaderEpoch: 1, Leader: 1}}}}
	require.Equal(t, []bool{false, false}, first(both, both.With(image.Changes{Topics: elected})))
}

// TestSelfIsAskedDirectly: this broker is told without a connection, and one
// that does not live is not told.
func TestSelfIsAskedDirectly(t *testing.T) {
	run(t, func(t *testing.T, c *channel.Channel, p *peers) {
		d := c.Send([]channel.Batch{{Broker: 0, UpdateMetadata: news("a", 0, 1)}, {Broker: 7, UpdateMetadata: news("a", 0, 1)}})
		require.NoError(t, d.Wait(t.Context()))
		require.Equal(t, []string{"self news a-0@1"}, p.take())
		require.NoError(t, c.Send(nil).Wait(t.Context()))
	})
}

// TestWhatWaitsIsMerged: while a broker is busy the later state of a partition
// takes the place of the earlier one, what is new stays new, and what is to be
// deleted is deleted.
func TestWhatWaitsIsMerged(t *testing.T) {
	run(t, func(t *testing.T, c *channel.Channel, p *peers) {
		free := make(chan struct{})
		p.set(func() { p.hold[1] = free })
		first := c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("z", 0, 0)}})
		synctest.Wait()
		var last *channel.Delivery
		for epoch := range int32(100) {
			last = c.Send([]channel.Batch{{
				Broker: 1, LeaderAndISR: roles("a", 0, epoch, epoch == 0), UpdateMetadata: news("a", epoch%2, epoch),
				StopReplica: stop("b", 0, epoch, epoch == 50),
			}})
		}
		select {
		case <-last.Done():
			t.Fatal("done before anything was answered")
		default:
		}
		close(free)
		require.NoError(t, first.Wait(t.Context()))
		require.NoError(t, last.Wait(t.Context()))
		require.Equal(t, []string{
			"1(10) news z-0@0", "1(10) roles a-0@99new", "1(10) news a-0@98 a-1@99", "1(10) stop b-0@99delete",
		}, p.take())
		require.Equal(t, 1, p.most, "one request under way at a time")
	})
}

// TestMergingKeepsTheOutcome: a topic that is deleted and made anew while a
// broker is busy is deleted first.
func TestMergingKeepsTheOutcome(t *testing.T) {
	run(t, func(t *testing.T, c *channel.Channel, p *peers) {
		free := make(chan struct{})
		p.set(func() { p.hold[1] = free })
		c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("z", 0, 0)}})
		synctest.Wait()
		c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: gone("a"), StopReplica: stop("a", 0, -2, true)}})
		c.Send([]channel.Batch{{Broker: 1, LeaderAndISR: roles("a", 0, 0, true)}})
		d := c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("a", 0, 0)}})
		close(free)
		require.NoError(t, d.Wait(t.Context()))
		require.Equal(t, []string{
			"1(10) news z-0@0", "1(10) news a-0@0gone", "1(10) stop a-0@-2delete", "1(10) roles a-0@0new", "1(10) news a-0@0",
		}, p.take())
	})
}

// TestTheWholePicture: what was to be told before a whole picture is part of it,
// but for what must be forgotten; what comes after it does not make it less.
func TestTheWholePicture(t *testing.T) {
	run(t, func(t *testing.T, c *channel.Channel, p *peers) {
		free := make(chan struct{})
		p.set(func() { p.hold[1] = free })
		c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("z", 0, 0)}})
		synctest.Wait()
		c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: gone("old")}})
		c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("a", 0, 1)}})
		whole := news("b", 0, 1)
		whole.UnknownTags.Set(0, []byte{2})
		c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: whole}})
		d := c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("c", 0, 1)}})
		close(free)
		require.NoError(t, d.Wait(t.Context()))
		require.Equal(t, []string{"1(10) news z-0@0", "1(10) all old-0@0gone b-0@1 c-0@1"}, p.take())
	})
}

// TestABrokerThatDoesNotAnswer is asked again until it does, and holds up no
// other.
func TestABrokerThatDoesNotAnswer(t *testing.T) {
	run(t, func(t *testing.T, c *channel.Channel, p *peers) {
		p.set(func() { p.down[1] = true })
		began := time.Now()
		slow := c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("a", 0, 1)}})
		quick := c.Send([]channel.Batch{{Broker: 2, UpdateMetadata: news("a", 0, 1)}})
		require.NoError(t, quick.Wait(t.Context()))
		require.Zero(t, time.Since(began))
		time.AfterFunc(time.Minute, func() { p.set(func() { p.down[1] = false }) })
		require.NoError(t, slow.Wait(t.Context()))
		require.Less(t, time.Since(began), time.Minute+2*time.Second)
		require.Equal(t, []string{"2(10) news a-0@1", "1(10) news a-0@1"}, p.take())

		p.set(func() { p.hold[1] = make(chan struct{}) }) // hangs
		lost := c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("a", 0, 2)}})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, lost.Wait(ctx), context.DeadlineExceeded)
		time.AfterFunc(10*time.Second, func() { p.set(func() { delete(p.hold, 1) }) })
		require.NoError(t, lost.Wait(t.Context()), "an attempt that hangs is given up")
	})
}

// TestBrokerGone: what waits for a broker that is gone, or has registered anew,
// is waited for no more, and not sent to its next life.
func TestBrokerGone(t *testing.T) {
	for name, next := range map[string][]image.Broker{"gone": brokers(10, 0, 10), "back": brokers(10, 11, 10)} {
		t.Run(name, func(t *testing.T) {
			run(t, func(t *testing.T, c *channel.Channel, p *peers) {
				p.set(func() { p.hold[1] = make(chan struct{}) })
				first := c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("a", 0, 1)}, {Broker: 2, UpdateMetadata: news("a", 0, 1)}})
				second := c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("a", 0, 2)}})
				synctest.Wait()
				c.SetBrokers(next)
				require.NoError(t, first.Wait(t.Context()))
				require.NoError(t, second.Wait(t.Context()))
				p.set(func() { delete(p.hold, 1) })
				require.NoError(t, c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("b", 0, 1)}}).Wait(t.Context()))
				want := []string{"2(10) news a-0@1"}
				if name == "back" {
					want = append(want, "1(11) news b-0@1")
				}
				require.Equal(t, want, p.take())
			})
		})
	}
}

// TestSameBrokersGoOn: a broker that is named again keeps what waits for it.
func TestSameBrokersGoOn(t *testing.T) {
	run(t, func(t *testing.T, c *channel.Channel, p *peers) {
		free := make(chan struct{})
		p.set(func() { p.hold[1] = free })
		d := c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("a", 0, 1)}})
		synctest.Wait()
		c.SetBrokers(brokers(10, 10))
		close(free)
		require.NoError(t, d.Wait(t.Context()))
		require.Equal(t, []string{"1(10) news a-0@1"}, p.take())
	})
}

func TestReset(t *testing.T) {
	run(t, func(t *testing.T, c *channel.Channel, p *peers) {
		p.set(func() { p.hold[1] = make(chan struct{}) })
		busy := c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("a", 0, 1)}})
		synctest.Wait()
		waiting := c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("a", 0, 2)}})
		c.Reset()
		require.ErrorIs(t, busy.Wait(t.Context()), channel.ErrReset)
		require.ErrorIs(t, waiting.Wait(t.Context()), channel.ErrReset)
		require.Empty(t, p.take())

		p.set(func() { delete(p.hold, 1) })
		c.SetBrokers(brokers(10, 10))
		require.NoError(t, c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("b", 0, 1)}}).Wait(t.Context()))
		require.Equal(t, []string{"1(10) news b-0@1"}, p.take())
	})
}

// TestEndOfRun: who waits when the channel stops is told that it was in vain.
func TestEndOfRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &peers{hold: map[int32]chan struct{}{1: make(chan struct{})}, under: map[int32]int{}}
		c := channel.New(channel.Options{Remote: p.remote, Logger: slog.New(slog.DiscardHandler)})
		c.SetBrokers(brokers(0, 10))
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- c.Run(ctx) }()
		var all []*channel.Delivery
		for range 3 {
			all = append(all, c.Send([]channel.Batch{{Broker: 1, UpdateMetadata: news("a", 0, 1)}}))
			synctest.Wait()
		}
		cancel()
		require.NoError(t, <-done)
		for _, d := range all {
			require.ErrorIs(t, d.Wait(t.Context()), channel.ErrReset)
		}
		require.True(t, slices.Equal(p.take(), nil))
	})
}

// TestComposeSaysItOnce: of two orders about one partition the later is told, and that
// the replica is new if either says so.
func TestComposeSaysItOnce(t *testing.T) {
	im := image.Empty().With(image.Changes{Brokers: []image.Broker{{ID: 1}, {ID: 2}}})
	order := func(broker, partition, epoch int32, fresh bool) plan.Order {
		return plan.Order{Kind: plan.Assign, Broker: broker, Topic: "t", Partition: partition, New: fresh,
			State: image.Partition{Leader: 1, LeaderEpoch: epoch, PartitionEpoch: epoch}}
	}
	batches := channel.Compose(channel.Situation{Before: im, After: im}, []plan.Order{
		order(1, 0, 1, true), order(2, 0, 1, false), order(1, 3, 7, false), order(1, 0, 2, false), order(2, 0, 2, false),
	}, nil)
	var told []string
	for _, b := range batches {
		for _, p := range b.LeaderAndISR.TopicStates[0].PartitionStates {
			told = append(told, fmt.Sprintf("%d: t-%d epoch %d new %t", b.Broker, p.Partition, p.LeaderEpoch, p.IsNew))
		}
	}
	require.Equal(t, []string{"1: t-0 epoch 2 new true", "1: t-3 epoch 7 new false", "2: t-0 epoch 2 new false"}, told)
}
