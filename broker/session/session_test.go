package session_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/broker/session"
	"github.com/leatmq/leat/partition/topic"
)

// world is a cache with a clock that a test moves.
type world struct {
	*session.Cache
	now time.Time
	ids uint32
}

func cache(slots int) *world {
	w := &world{now: time.Unix(1000, 0)}
	w.Cache = session.NewCache(session.Options{
		Slots:  slots,
		Now:    func() time.Time { return w.now },
		Random: func() uint32 { w.ids++; return w.ids },
	})
	return w
}

// keep makes a session of so many partitions and gives it back.
func (w *world) keep(partitions int) int32 {
	s := session.New(false, partitions)
	for i := range partitions {
		s.Set(session.Key{Topic: "t", Index: int32(i)}, session.Asked{})
	}
	id := w.Keep(s)
	s.Release()
	return id
}

// has says whether the session is there, at its next epoch.
func (w *world) has(t *testing.T, id, epoch int32) bool {
	t.Helper()
	s, err := w.Use(id, epoch, false)
	if err != nil {
		require.ErrorIs(t, err, session.ErrNotFound)
		return false
	}
	s.Release()
	return true
}

func TestEpochsCount(t *testing.T) {
	w := cache(10)
	id := w.keep(1)
	for _, epoch := range []int32{0, 2, 100, -5} {
		_, err := w.Use(id, epoch, false)
		require.ErrorIs(t, err, session.ErrEpoch)
	}
	for epoch := int32(1); epoch < 5; epoch++ {
		s, err := w.Use(id, epoch, false)
		require.NoError(t, err)
		require.Equal(t, id, s.ID())
		_, err = w.Use(id, epoch+1, false)
		require.ErrorIs(t, err, session.ErrEpoch, "the one before is not answered yet")
		s.Release()
		_, err = w.Use(id, epoch, false)
		require.ErrorIs(t, err, session.ErrEpoch, "the same again")
	}
}

func TestUnknownSessions(t *testing.T) {
	w := cache(10)
	_, err := w.Use(77, 1, false)
	require.ErrorIs(t, err, session.ErrNotFound)
	id := w.keep(1)
	_, err = w.Use(id, 1, true)
	require.ErrorIs(t, err, session.ErrIDs)
	w.End(id)
	w.End(id)
	_, err = w.Use(id, 1, false)
	require.ErrorIs(t, err, session.ErrNotFound)
}

func TestEndWhileInUse(t *testing.T) {
	w := cache(10)
	id := w.keep(2)
	s, err := w.Use(id, 1, false)
	require.NoError(t, err)
	w.End(id)
	require.True(t, s.Closed())
	require.Equal(t, 2, s.Len(), "still the fetch's")
	s.Release()
	_, err = w.Use(id, 2, false)
	require.ErrorIs(t, err, session.ErrNotFound)
}

func TestPartitionsComeAndGo(t *testing.T) {
	s := session.New(true, 0)
	key := session.Key{ID: topic.ID{1}, Index: 3}
	p := s.Set(key, session.Asked{Offset: 5})
	require.EqualValues(t, -1, p.HighWatermark, "the client was told nothing")
	require.Same(t, p, s.Set(key, session.Asked{Offset: 9}))
	require.EqualValues(t, 9, p.Offset)
	require.Equal(t, 1, s.Len())
	s.Forget(session.Key{ID: topic.ID{2}, Index: 3})
	require.Equal(t, 1, s.Len())
	s.Forget(key)
	require.Zero(t, s.Len())
	require.Nil(t, s.Watcher.Changed(), "forgotten, not looked at")
}

func TestNamedPartitionsAreTheSame(t *testing.T) {
	s := session.New(false, 0)
	p := s.SetNamed([]byte("orders"), 3, session.Asked{Offset: 1})
	require.Same(t, p, s.SetNamed([]byte("orders"), 3, session.Asked{Offset: 2}))
	require.Equal(t, "orders", string(p.Name()))
	got := testing.AllocsPerRun(100, func() { s.SetNamed([]byte("orders"), 3, session.Asked{}) })
	require.Zero(t, got)
}

// A full cache gives way to nobody while its sessions are young and busy.
func TestFullCacheRefuses(t *testing.T) {
	w := cache(2)
	a, b := w.keep(1), w.keep(1)
	require.Zero(t, w.keep(100))
	require.True(t, w.has(t, a, 1))
	require.True(t, w.has(t, b, 1))
	require.Equal(t, session.Stats{Sessions: 2, Partitions: 2}, w.Stats())
	require.Zero(t, cache(0).keep(1), "sessions turned off")
}

// Any session may take the place of one that was idle for two minutes.
func TestIdleSessionIsEvicted(t *testing.T) {
	w := cache(2)
	idle, busy := w.keep(100), w.keep(100)
	w.now = w.now.Add(time.Minute)
	require.True(t, w.has(t, busy, 1))
	w.now = w.now.Add(time.Minute)
	require.NotZero(t, w.keep(1))
	require.False(t, w.has(t, idle, 1))
	require.True(t, w.has(t, busy, 2))
	require.EqualValues(t, 1, w.Stats().Evicted)
}

// Of sessions in use, an old one gives way to a larger new one, the smallest
// first.
func TestSmallSessionGivesWayToLarger(t *testing.T) {
	w := cache(2)
	small, large := w.keep(5), w.keep(50)
	w.now = w.now.Add(2 * time.Minute)
	require.True(t, w.has(t, small, 1))
	require.True(t, w.has(t, large, 1))
	require.Zero(t, w.keep(5), "not larger")
	fresh := w.keep(6)
	require.NotZero(t, fresh)
	require.False(t, w.has(t, small, 2))
	require.True(t, w.has(t, large, 2))
	require.True(t, w.has(t, fresh, 1))
}
