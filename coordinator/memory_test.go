package coordinator_test

import (
	"bytes"
	"context"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"

	"github.com/leatmq/leat/coordinator/shard"
	"github.com/leatmq/leat/log/record"
)

// memory is an internal topic in memory, which can fail, lag and be led elsewhere on command.
type memory struct {
	t          testing.TB
	partitions int32

	mu      sync.Mutex
	changed sync.Cond
	parts   map[int32]*part
}

// part is one partition.
type part struct {
	epoch     int32 // of who leads
	batches   [][]byte
	end       int64
	committed int64
	lagging   bool          // what is appended is not committed by itself
	fail      error         // of appends
	lost      error         // of waiting for what is not committed
	unread    error         // of reads
	gate      chan struct{} // reads wait until it is closed; nil for none
}

func newMemory(t testing.TB, partitions int32) *memory {
	m := &memory{t: t, partitions: partitions, parts: map[int32]*part{}}
	m.changed.L = &m.mu
	return m
}

// with changes a partition.
func (m *memory) with(index int32, f func(*part)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.parts[index] == nil {
		m.parts[index] = &part{epoch: 1}
	}
	f(m.parts[index])
	m.changed.Broadcast()
}

// stored are the batches of a partition.
func (m *memory) stored(index int32) (all []record.Batch) {
	m.with(index, func(p *part) {
		for _, b := range p.batches {
			all = append(all, record.Batch(b))
		}
	})
	return all
}

func (m *memory) Partitions() int32 { return m.partitions }

func (m *memory) Lead(index, epoch int32) (shard.Log, error) {
	m.with(index, func(*part) {})
	return &led{m, index, epoch}, nil
}

// led is a partition at one epoch.
type led struct {
	m     *memory
	index int32
	epoch int32
}

func (l *led) Append(batch []byte) (end int64, err error) {
	l.m.with(l.index, func(p *part) {
		if err = p.fail; err == nil && p.epoch > l.epoch {
			err = shard.ErrNotLeader
		}
		if err != nil {
			return
		}
		b := record.Batch(bytes.Clone(batch))
		assert.True(l.m.t, b.CheckCRC())
		b.SetBaseOffset(p.end)
		p.batches = append(p.batches, b)
		p.end = b.NextOffset()
		if !p.lagging {
			p.committed = p.end
		}
		end = p.end
	})
	return end, err
}

func (l *led) Wait(ctx context.Context, end int64) error {
	defer context.AfterFunc(ctx, func() { l.m.with(l.index, func(*part) {}) })()
	l.m.mu.Lock()
	defer l.m.mu.Unlock()
	p := l.m.parts[l.index]
	for p.committed < end {
		if p.epoch > l.epoch {
			return shard.ErrNotLeader
		}
		if p.lost != nil {
			return p.lost
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		l.m.changed.Wait()
	}
	return nil
}

func (l *led) Led() (yes bool) {
	l.m.with(l.index, func(p *part) { yes = p.epoch <= l.epoch })
	return yes
}

func (l *led) Read(ctx context.Context, visit func([]byte) error) error {
	var batches [][]byte
	var gate chan struct{}
	var err error
	l.m.with(l.index, func(p *part) { batches, gate, err = p.batches, p.gate, p.unread })
	if err != nil {
		return err
	}
	if gate != nil {
		select {
		case <-gate:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	for _, b := range batches {
		if err := visit(b); err != nil {
			return err
		}
	}
	return nil
}
