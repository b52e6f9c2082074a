package partition_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/isr"
)

// proposing is a set that notes what it proposes.
func proposing(t *testing.T) (w *world, proposed *[]partition.Proposal) {
	proposed = new([]partition.Proposal)
	return startWith(t, partition.Options{Propose: func(p partition.Proposal) { *proposed = append(*proposed, p) }}), proposed
}

func caughtUp(l *partition.Leader, id int32) {
	end := l.Log().EndOffset()
	l.FollowerFetched(id, isr.Fetch{Offset: end, LeaderEnd: end})
}

func TestAFollowerThatHasCaughtUpIsProposed(t *testing.T) {
	w, proposed := proposing(t)
	l := w.leadAs(led(3, 7, 1, 2))
	caughtUp(l, 3)
	require.Equal(t, []partition.Proposal{{
		Partition: p, TopicID: [16]byte{1}, LeaderEpoch: 3, PartitionEpoch: 7, ISR: []int32{1, 2, 3}, Epochs: []int64{-1, -1, -1},
	}}, *proposed)
	require.Equal(t, []int32{1, 2}, l.ISR())
	caughtUp(l, 3)
	require.Len(t, *proposed, 1, "one at a time")
	w.Answered((*proposed)[0], partition.Answer{LeaderEpoch: 3, PartitionEpoch: 8, ISR: []int32{1, 2, 3}})
	require.Equal(t, []int32{1, 2, 3}, l.ISR())
	caughtUp(l, 3)
	require.Len(t, *proposed, 1)
}

func TestAnswersToProposals(t *testing.T) {
	for name, c := range map[string]struct {
		answer   partition.Answer
		isr      []int32
		proposes int // how often, when the follower fetches once more
	}{
		"refused":                        {partition.Answer{Verdict: partition.Refused}, []int32{1, 2}, 2},
		"superseded: an order will come": {partition.Answer{Verdict: partition.Superseded}, []int32{1, 2}, 1},
		"nobody knows":                   {partition.Answer{Verdict: partition.Unanswered}, []int32{1, 2}, 2},
		"of another epoch":               {partition.Answer{LeaderEpoch: 4, PartitionEpoch: 8, ISR: []int32{1}}, []int32{1, 2}, 1},
		"of an older state":              {partition.Answer{LeaderEpoch: 3, PartitionEpoch: 6, ISR: []int32{1}}, []int32{1, 2}, 1},
		"as the controller likes":        {partition.Answer{LeaderEpoch: 3, PartitionEpoch: 9, ISR: []int32{1, 3}}, []int32{1, 3}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w, proposed := proposing(t)
				l := w.leadAs(led(3, 7, 1, 2))
				caughtUp(l, 3)
				w.Answered((*proposed)[0], c.answer)
				require.Equal(t, c.isr, l.ISR())
				time.Sleep(time.Second)
				caughtUp(l, 3)
				require.Len(t, *proposed, c.proposes)
			})
		})
	}
}

// A leader that was stopped for a while may find a fetch of a follower's earlier life
// behind one of its present life, which began with less.
func TestAFetchOfAnEarlierLifeSaysNothing(t *testing.T) {
	w, proposed := proposing(t)
	l := w.leadAs(led(3, 7, 1, 2))
	_, err := produce(l, 4)
	require.NoError(t, err)
	fetched := func(id int32, offset, epoch int64) bool {
		return l.FollowerFetched(id, isr.Fetch{Offset: offset, LeaderEnd: 4, Epoch: epoch})
	}
	require.True(t, fetched(2, 0, 50))
	require.True(t, fetched(2, 1, 60))
	require.EqualValues(t, 1, l.HighWatermark())
	require.False(t, fetched(2, 4, 50))
	require.EqualValues(t, 1, l.HighWatermark())
	require.EqualValues(t, 1, l.Replicas()[1].End)
	require.True(t, fetched(3, 0, 61))
	require.False(t, fetched(3, 4, 51))
	require.Empty(t, *proposed, "it does not join the in-sync set by it")
	require.True(t, fetched(3, 4, 61))
	require.Equal(t, []int64{-1, 60, 61}, (*proposed)[0].Epochs)

	l = w.leadAs(led(4, 8, 1, 2))
	require.False(t, fetched(2, 4, 50), "it is not forgotten at another epoch of the same leader")
	require.True(t, fetched(2, 3, -1), "one that does not say is believed, as in Kafka")
	require.EqualValues(t, 3, l.HighWatermark())
	require.False(t, fetched(2, 4, 59), "what was heard of once stays so")
}

// An order of the controller decides what was out; a late answer finds nothing.
func TestAnOrderDecidesAProposal(t *testing.T) {
	w, proposed := proposing(t)
	l := w.leadAs(led(3, 7, 1, 2))
	caughtUp(l, 3)
	require.NoError(t, w.Lead(p, led(3, 6, 1)), "older: skipped")
	require.Equal(t, []int32{1, 2}, l.ISR())
	require.NoError(t, w.Lead(p, led(3, 8, 1)))
	require.Equal(t, []int32{1}, l.ISR())
	w.Answered((*proposed)[0], partition.Answer{LeaderEpoch: 3, PartitionEpoch: 9, ISR: []int32{1, 2, 3}})
	require.Equal(t, []int32{1}, l.ISR())
	w.follow(led(4, 9, 1, 2))
	w.Answered((*proposed)[0], partition.Answer{LeaderEpoch: 3, PartitionEpoch: 9, ISR: []int32{1, 2, 3}})
	require.ErrorIs(t, w.Lead(p, led(4, 9, 1, 2)), partition.ErrStaleEpoch, "it follows at this epoch")
	require.ErrorIs(t, w.Follow(p, led(3, 9, 1, 2)), partition.ErrStaleEpoch)
}

func TestFollowersThatFallBehindAreTakenOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, proposed := proposing(t)
		l := w.leadAs(led(3, 7, 1, 2, 3))
		caughtUp(l, 2)
		done, err := produce(l, 1)
		require.NoError(t, err)
		stop := w.run()
		defer stop()
		for range 50 {
			time.Sleep(time.Second)
			caughtUp(l, 2)
		}
		synctest.Wait()
		require.Len(t, *proposed, 1)
		require.Equal(t, []int32{1, 2}, (*proposed)[0].ISR)
		require.Zero(t, l.HighWatermark())
		w.Answered((*proposed)[0], partition.Answer{LeaderEpoch: 3, PartitionEpoch: 8, ISR: []int32{1, 2}})
		require.EqualValues(t, 1, l.HighWatermark())
		require.NoError(t, l.Wait(t.Context(), done.Committed))
	})
}

func TestTooFewReplicas(t *testing.T) {
	w := start(t)
	s := led(3, 7, 1)
	s.Config.MinInsyncReplicas = 2
	l := w.leadAs(s)
	require.True(t, l.UnderMinISR())
	_, err := produce(l, 1)
	require.ErrorIs(t, err, partition.ErrNotEnoughReplicas)
	require.Zero(t, l.Log().EndOffset())
	done, err := l.Append(batch(1), partition.AppendOptions{ProduceVersion: 9, Acks: 1})
	require.NoError(t, err, "acks=1 does not ask")
	require.Zero(t, l.HighWatermark(), "it stands still under min.insync.replicas")

	s.ISR, s.PartitionEpoch = []int32{1, 2}, 8
	require.NoError(t, w.Lead(p, s))
	caughtUp(l, 2)
	require.EqualValues(t, 1, l.HighWatermark())
	require.NoError(t, l.Wait(t.Context(), done.Committed))
	done, err = produce(l, 1)
	require.NoError(t, err)
	caughtUp(l, 2)
	s.ISR, s.PartitionEpoch = []int32{1}, 9
	require.NoError(t, w.Lead(p, s))
	require.ErrorIs(t, l.Wait(t.Context(), done.Committed), partition.ErrNotEnoughReplicasAfterAppend)
	s.Config.MinInsyncReplicas = 1
	w.Configure(p.Topic, s.Config)
	require.NoError(t, l.Wait(t.Context(), done.Committed))
}

func TestALowerMinimumLetsTheHighWatermarkMove(t *testing.T) {
	w := start(t)
	s := led(3, 7, 1)
	s.Config.MinInsyncReplicas = 2
	l := w.leadAs(s)
	_, err := l.Append(batch(1), partition.AppendOptions{ProduceVersion: 9, Acks: 1})
	require.NoError(t, err)
	require.Zero(t, l.HighWatermark())
	s.Config.MinInsyncReplicas = 1
	w.Configure(p.Topic, s.Config)
	require.EqualValues(t, 1, l.HighWatermark())
}

// Whoever waits for a leader that is no more hears of it.
func TestWaitersHearOfAnotherLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		l := w.leadAs(led(3, 7, 1, 2))
		done, err := produce(l, 1)
		require.NoError(t, err)
		heard := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { heard <- l.Wait(ctx, done.Committed) }()
		synctest.Wait()
		w.follow(led(4, 8, 1, 2))
		require.ErrorIs(t, <-heard, partition.ErrNotLeader)
		_, err = produce(l, 1)
		require.ErrorIs(t, err, partition.ErrNotLeader)
	})
}

// Where records must be on disk first, acks=1 waits for that and not for followers.
func TestOneAckWaitsForTheDiskAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startWith(t, partition.Options{GroupCommit: true})
		l := w.leadAs(led(3, 7, 1, 2))
		done, err := produce(l, 1)
		require.NoError(t, err)
		settled, err := l.Settled(1, done.Committed)
		require.NoError(t, err)
		require.False(t, settled)
		stop := w.run()
		defer stop()
		synctest.Wait()
		settled, err = l.Settled(1, done.Committed)
		require.NoError(t, err)
		require.True(t, settled)
		require.Zero(t, l.HighWatermark())
		caughtUp(l, 2)
		require.EqualValues(t, 1, l.HighWatermark())
	})
}

// A leader whose epoch has risen without another leader in between has what it was
// given before: whoever waits for that waits on.
func TestWaitersOutliveAnEpochOfTheSameLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := start(t)
		l := w.leadAs(led(3, 7, 1, 2, 3))
		done, err := produce(l, 1)
		require.NoError(t, err)
		heard := make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { heard <- l.Wait(ctx, done.Committed) }()
		synctest.Wait()
		next := w.leadAs(led(4, 8, 1, 2)) // broker 3 has gone
		synctest.Wait()
		require.Empty(t, heard)
		caughtUp(next, 2)
		require.NoError(t, <-heard)

		done, err = produce(next, 1)
		require.NoError(t, err)
		w.follow(led(5, 9, 1, 2))
		next = w.leadAs(led(6, 10, 1))
		require.EqualValues(t, done.Committed, next.HighWatermark())
		_, err = l.Settled(-1, done.Committed)
		require.ErrorIs(t, err, partition.ErrNotLeader, "another may have led in between")
	})
}
