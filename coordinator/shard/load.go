package shard

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/leatmq/leat/log/record"
)

// again is how long after a failure the loading begins again.
const again = 200 * time.Millisecond

// queue has the shards that wait to be loaded, first come first served.
type queue[M Machine] struct {
	more chan struct{} // something is in the queue; capacity 1

	mu    sync.Mutex
	queue []*Shard[M]
}

func (q *queue[M]) push(sh *Shard[M]) {
	q.mu.Lock()
	q.queue = append(q.queue, sh)
	q.mu.Unlock()
	q.signal()
}

func (q *queue[M]) signal() {
	select {
	case q.more <- struct{}{}:
	default:
	}
}

func (q *queue[M]) pop() (sh *Shard[M]) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.queue) == 0 {
		return nil
	}
	sh, q.queue = q.queue[0], q.queue[1:]
	if len(q.queue) > 0 {
		q.signal() // for the next loader
	}
	return sh
}

// run loads one shard after another until ctx ends.
func (q *queue[M]) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-q.more:
		}
		for sh := q.pop(); sh != nil && ctx.Err() == nil; sh = q.pop() {
			sh.load(ctx)
		}
	}
}

// load reads the log into a new machine and opens the shard for requests.
func (s *Shard[M]) load(ctx context.Context) {
	ctx, abort := context.WithCancel(ctx)
	defer abort()
	if !s.beginLoad(abort) {
		return
	}
	began := s.set.options.Now()
	machine := s.set.options.New(s.partition)
	log, err := s.set.options.Lead(s.partition, s.epoch)
	var end int64
	if err == nil {
		end, err = replay(ctx, log, machine)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.abort = nil
	if s.phase != loading || ctx.Err() != nil {
		return
	}
	logger := s.set.options.Logger.With("topic", s.set.options.Topic, "partition", s.partition, "epoch", s.epoch)
	now := s.set.options.Now()
	if err != nil {
		if !errors.Is(err, ErrNotLeader) {
			logger.Error("internal partition could not be loaded, trying again", "error", err)
		}
		s.phase = failed
		s.set.timer.set(&s.alarm, now.Add(again))
		return
	}
	s.Machine, s.phase = machine, active
	s.Writer.log, s.Writer.end = log, end
	s.Machine.Loaded(&s.Writer)
	s.rearm()
	logger.Debug("internal partition loaded", "took", now.Sub(began))
}

// replay feeds the log to a machine and tells where it ends. Not all of it need be committed
// yet: that is what the first answers wait for.
func replay(ctx context.Context, log Log, m Machine) (end int64, err error) {
	err = log.Read(ctx, func(batches []byte) error {
		for rest := batches; len(rest) > 0; {
			b, more, err := record.Next(rest)
			if err != nil {
				return err
			}
			end, rest = b.NextOffset(), more
		}
		return m.Replay(batches)
	})
	return end, err
}

// beginLoad is false when the shard is gone already.
func (s *Shard[M]) beginLoad(abort context.CancelFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.phase != loading {
		return false
	}
	s.abort = abort
	return true
}
