package isr_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/partition/isr"
)

var t0 = time.Unix(1000, 0)

const lag = 30 * time.Second

func at(seconds float64) *isr.Conditions {
	return &isr.Conditions{Now: t0.Add(time.Duration(seconds * float64(time.Second))), MaxLag: lag, MinISR: 1}
}

func three(inSync ...int32) isr.Assignment {
	return isr.Assignment{Self: 1, Replicas: []int32{1, 2, 3}, ISR: inSync, PartitionEpoch: 5}
}

// lead is a new leader of three replicas whose log ends at 10, and which knows of a high
// watermark of 4.
func lead(inSync ...int32) isr.Progress {
	return isr.Lead(three(inSync...), isr.Log{End: 10, High: 4}, t0, nil)
}

func fetch(p *isr.Progress, id int32, offset int64, c *isr.Conditions) bool {
	return p.Fetched(id, isr.Fetch{Offset: offset, LeaderEnd: p.End()}, c.Now)
}

func TestANewLeaderKnowsNoMoreThanItKnewAsAFollower(t *testing.T) {
	p := lead(1, 2, 3)
	require.False(t, p.Raise(at(0)), "followers that have not fetched may have nothing")
	require.EqualValues(t, 4, p.HighWatermark())
	require.True(t, fetch(&p, 2, 10, at(1)))
	require.False(t, p.Raise(at(1)))
	require.True(t, fetch(&p, 3, 7, at(1)))
	require.True(t, p.Raise(at(1)))
	require.EqualValues(t, 7, p.HighWatermark())
	require.True(t, fetch(&p, 3, 6, at(1)), "it was cut meanwhile")
	require.False(t, p.Raise(at(1)), "the high watermark never falls")
}

func TestALeaderAloneInSyncWaitsForNobodyBehind(t *testing.T) {
	p := lead(1)
	require.True(t, p.Raise(at(0)))
	require.EqualValues(t, 10, p.HighWatermark())
}

// A follower about to join must have what is shown, or it would join without.
func TestTheHighWatermarkWaitsForWhoHasCaughtUp(t *testing.T) {
	for name, c := range map[string]struct {
		seconds float64
		alive   bool
		high    int64
	}{
		"caught up of late":       {5, true, 10},
		"too long ago":            {31, true, 12},
		"of late, but it is dead": {5, false, 12},
	} {
		t.Run(name, func(t *testing.T) {
			p := lead(1, 2)
			fetch(&p, 2, 10, at(0))
			fetch(&p, 3, 10, at(0))
			require.True(t, p.Raise(at(0)))
			p.Appended(12, true, t0)
			fetch(&p, 2, 12, at(0))
			then := at(c.seconds)
			then.Alive = func(id int32) bool { return id != 3 || c.alive }
			p.Raise(then)
			require.EqualValues(t, c.high, p.HighWatermark())
		})
	}
}

func TestTooFewInSyncStopTheHighWatermark(t *testing.T) {
	p := lead(1)
	c := at(0)
	c.MinISR = 2
	require.False(t, p.Raise(c))
	p.CommitISR([]int32{1, 2}, 6)
	fetch(&p, 2, 9, c)
	require.True(t, p.Raise(c))
	require.EqualValues(t, 9, p.HighWatermark())
	c.MinISR = 4
	fetch(&p, 2, 10, c)
	require.False(t, p.Raise(c), "three replicas, of which two are in sync")
	p.CommitISR([]int32{1, 2, 3}, 7)
	fetch(&p, 3, 10, c)
	require.True(t, p.Raise(c), "all are in sync; more cannot be asked for")
}

func TestRecordsThatMustBeOnDiskAreNotShown(t *testing.T) {
	p := lead(1, 2)
	p.Appended(12, false, t0)
	fetch(&p, 2, 12, at(0))
	require.True(t, p.Raise(at(0)))
	require.EqualValues(t, 10, p.HighWatermark())
	p.Synced(11)
	require.True(t, p.Raise(at(0)))
	require.EqualValues(t, 11, p.HighWatermark())
}

