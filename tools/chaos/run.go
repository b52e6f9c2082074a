package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/leatmq/leat/tools/chaos/check"
	"github.com/leatmq/leat/tools/chaos/fault"
	"github.com/leatmq/leat/tools/chaos/history"
	"github.com/leatmq/leat/tools/chaos/load"
	"github.com/leatmq/leat/tools/chaos/nodes"
	"github.com/leatmq/leat/tools/chaos/replica"
)

// Names of the files in a run's directory.
const (
	historyFile  = "history.zst"
	replicasFile = "replicas.zst"
	reportFile   = "report.html"
	resultFile   = "result.json"
)

// runner is one run.
type runner struct {
	config
	seed    uint64
	dir     string
	keys    []load.Key
	cluster *nodes.Cluster
	w       *history.Writer
	load    *load.Load
	begun   time.Time
}

// runSeed runs one seed from an empty directory to its report.
func runSeed(ctx context.Context, c config, seed uint64) *outcome {
	r := &runner{config: c, seed: seed, dir: filepath.Join(c.out, fmt.Sprintf("seed-%d", seed))}
	for i := range c.partitions {
		topic := "chaos-a"
		if i%3 == 2 {
			topic = "chaos-b"
		}
		r.keys = append(r.keys, load.Key{Topic: topic, Partition: r.count(topic)})
	}
	fmt.Printf("seed %d: %s\n", seed, r.dir)
	err := r.run(ctx)
	o, cerr := examine(c, r.dir)
	if err != nil && errors.Is(cerr, fs.ErrNotExist) {
		cerr = nil // it did not come to a history
	}
	if o == nil {
		o = &outcome{Seed: seed, Dir: r.dir}
	}
	if err = errors.Join(err, cerr); err != nil {
		o.Error = err.Error()
	}
	if err := o.save(); err != nil {
		o.Error += "\n" + err.Error()
	}
	if !o.failed() && !c.keep {
		images, err := filepath.Glob(filepath.Join(r.dir, "*.img"))
		for _, image := range images {
			err = errors.Join(err, os.Remove(image))
		}
		if err != nil {
			o.Error = err.Error()
		}
	}
	return o
}

// count is how many keys a topic has so far.
func (r *runner) count(topic string) int32 {
	n := int32(0)
	for _, k := range r.keys {
		if k.Topic == topic {
			n++
		}
	}
	return n
}

func (r *runner) settings() []string {
	set := []string{
		fmt.Sprintf("default.replication.factor=%d", r.rf),
		fmt.Sprintf("min.insync.replicas=%d", r.minISR),
		fmt.Sprintf("offsets.topic.replication.factor=%d", r.rf),
		"offsets.topic.num.partitions=4",
		"group.initial.rebalance.delay.ms=0",
		"auto.create.topics.enable=false",
		"log.segment.bytes=1048576",
	}
	if r.zookeepers > 0 {
		set = append(set, fmt.Sprintf("zookeeper.session.timeout.ms=%d", r.session.Milliseconds()), "replica.lag.time.max.ms=6000")
	}
	return append(set, r.sets...)
}

// run starts everything, loads, breaks, heals, reads and stops.
func (r *runner) run(ctx context.Context) (err error) {
	if err := os.RemoveAll(r.dir); err != nil {
		return err
	}
	if err := os.MkdirAll(r.dir, 0o755); err != nil {
		return err
	}
	starting, cancel := context.WithTimeout(ctx, 3*time.Minute)
	defer cancel()
	r.cluster, err = nodes.Start(starting, nodes.Options{Command: r.broker, Dir: r.dir, Brokers: r.brokers, Zookeepers: r.zookeepers, Set: r.settings()})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.cluster.Close()) }()
	admin, err := newAdmin(r.cluster.Bootstrap())
	if err != nil {
		return err
	}
	defer admin.close()
	if err := admin.create(starting, r); err != nil {
		return err
	}
	about := history.About{Seed: r.seed, Start: time.Now().Format(time.RFC3339), Brokers: r.brokers, Session: int64(r.session), Command: strings.Join(os.Args, " ")}
	for _, k := range r.keys {
		about.Keys = append(about.Keys, k.String())
	}
	if r.w, err = history.Create(filepath.Join(r.dir, historyFile), about); err != nil {
		return err
	}
	err = r.trouble(ctx, admin)
	return errors.Join(err, r.w.Close())
}

// trouble is the run proper: everything that the history is about.
func (r *runner) trouble(ctx context.Context, admin *admin) error {
	python, version := r.interpreter()
	r.load = load.New(load.Options{Bootstrap: r.cluster.Bootstrap(), Keys: r.keys, Rate: r.rate, Python: python, Librdkafka: version,
		Life: r.life, Seed: r.seed, History: r.w})
	loading, stop := context.WithCancel(ctx)
	defer stop()
	var clients sync.WaitGroup
	var loadErr error
	clients.Go(func() { loadErr = r.load.Run(loading) })
	r.begun = time.Now()
	err := r.play(ctx)
	stop()
	clients.Wait()
	if err = errors.Join(err, loadErr); err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	if err := admin.awaitISR(ctx, r); err != nil {
		r.note("isr-not-full: " + err.Error())
	}
	reading, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := r.load.ReadAll(reading); err != nil {
		r.note(err.Error())
	}
	return r.replicas()
}

func (r *runner) note(text string) {
	r.w.Add(history.Event{Type: history.Info, Op: history.Note, Text: text})
}

