// Command chaos runs a cluster under load, breaks it by a seeded plan, heals it,
// reads everything, and checks that nothing which was acknowledged is lost,
// doubled, moved or different on another replica, and that writes come back.
//
//	make chaos
//	go run ./tools/chaos --seed 7 --duration 2m --faults kill,pause
//	go run ./tools/chaos --seeds 1-50 --out /tmp/chaos
//	go run ./tools/chaos --check /tmp/chaos/seed-7
//
// It needs root: each broker and each ZooKeeper server lives in a network
// namespace of its own, each broker on a disk of its own (see package nodes). A
// run leaves a directory: history.zst (see package history), report.html,
// result.json, replicas.zst, the logs of the brokers. The plan of faults follows
// from the seed; what processes make of it is never twice the same.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/leatmq/leat/tools/chaos/fault"
	"github.com/leatmq/leat/tools/spawn"
)

// config is what a run is to be.
type config struct {
	seeds                []uint64
	duration             time.Duration
	brokers, zookeepers  int
	rf, minISR           int
	partitions, rate     int
	faults               string
	kinds                []fault.Kind
	out                  string
	broker               []string
	sets                 []string
	python               string
	session, calm, life  time.Duration
	keep, standalone     bool
	checkOnly, firstStop bool
	leastRate            float64
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	failed, err := chaos(ctx, os.Args[1:])
	if err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(2)
	}
	if failed {
		os.Exit(1)
	}
}

// chaos carries out what the command line asks for.
func chaos(ctx context.Context, args []string) (failed bool, err error) {
	c, dir, err := parse(args)
	if err != nil {
		return false, err
	}
	if c.checkOnly {
		o, err := examine(c, dir)
		if err != nil {
			return false, err
		}
		o.print(os.Stdout)
		return o.failed(), nil
	}
	if err := os.MkdirAll(c.out, 0o755); err != nil {
		return false, err
	}
	if len(c.broker) == 0 {
		bin, err := spawn.Build(ctx, c.out, "chaos")
		if err != nil {
			return false, err
		}
		c.broker = []string{bin, "broker"}
	}
	var all []*outcome
	for _, seed := range c.seeds {
		o := runSeed(ctx, c, seed)
		all = append(all, o)
		o.print(os.Stdout)
		if ctx.Err() != nil || c.firstStop && o.failed() {
			break
		}
	}
	if len(all) > 1 {
		summary(os.Stdout, all)
	}
	for _, o := range all {
		failed = failed || o.failed()
	}
	return failed, ctx.Err()
}

// parse reads the command line; dir is what --check names.
func parse(args []string) (c config, dir string, err error) {
	set := flag.NewFlagSet("chaos", flag.ContinueOnError)
	seed := set.Uint64("seed", 0, "the seed of one run (default: from the clock)")
	seeds := set.String("seeds", "", "a range of seeds, A-B: one run each")
	set.DurationVar(&c.duration, "duration", 2*time.Minute, "how long a run loads and breaks the cluster")
	set.IntVar(&c.brokers, "brokers", 3, "brokers")
	set.IntVar(&c.zookeepers, "zookeepers", 3, "ZooKeeper servers")
	set.IntVar(&c.rf, "rf", 3, "replication factor")
	set.IntVar(&c.minISR, "min-isr", 2, "min.insync.replicas")
	set.IntVar(&c.partitions, "partitions", 6, "partitions, of two topics together")
	set.IntVar(&c.rate, "rate", 1200, "records a second that all producers together try to write")
	set.StringVar(&c.faults, "faults", "all", fmt.Sprintf("kinds of faults, by commas; all, none, or of %v and power", fault.Kinds))
	set.StringVar(&c.out, "out", "", "directory for the results (default: a temporary one, named at the end)")
	broker := set.String("broker", "", "the broker's command line up to its flags, built with -tags chaos (default: built now from this source)")
	set.Func("set", "KEY=VALUE of every broker; may be repeated", func(s string) error { c.sets = append(c.sets, s); return nil })
	set.StringVar(&c.python, "python", "/usr/bin/python3", "an interpreter with confluent_kafka; empty: without librdkafka")
	set.DurationVar(&c.session, "session", 4*time.Second, "zookeeper.session.timeout.ms")
	set.DurationVar(&c.calm, "calm", 16*time.Second, "least peace after a heal")
	set.DurationVar(&c.life, "life", 25*time.Second, "how long a client lives on average")
	set.Float64Var(&c.leastRate, "least-rate", 50, "records a second below which a run proves nothing")
	set.BoolVar(&c.keep, "keep", false, "keep the brokers' disks of good runs too")
	set.BoolVar(&c.firstStop, "stop", false, "stop after the first run that fails")
	set.BoolVar(&c.standalone, "standalone", false, "one broker without ZooKeeper: to try the machinery")
	set.StringVar(&dir, "check", "", "check a run's directory again instead of running")
	if err := set.Parse(args); err != nil {
		return c, "", err
	}
	if c.checkOnly = dir != ""; c.checkOnly {
		return c, dir, nil
	}
	if c.standalone {
		c.brokers, c.zookeepers, c.rf, c.minISR = 1, 0, 1, 1
	}
	if *broker != "" {
		c.broker = strings.Fields(*broker)
	}
	if c.seeds, err = seedList(*seed, *seeds); err != nil {
		return c, "", err
	}
	if c.out == "" {
		if c.out, err = os.MkdirTemp("", "leat-chaos-"); err != nil {
			return c, "", err
		}
	}
	c.kinds, err = fault.ParseKinds(c.faults)
	return c, "", err
}

// seedList is one seed, or all of a range.
func seedList(one uint64, list string) ([]uint64, error) {
	if list == "" {
		if one == 0 {
			one = uint64(time.Now().UnixNano() % 1e9)
		}
		return []uint64{one}, nil
	}
	from, to, ok := strings.Cut(list, "-")
	if !ok {
		to = from
	}
	a, err1 := strconv.ParseUint(from, 10, 64)
	b, err2 := strconv.ParseUint(to, 10, 64)
	if err := errors.Join(err1, err2); err != nil || a > b {
		return nil, fmt.Errorf("--seeds %q is no range A-B: %w", list, errors.Join(err, errors.New("want two numbers, the lower first")))
	}
	var out []uint64
	for ; a <= b; a++ {
		out = append(out, a)
	}
	return out, nil
}