func TestExpand(t *testing.T) {
	for name, c := range map[string]struct {
		id     int32
		offset int64
		dead   bool
		want   bool
	}{
		"has everything":          {3, 10, false, true},
		"has less than the epoch": {3, 9, false, false},
		"its broker is dead":      {3, 10, true, false},
		"is in sync already":      {2, 10, false, false},
		"is not a replica":        {7, 10, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			p := lead(1, 2)
			now := at(1)
			now.Alive = func(int32) bool { return !c.dead }
			fetch(&p, c.id, c.offset, now)
			require.Equal(t, c.want, p.Expand(c.id, now))
			if !c.want {
				require.Equal(t, isr.None, p.Pending().Change)
				return
			}
			require.Equal(t, isr.Pending{Change: isr.Expand, ISR: []int32{1, 2, 3}, PartitionEpoch: 5}, p.Pending())
			require.Equal(t, 3, p.MaximalISR())
			require.Equal(t, []int32{1, 2}, p.ISR(), "not before the controller agrees")
			require.False(t, p.Expand(c.id, now), "one proposal at a time")
			require.False(t, p.Shrink(at(1000)), "one proposal at a time")
		})
	}
}

// It must have what is shown, not only what the epoch began with.
func TestExpandAsksForTheHighWatermark(t *testing.T) {
	p := lead(1, 2)
	p.Appended(20, true, t0)
	fetch(&p, 2, 20, at(0))
	require.True(t, p.Raise(at(0)))
	fetch(&p, 3, 19, at(1))
	require.False(t, p.Expand(3, at(1)))
	fetch(&p, 3, 20, at(1))
	require.True(t, p.Expand(3, at(1)))
}

// While it is not known whether a follower has joined, it counts.
func TestAPendingExpansionCounts(t *testing.T) {
	p := lead(1, 2)
	fetch(&p, 2, 10, at(0))
	fetch(&p, 3, 10, at(0))
	require.True(t, p.Expand(3, at(0)))
	p.Appended(15, true, t0)
	fetch(&p, 2, 15, at(40))
	p.Raise(at(40))
	require.EqualValues(t, 10, p.HighWatermark(), "it has not caught up for 40 s, and may be in sync")
	p.Revert(at(40).Now)
	p.Raise(at(40))
	require.EqualValues(t, 15, p.HighWatermark())
}

func TestShrink(t *testing.T) {
	p := lead(1, 2, 3)
	fetch(&p, 2, 10, at(0))
	fetch(&p, 3, 9, at(0))
	p.Appended(12, true, t0)
	require.False(t, p.Shrink(at(30)), "30 s is not too long")
	fetch(&p, 2, 12, at(30))
	require.True(t, p.Shrink(at(30.1)))
	require.Equal(t, isr.Pending{Change: isr.Shrink, ISR: []int32{1, 2}, PartitionEpoch: 5}, p.Pending())
	p.Raise(at(31))
	require.EqualValues(t, 9, p.HighWatermark(), "the controller may refuse")
	require.Equal(t, 3, p.MaximalISR())
	p.CommitISR([]int32{1, 2}, 6)
	p.Raise(at(31))
	require.EqualValues(t, 12, p.HighWatermark())
	require.EqualValues(t, 6, p.PartitionEpoch())
}

// Whoever has everything is in sync, however long ago it fetched.
func TestAnIdlePartitionDoesNotShrink(t *testing.T) {
	p := lead(1, 2)
	fetch(&p, 2, 10, at(0))
	require.False(t, p.Shrink(at(3600)))
}

// Under steady writes a follower is always a little behind.
func TestAFollowerNeverQuiteAtTheEndIsInSync(t *testing.T) {
	p := lead(1, 2)
	for second := range 100 {
		end := p.End()
		p.Appended(end+5, true, t0)
		fetch(&p, 2, end, at(float64(second))) // where the leader's end was a second ago
	}
	require.False(t, p.Shrink(at(100)))
	for second := 100; second < 140; second++ {
		p.Appended(p.End()+5, true, t0)
		fetch(&p, 2, 500, at(float64(second)))
	}
	require.True(t, p.Shrink(at(140)), "it stands still")
}

func TestAnotherEpochOfTheSameLeader(t *testing.T) {
	p := lead(1, 2)
	fetch(&p, 2, 8, at(0))
	fetch(&p, 3, 9, at(0))
	p.Raise(at(0))
	next := isr.Lead(three(1, 2), isr.Log{End: 10, High: p.HighWatermark()}, t0.Add(time.Minute), &p)
	require.EqualValues(t, 8, next.HighWatermark())
	remotes := next.Remotes()
	require.EqualValues(t, 8, remotes[0].End, "it had that, and has it")
	require.Equal(t, t0.Add(time.Minute), remotes[0].CaughtUp)
	require.Zero(t, remotes[1].CaughtUp)
	first := isr.Lead(three(1, 2), isr.Log{End: 10, High: 4}, t0, nil)
	require.Equal(t, isr.Unknown, first.Remotes()[0].End)
}

