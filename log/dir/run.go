package dir

import (
	"context"
	"sync"
	"time"
)

// Run does the background work until ctx ends. Directories that go offline are
// left alone; it returns nil.
func (s *Set) Run(ctx context.Context) error {
	var all sync.WaitGroup
	for _, d := range s.dirs {
		all.Go(func() { d.run(ctx) })
		all.Go(func() { d.runMoves(ctx) })
	}
	all.Go(func() { s.sweep(ctx) })
	if s.o.Clean != nil {
		all.Go(func() { s.clean(ctx) })
	}
	s.tellOffline(ctx)
	all.Wait()
	return nil
}

// task is background work of one directory.
type task struct {
	every time.Duration
	next  time.Time
	do    func(now time.Time)
}

// run does what is due in one directory, one after the other, so that a slow
// disk delays only itself.
func (d *Dir) run(ctx context.Context) {
	tasks := d.tasks()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		next := tasks[0].next
		for i := range tasks {
			t := &tasks[i]
			now := d.set.o.Now()
			if !t.next.After(now) && ctx.Err() == nil && d.Err() == nil {
				t.do(now)
			}
			if !t.next.After(now) {
				t.next = now.Add(t.every)
			}
			if i == 0 || t.next.Before(next) {
				next = t.next
			}
		}
		timer.Reset(next.Sub(d.set.o.Now()))
	}
}

func (d *Dir) tasks() []task {
	every, now := d.set.o.Intervals, d.set.o.Now()
	later := now.Add(every.Initial)
	quiet := func(write func() error) func(time.Time) {
		return func(time.Time) { d.failed(write()) }
	}
	return []task{
		{every.Space, now, func(time.Time) { d.checkSpace() }},
		{every.Flush, now, d.flushDue},
		{every.Flush, now, d.removeExpired},
		{every.HighWatermarks, now, quiet(d.writeHighWatermarks)},
		{every.RecoveryPoints, later, quiet(d.writeRecoveryPoints)},
		{every.LogStarts, later, quiet(d.writeLogStarts)},
		{every.Retention, later, d.retain},
		{every.Producers, later, d.expireProducers},
	}
}

// flushDue makes durable what flush.ms no longer lets wait.
func (d *Dir) flushDue(now time.Time) {
	for _, h := range d.held() {
		end := h.log.EndOffset()
		if end <= h.log.RecoveryPoint() {
			continue
		}
		if limit := h.log.Config().FlushMs; now.Sub(h.log.LastFlush()).Milliseconds() >= limit {
			d.logFailed(h.log, h.log.Flush(end))
		}
	}
}

// removeExpired removes files and directories whose file.delete.delay.ms is over.
func (d *Dir) removeExpired(now time.Time) {
	for _, h := range d.held() {
		d.logFailed(h.log, h.log.RemoveExpiredFiles(now))
	}
	d.removeDue(now)
}

// retain removes old segments of every log whose high watermark is known.
func (d *Dir) retain(now time.Time) {
	for _, h := range d.held() {
		d.retainOne(h, now)
	}
}

func (d *Dir) retainOne(h *held, now time.Time) {
	hw := d.set.o.HighWatermark(h.partition)
	if hw < 0 || !h.busy.TryLock() {
		return // being cleaned, which applies retention too, or deleted
	}
	defer h.busy.Unlock()
	if d.set.get(h.partition) != h {
		return
	}
	_, err := h.log.ApplyRetention(now, hw)
	d.logFailed(h.log, err)
}

func (d *Dir) expireProducers(now time.Time) {
	for _, h := range d.held() {
		h.log.RemoveExpiredProducers(now)
	}
}

// sweep lets logs that are not used go of their files and memory.
func (s *Set) sweep(ctx context.Context) {
	ticker := time.NewTicker(s.o.Intervals.Sweep)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			s.o.Files.Sweep()
		}
	}
}

// wentOffline makes Run tell OnOffline. It is called with a log's lock held, so
// it must not do so itself.
func (s *Set) wentOffline() {
	select {
	case s.offline <- struct{}{}:
	default:
	}
}

// tellOffline tells OnOffline of each directory once, until ctx ends.
func (s *Set) tellOffline(ctx context.Context) {
	for {
		for _, d := range s.dirs {
			if err := d.Err(); err != nil && !s.told[d] {
				s.told[d] = true
				if s.o.OnOffline != nil {
					s.o.OnOffline(d, err)
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-s.offline:
		}
	}
}

// Checkpoint writes all checkpoint files now.
func (s *Set) Checkpoint() error {
	var first error
	for _, d := range s.online() {
		if err := d.checkpoint(); err != nil && first == nil {
			first = err
		}
	}
	return first
}
