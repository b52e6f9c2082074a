package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/leatmq/leat/tools/bench/probe"
	"github.com/leatmq/leat/tools/spawn"
)

// failover is a fault, and for how long it may be felt.
type failover struct {
	name, about string
	// partitions is how many the cluster has; 0: as many as the flag says, with a
	// producer for each.
	partitions int
	// round lets the fault happen once, and adds what it measures to the stage.
	round func(s *stage, ctx context.Context, round int) error
}

const manyPartitions = 1000

// failovers are all faults.
func failovers() []failover {
	return []failover{
		{name: "kill-leader", about: "a broker is killed: how long its partitions have no leader, beyond its session", round: (*stage).killLeader},
		{name: "freeze-leader", about: "a broker is stopped by SIGSTOP and goes on later", round: (*stage).freezeLeader},
		{name: "kill-controller", about: "the controller is killed while there are 1,000 partitions: time from its session's end",
			partitions: manyPartitions, round: (*stage).killController},
		{name: "restart", about: "each broker is stopped and started in turn under load", round: (*stage).restartAll},
	}
}

// failoverFlags are what only --failover knows.
type failoverFlags struct {
	on         bool
	session    time.Duration
	partitions int
	faults     []failover
	leat       string // the binary
	build      bool   // of this source, first
	subjects   func(leat string) []subject
}

// chooseFailover completes the flags of a run with --failover.
func (o *options) chooseFailover(flags *flag.FlagSet, names string, subjects func(leat string) []subject) (err error) {
	given := map[string]string{}
	flags.Visit(func(f *flag.Flag) { given[f.Name] = f.Value.String() })
	if given["rounds"] == "" {
		o.rounds = failoverRounds
	}
	f := &o.failover
	if f.session < time.Second || f.partitions < brokers {
		return fmt.Errorf("--session must be 1s or more, and --partitions %d or more", brokers)
	}
	if f.faults, err = chooseFailovers(names); err != nil {
		return err
	}
	f.leat, f.build, f.subjects = given["leat"], given["leat"] == "", subjects
	if !f.build && len(subjects(f.leat)) == 0 {
		return errors.New("nothing to measure: neither the binary of --leat nor --kafka-home is there")
	}
	return nil
}

const failoverRounds = 10

// failoverSubjects are a cluster's, with the session's timeout set and without
// elections that nobody has asked for.
func failoverSubjects(all []subject, session time.Duration) []subject {
	settings := []string{
		fmt.Sprintf("zookeeper.session.timeout.ms=%d", session.Milliseconds()),
		"auto.leader.rebalance.enable=false",
	}
	for i, s := range all {
		all[i].settings = settings
		if s.prepare != nil {
			continue
		}
		for _, set := range settings {
			all[i].command = append(all[i].command, "--set", set)
		}
	}
	return all
}

// chooseFailovers picks faults by name.
func chooseFailovers(names string) ([]failover, error) {
	if names == "all" {
		return failovers(), nil
	}
	var chosen []failover
next:
	for name := range strings.SplitSeq(names, ",") {
		for _, f := range failovers() {
			if f.name == strings.TrimSpace(name) {
				chosen = append(chosen, f)
				continue next
			}
		}
		return nil, fmt.Errorf("there is no scenario %q; see --help", name)
	}
	return chosen, nil
}

// breakAll lets all faults happen to all subjects, and reports.
func (o options) breakAll(ctx context.Context) (err error) {
	leat := o.failover.leat
	if o.failover.build {
		if leat, err = spawn.Build(ctx, o.dir); err != nil {
			return err
		}
	}
	var samples []sample
	for _, f := range o.failover.faults {
		for _, by := range failoverSubjects(o.failover.subjects(leat), o.failover.session) {
			got, err := o.breakOne(ctx, f, by)
			if err != nil {
				return fmt.Errorf("%s, %s: %w", f.name, by.name, err)
			}
			samples = append(samples, got...)
		}
	}
	lines := outcome(samples)
	if o.json != "" {
		if err := writeJSON(o.json, map[string]any{"session_seconds": o.failover.session.Seconds(), "lines": lines, "samples": samples}); err != nil {
			return err
		}
	}
	if o.json != "-" {
		return outcomeTable(os.Stdout, lines)
	}
	return nil
}

// settleFirst is how long producers run before the first fault, for programs that
// compile themselves.
const settleFirst = 5 * time.Second

// breakOne lets one fault happen to one cluster, so often as there are rounds.
func (o options) breakOne(ctx context.Context, f failover, by subject) (samples []sample, err error) {
	dir := filepath.Join(o.dir, f.name+"-"+by.name)
	g, err := by.startAll(ctx, dir, scenario{})
	if err != nil {
		return nil, err
	}
	defer func() {
		if stopped := g.stop(); err == nil {
			err = stopped
		}
	}()
	s, err := newStage(ctx, g, o.failover.session)
	if err != nil {
		return nil, err
	}
	defer s.close()
	partitions := f.partitions
	if partitions == 0 {
		partitions = o.failover.partitions
	}
	if err := s.fill(ctx, partitions); err != nil {
		return nil, fmt.Errorf("%w%s", err, g.tail())
	}
	probed, stop := context.WithCancel(ctx)
	var wg sync.WaitGroup
	var failed error
	if f.partitions == 0 {
		s.probes = probe.New(stageTopic, partitions, s.addresses()...)
		wg.Go(func() { failed = s.probes.Run(probed) })
	}
	err = s.rounds(ctx, f, o)
	stop()
	wg.Wait()
	if err = errors.Join(err, failed); err != nil {
		return nil, fmt.Errorf("%w%s", err, g.tail())
	}
	for i := range s.samples {
		s.samples[i].Scenario, s.samples[i].Subject = f.name, by.name
	}
	return s.samples, nil
}

// rounds runs all rounds, each from a cluster in good order.
func (s *stage) rounds(ctx context.Context, f failover, o options) error {
	if s.probes != nil {
		if err := s.flowing(ctx, time.Now().Add(settleFirst)); err != nil {
			return err
		}
	}
	for round := range o.rounds {
		if err := s.settle(ctx); err != nil {
			return err
		}
		first := len(s.samples)
		if s.probes != nil {
			s.probes.Forget()
		}
		if err := f.round(s, ctx, round); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		if err := s.settle(ctx); err != nil {
			return fmt.Errorf("round %d: %w", round, err)
		}
		var failures []error
		if s.probes != nil {
			failures = s.probes.Forget()
		}
		for i := range s.samples[first:] {
			s.samples[first+i].Round = round
		}
		if first < len(s.samples) {
			s.samples[first].Errors = len(failures)
		}
		if !o.quiet {
			for _, l := range outcome(s.samples[first:]) {
				fmt.Fprintf(os.Stderr, "%s %s, round %d: %v\n", f.name, filepath.Base(s.dir), round, l)
			}
			if len(failures) > 0 {
				fmt.Fprintf(os.Stderr, "  the first of %d errors: %v\n", len(failures), failures[0])
			}
		}
	}
	return nil
}