func TestReplicasComeAndGo(t *testing.T) {
	p := lead(1, 2)
	fetch(&p, 2, 10, at(0))
	p.Commit(isr.Assignment{Self: 1, Replicas: []int32{4, 1, 2}, ISR: []int32{1, 2}, PartitionEpoch: 6})
	require.False(t, p.Assigned(3))
	require.True(t, p.Assigned(4))
	require.EqualValues(t, 10, p.Remotes()[1].End)
	require.False(t, fetch(&p, 3, 10, at(1)))
}

func TestLowWatermark(t *testing.T) {
	p := lead(1, 2)
	c := at(0)
	p.Fetched(2, isr.Fetch{Offset: 10, Start: 3, LeaderEnd: 10}, c.Now)
	require.Equal(t, isr.Unknown, p.LowWatermark(5, c))
	c.Alive = func(id int32) bool { return id == 2 }
	require.EqualValues(t, 3, p.LowWatermark(5, c), "nobody waits for the dead")
	p.Fetched(2, isr.Fetch{Offset: 10, Start: 6, LeaderEnd: 10}, c.Now)
	require.EqualValues(t, 5, p.LowWatermark(5, c))
}

// A follower that has lost what was shown must not be elected.
func TestWhoLosesCommittedRecordsIsExpelled(t *testing.T) {
	p := lead(1, 2)
	fetch(&p, 2, 10, at(0))
	p.Raise(at(0))
	require.False(t, p.Expel(2), "it has all")
	fetch(&p, 2, 9, at(1))
	require.False(t, p.Expel(3), "not in sync")
	require.True(t, p.Expel(2))
	require.Equal(t, isr.Pending{Change: isr.Shrink, ISR: []int32{1}, PartitionEpoch: 5}, p.Pending())
	require.False(t, p.Expel(2), "one proposal at a time")
}

// A follower that asks twice for the same may have found it damaged.
func TestWhoAsksTwice(t *testing.T) {
	p := lead(1, 2)
	require.False(t, p.HasAsked(2, 10))
	fetch(&p, 2, 10, at(0))
	require.False(t, p.HasAsked(2, 10), "there was nothing to get")
	fetch(&p, 2, 8, at(0))
	require.True(t, p.HasAsked(2, 8))
	require.False(t, p.HasAsked(2, 9))
	require.False(t, p.HasAsked(9, 8))
}

// The broker of a follower that the controller will not have is shutting down, most likely.
func TestARefusalIsNotAnsweredWithTheSameAtOnce(t *testing.T) {
	p := lead(1, 2)
	fetch(&p, 3, 10, at(1))
	require.True(t, p.Expand(3, at(1)))
	p.Revert(at(1).Now)
	require.False(t, p.Expand(3, at(1.4)))
	require.True(t, p.Expand(3, at(1.5)))
}

// An order that repeats what is known does not decide what is out: the controller may
// agree to it yet.
func TestARepeatedOrderDecidesNothing(t *testing.T) {
	p := lead(1, 2)
	fetch(&p, 3, 10, at(1))
	require.True(t, p.Expand(3, at(1)))
	p.Commit(three(1, 2))
	require.Equal(t, isr.Expand, p.Pending().Change)
	next := three(1, 2)
	next.PartitionEpoch++
	p.Commit(next)
	require.Equal(t, isr.None, p.Pending().Change)
}

// A follower in sync that has nothing to fetch is not heard of. What is written then
// does not find it behind for as long as it was silent.
func TestSilenceOfAFollowerThatHasAllIsNoLag(t *testing.T) {
	p := lead(1, 2)
	fetch(&p, 2, 10, at(0))
	fetch(&p, 3, 10, at(0))
	p.Appended(11, true, at(3600).Now)
	require.False(t, p.Shrink(at(3600)))
	p.Raise(at(3600))
	require.EqualValues(t, 10, p.HighWatermark(), "it is waited for")
	fetch(&p, 2, 11, at(3601))
	p.Raise(at(3601))
	require.EqualValues(t, 11, p.HighWatermark(), "not so one that is out of sync, and silent")
	p.Appended(12, true, at(3602).Now)
	p.Appended(13, true, at(3620).Now)
	require.False(t, p.Shrink(at(3632)))
	require.True(t, p.Shrink(at(3633)), "it has not fetched since")
}
