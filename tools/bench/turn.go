package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"github.com/leatmq/leat/tools/bench/load"
)

// turn is one measurement of one subject.
type turn struct {
	Scenario string `json:"scenario"`
	Subject  string `json:"subject"`
	Round    int    `json:"round"`

	Bytes    int64   `json:"bytes"` // without compression
	Requests int64   `json:"requests"`
	Seconds  float64 `json:"seconds"`
	// CPU seconds: of the subject, of the generator, of the whole machine.
	CPU        float64 `json:"cpu_seconds"`
	ClientCPU  float64 `json:"client_cpu_seconds"`
	MachineCPU float64 `json:"machine_cpu_seconds"`
	// Resident memory at the end and at most, bytes.
	RSS     int64 `json:"rss_bytes"`
	PeakRSS int64 `json:"peak_rss_bytes"`
}

// cpuPerGB is the subject's CPU seconds per 10^9 bytes.
func (t turn) cpuPerGB() float64 { return t.CPU / float64(t.Bytes) * 1e9 }

// clientPerGB is the generator's.
func (t turn) clientPerGB() float64 { return t.ClientCPU / float64(t.Bytes) * 1e9 }

// rate is MB (10^6 bytes) per second.
func (t turn) rate() float64 { return float64(t.Bytes) / 1e6 / t.Seconds }

// idleWait is how long idle connections are left alone before memory is read.
const idleWait = 3 * time.Second

// take takes one turn on a fresh directory.
func (o options) take(ctx context.Context, s scenario, by subject, round int) (t turn, err error) {
	t = turn{Scenario: s.name, Subject: by.name, Round: round}
	if err := warm(o.dir, o.warm); err != nil {
		return t, fmt.Errorf("warming the memory: %w", err)
	}
	dir := filepath.Join(o.dir, fmt.Sprintf("%s-%s-%d", s.name, by.name, round))
	g, err := by.startAll(ctx, dir, s)
	if err != nil {
		return t, err
	}
	defer func() {
		if stopped := g.stop(); err == nil {
			err = stopped
		}
	}()
	if s.idle > 0 {
		err = t.idle(ctx, g, s.idle)
	} else {
		err = t.move(ctx, g, s.load)
	}
	if err != nil {
		return t, fmt.Errorf("%s, %s: %w%s", s.name, by.name, err, g.tail())
	}
	return t, nil
}

// move moves the bytes of a workload.
func (t *turn) move(ctx context.Context, g *group, w load.Workload) error {
	// Warms up what the subject does lazily, and is not counted.
	ready := w
	ready.Bytes = w.Bytes / 10
	if w.All { // three times as much to compile, where programs compile themselves
		ready.Bytes = w.Bytes / 2
	}
	if w.Consume {
		if err := load.Fill(ctx, g.address, w); err != nil {
			return err
		}
	}
	if _, err := load.Run(ctx, g.address, ready); err != nil {
		return err
	}
	before, err := readClocks(g)
	if err != nil {
		return err
	}
	r, err := load.Run(ctx, g.address, w)
	if err != nil {
		return err
	}
	after, err := readClocks(g)
	if err != nil {
		return err
	}
	t.Bytes, t.Requests, t.Seconds = r.Bytes, r.Requests, r.Took.Seconds()
	t.CPU = (after.subject - before.subject).Seconds()
	t.ClientCPU = (after.own - before.own).Seconds()
	t.MachineCPU = (after.machine - before.machine).Seconds()
	t.RSS, t.PeakRSS, err = g.memory()
	return err
}

// idle opens connections, sends one request on each and leaves them alone.
func (t *turn) idle(ctx context.Context, g *group, n int) error {
	closeAll, err := load.Idle(ctx, g.address, n)
	defer closeAll()
	if err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(idleWait):
	}
	t.RSS, t.PeakRSS, err = g.memory()
	return err
}

// clocks are processor times at one moment.
type clocks struct{ subject, own, machine time.Duration }

func readClocks(g *group) (c clocks, err error) {
	if c.subject, err = g.cpuTime(); err != nil {
		return c, err
	}
	if c.own, err = ownCPU(); err != nil {
		return c, err
	}
	c.machine, err = machineCPU()
	return c, err
}
