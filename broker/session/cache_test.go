package session_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/broker/session"
)

func TestPartitionsOfAllSessionsAreBounded(t *testing.T) {
	var ids uint32
	now := time.Unix(1_000_000, 0)
	c := session.NewCache(session.Options{Slots: 10, Partitions: 5, Now: func() time.Time { return now }, Random: func() uint32 { ids++; return ids }})
	fill := func(s *session.Session, from, n int) {
		for i := range n {
			s.Set(session.Key{Topic: "t", Index: int32(from + i)}, session.Asked{})
		}
	}
	first, second := session.New(false, 0), session.New(false, 0)
	fill(first, 0, 4)
	fill(second, 0, 2)
	id := c.Keep(first)
	require.NotZero(t, id)
	require.Zero(t, c.Keep(second), "the two together are over the bound")
	first.Release()

	s, err := c.Use(id, 1, false)
	require.NoError(t, err)
	fill(s, 4, 3)
	s.Release()
	_, err = c.Use(id, 2, false)
	require.ErrorIs(t, err, session.ErrNotFound, "one that has grown over the bound ends")
	third := session.New(false, 0)
	fill(third, 0, 5)
	require.NotZero(t, c.Keep(third), "and its partitions count no more")
}

func TestAFollowerPushesAConsumerOutAndNotTheOtherWayRound(t *testing.T) {
	var ids uint32
	now := time.Unix(1_000_000, 0)
	c := session.NewCache(session.Options{Slots: 1, Now: func() time.Time { return now }, Random: func() uint32 { ids++; return ids }})
	begin := func(follower bool, partitions int) int32 {
		s := session.New(false, 0)
		for i := range partitions {
			s.Set(session.Key{Topic: "t", Index: int32(i)}, session.Asked{})
		}
		if follower {
			s.OfFollower()
		}
		id := c.Keep(s)
		s.Release()
		return id
	}
	require.NotZero(t, begin(false, 9))
	require.Zero(t, begin(false, 10), "sessions are young")
	follower := begin(true, 1)
	require.NotZero(t, follower, "a follower need not wait")
	now = now.Add(time.Hour)
	s, err := c.Use(follower, 1, false)
	require.NoError(t, err)
	s.Release()
	require.Zero(t, begin(false, 100), "and is not pushed out by a larger consumer")
	require.NotZero(t, begin(true, 2), "but by a larger follower, when it is old")
}
