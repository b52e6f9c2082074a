package shard_test

import (
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/coordinator/shard"
	"github.com/leatmq/leat/log/record"
)

// tally is a machine that adds numbers up, and adds one of its own each minute.
type tally struct {
	sum     int
	loaded  time.Time
	next    time.Time
	retired bool
}

func (m *tally) Replay(batches []byte) error {
	for len(batches) > 0 {
		b, rest, err := record.Next(batches)
		if err != nil {
			return err
		}
		it := record.Iterator{}
		if err := it.Reset(b); err != nil {
			return err
		}
		for it.Next() {
			m.sum += int(binary.BigEndian.Uint32(it.Record().Value))
		}
		batches = rest
	}
	return nil
}

func (m *tally) Loaded(*shard.Writer)        { m.loaded, m.next = time.Now(), time.Now().Add(time.Minute) }
func (m *tally) Deadline() (time.Time, bool) { return m.next, !m.next.IsZero() }
func (m *tally) Retire()                     { m.retired = true }

func (m *tally) Tick(w *shard.Writer) {
	m.next = time.Now().Add(time.Minute)
	if err := m.add(w, 1); err != nil {
		m.next = time.Time{}
	}
}

// add appends a number, then counts it.
func (m *tally) add(w *shard.Writer, n int) error {
	w.Begin(shard.Batch{NowMs: time.Now().UnixMilli()})
	w.Add([]byte("n"), binary.BigEndian.AppendUint32(nil, uint32(n)))
	if _, err := w.Flush(); err != nil {
		return err
	}
	m.sum += n
	return nil
}

// paper is a log in memory.
type paper struct {
	mu      sync.Mutex
	batches []byte
	end     int64
	fail    error // of everything
}

func (p *paper) Append(batch []byte) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return 0, p.fail
	}
	b := record.Batch(batch)
	b.SetBaseOffset(p.end)
	p.batches, p.end = append(p.batches, b...), b.NextOffset()
	return p.end, nil
}

func (p *paper) Wait(ctx context.Context, _ int64) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail == nil {
		return nil
	}
	if !errors.Is(p.fail, errLagging) {
		return p.fail
	}
	p.mu.Unlock()
	<-ctx.Done()
	p.mu.Lock()
	return ctx.Err()
}

var errLagging = errors.New("the replicas lag")

func (p *paper) Led() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !errors.Is(p.fail, shard.ErrNotLeader)
}

func (p *paper) Read(_ context.Context, visit func([]byte) error) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.fail != nil {
		return p.fail
	}
	return visit(p.batches)
}

func (p *paper) set(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fail = err
}

// run runs a set of tallies over one log until the test ends.
func run(t *testing.T, p *paper) *shard.Set[*tally] {
	s := shard.NewSet(shard.Options[*tally]{
		Topic: "tallies",
		Lead: func(_, epoch int32) (shard.Log, error) {
			if epoch < 0 {
				return nil, shard.ErrNotLeader
			}
			return p, nil
		},
		New:    func(int32) *tally { return &tally{} },
		Now:    time.Now,
		Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
		require.Empty(t, s.All())
	})
	return s
}

// add adds a number through the front door.
func add(s *shard.Set[*tally], n int) error {
	sh, err := s.Enter(3)
	if err != nil {
		return err
	}
	defer sh.Leave()
	return sh.Machine.add(&sh.Writer, n)
}

func sum(t *testing.T, s *shard.Set[*tally]) int {
	sh, err := s.Enter(3)
	require.NoError(t, err)
	defer sh.Leave()
	return sh.Machine.sum
}

func TestLifeOfAShard(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := run(t, &paper{})
		require.ErrorIs(t, add(s, 5), shard.ErrNotLeader)
		s.Load(3, 7)
		require.ErrorIs(t, add(s, 5), shard.ErrLoading)
		synctest.Wait()
		require.NoError(t, add(s, 5))
		require.Len(t, s.All(), 1)
		require.EqualValues(t, 3, s.All()[0].Partition())

		sh, err := s.Enter(3)
		require.NoError(t, err)
		require.EqualValues(t, 1, sh.Writer.End())
		machine := sh.Machine
		sh.Leave()
		s.Load(3, 7)
		s.Load(3, 6)
		require.Equal(t, 5, sum(t, s), "an epoch that is not newer is ignored")
		s.Unload(3, 6)
		require.Equal(t, 5, sum(t, s), "an older one as well")

		s.Load(3, 8)
		require.ErrorIs(t, sh.Again(), shard.ErrNotLeader)
		require.True(t, machine.retired)
		synctest.Wait()
		require.Equal(t, 5, sum(t, s), "it was in the log")
		s.Unload(3, 8)
		require.ErrorIs(t, add(s, 5), shard.ErrNotLeader)
		s.Unload(3, 8)
		s.Unload(99, -1)
		s.Load(-1, 1)
		require.Empty(t, s.All())
	})
}

func TestTimerWakesTheMachine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{}
		s := run(t, p)
		s.Load(3, 1)
		time.Sleep(10*time.Minute - time.Second)
		synctest.Wait()
		require.Equal(t, 9, sum(t, s))
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, 10, sum(t, s))

		sh, err := s.Enter(3)
		require.NoError(t, err)
		sh.Machine.next = time.Now().Add(time.Second)
		sh.Leave()
		time.Sleep(time.Second)
		synctest.Wait()
		require.Equal(t, 11, sum(t, s), "a deadline brought forward is met")

		p.set(shard.ErrUnavailable)
		time.Sleep(time.Hour)
		synctest.Wait()
		require.Equal(t, 11, sum(t, s))
	})
}

func TestFailedAppendChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{}
		s := run(t, p)
		s.Load(3, 1)
		synctest.Wait()
		p.set(shard.ErrTooLarge)
		require.ErrorIs(t, add(s, 5), shard.ErrTooLarge)
		p.set(nil)
		require.Zero(t, sum(t, s))
		require.NoError(t, add(s, 6))
		require.Equal(t, 6, sum(t, s))
	})
}

func TestLoadingIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{fail: errors.New("disk")}
		s := run(t, p)
		s.Load(3, 1)
		s.Load(4, -1)
		time.Sleep(time.Minute)
		synctest.Wait()
		require.ErrorIs(t, add(s, 5), shard.ErrLoading)
		p.set(nil)
		time.Sleep(time.Second)
		synctest.Wait()
		require.NoError(t, add(s, 5))
	})
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := &paper{}
		s := run(t, p)
		s.Load(3, 1)
		synctest.Wait()
		sh, err := s.Enter(3)
		require.NoError(t, err)
		sh.Leave()
		require.NoError(t, sh.Wait(t.Context(), 1, 0))
		p.set(shard.ErrNotLeader)
		require.ErrorIs(t, sh.Wait(t.Context(), 1, time.Second), shard.ErrNotLeader)
		p.set(errLagging)
		require.ErrorIs(t, sh.Wait(t.Context(), 1, time.Second), shard.ErrTimedOut)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorIs(t, sh.Wait(ctx, 1, time.Second), context.Canceled)
	})
}

func TestLoadAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := shard.NewSet(shard.Options[*tally]{Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, s.Run(ctx))
		s.Load(3, 1)
		require.Empty(t, s.All())
	})
}