// interpreter is the Python for librdkafka's worker with the library's version, ""
// when it has not what it needs.
func (r *runner) interpreter() (python, version string) {
	if r.python == "" {
		return "", ""
	}
	out, err := exec.Command(r.python, "-c", "import confluent_kafka; print(confluent_kafka.libversion()[0])").CombinedOutput()
	if err != nil {
		r.note(fmt.Sprintf("without librdkafka: %v: %s", err, out))
		fmt.Fprintf(os.Stderr, "chaos: without librdkafka (tools/debian installs it): %v\n", err)
		return "", ""
	}
	return r.python, strings.TrimSpace(string(out))
}

// play carries out the plan.
func (r *runner) play(ctx context.Context) error {
	late := time.Duration(0) // how far the run is behind its plan
	plan := fault.Plan(fault.Options{Seed: r.seed, Duration: r.duration, Kinds: r.kinds, Brokers: r.brokers, Zookeepers: r.zookeepers, Calm: r.calm})
	for _, p := range plan {
		var steps sync.WaitGroup
		errs := make([]error, len(p.Steps))
		held := holders(p.Steps)
		for i, s := range p.Steps {
			steps.Go(func() { errs[i] = r.step(ctx, s, held, late) })
		}
		steps.Wait()
		r.until(ctx, p.Heal+late)
		if err := errors.Join(errors.Join(errs...), r.revive(), ctx.Err()); err != nil {
			return err
		}
		r.w.Add(history.Event{Type: history.OK, Op: history.Calm})
		late = max(late, time.Since(r.begun)-p.Heal)
		if err := r.calmUntil(ctx, p.Next+late); err != nil {
			return err
		}
	}
	return r.calmUntil(ctx, r.duration+late)
}

// calmUntil waits, and starts brokers that end although nothing is broken, as
// whoever keeps services running would.
func (r *runner) calmUntil(ctx context.Context, at time.Duration) error {
	for now := time.Since(r.begun); now < at; now = time.Since(r.begun) {
		r.until(ctx, min(at, now+time.Second))
		if err := errors.Join(r.revive(), ctx.Err()); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// until waits for an instant of the run.
func (r *runner) until(ctx context.Context, at time.Duration) {
	wait := time.NewTimer(time.Until(r.begun.Add(at)))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
	}
}

// holders is a lock for each thing that one fault at a time may have.
func holders(steps []fault.Step) map[string]*sync.Mutex {
	held := map[string]*sync.Mutex{}
	for _, s := range steps {
		for _, h := range s.Holds() {
			held[h] = &sync.Mutex{}
		}
	}
	return held
}

// step injects one fault and heals it, each at its time, or later when the fault
// before it is not healed yet. What is broken is healed even when the run is being
// stopped.
func (r *runner) step(ctx context.Context, s fault.Step, held map[string]*sync.Mutex, late time.Duration) error {
	r.until(ctx, s.At+late)
	for _, h := range s.Holds() {
		held[h].Lock()
		defer held[h].Unlock()
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	e := history.Event{Type: history.Invoke, Op: history.Fault, Value: s.Number, Text: string(s.Kind), Node: s.Where()}
	r.w.Add(e)
	heal, err := fault.Inject(ctx, r.cluster, s)
	if e.Type = history.OK; err != nil {
		e.Type, e.Text = history.Info, e.Text+": "+err.Error()
	}
	r.w.Add(e)
	if err != nil && !errors.Is(err, fault.ErrNoSession) && s.Kind != fault.Expire && s.Kind != fault.Stop {
		return err
	}
	r.until(ctx, s.At+s.For+late)
	e = history.Event{Type: history.Invoke, Op: history.Heal, Value: s.Number, Text: string(s.Kind), Node: s.Where()}
	r.w.Add(e)
	if err := heal(context.WithoutCancel(ctx)); err != nil {
		return fmt.Errorf("heal %s: %w", s, err)
	}
	e.Type = history.OK
	r.w.Add(e)
	return nil
}

// revive starts brokers that have ended by themselves, and says so.
func (r *runner) revive() error {
	var errs []error
	for _, b := range r.cluster.Brokers {
		if !b.Alive() {
			if r.w != nil {
				r.note(fmt.Sprintf("broker %d had ended by itself", b.ID))
			}
			errs = append(errs, b.Start())
		}
	}
	return errors.Join(errs...)
}

// replicas stops the brokers in good order and keeps what each has.
func (r *runner) replicas() error {
	var all sync.WaitGroup
	errs := make([]error, len(r.cluster.Brokers))
	for i, b := range r.cluster.Brokers {
		all.Go(func() {
			if err := b.Stop(30 * time.Second); err != nil {
				errs[i] = err
				r.note(err.Error())
			}
		})
	}
	all.Wait()
	ours := map[string]bool{}
	for _, k := range r.keys {
		ours[k.String()] = true
	}
	admit := func(p string) bool { return ours[p] || strings.HasPrefix(p, "__consumer_offsets-") }
	var out []check.Replica
	for i, b := range r.cluster.Brokers {
		read, err := replica.Read(b.Name, b.DataDir(), errs[i] == nil, admit)
		if err != nil {
			return err
		}
		out = append(out, read...)
	}
	data, err := json.Marshal(out)
	if err != nil {
		return err
	}
	return writeCompressed(filepath.Join(r.dir, replicasFile), data)
}
