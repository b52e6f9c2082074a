// Command bench measures brokers beside the null broker: processor time per byte,
// throughput and memory, as ratios of runs that alternate.
//
//	go run ./tools/bench            all scenarios: null, and bin/leat if it is there
//	go run ./tools/bench --help     the flags
//	go run ./tools/bench null       the null broker alone
//	go run ./tools/bench --cluster  three brokers on a ZooKeeper, replicated thrice,
//	                                beside Kafka's from --kafka-home or KAFKA_HOME
//	go run ./tools/bench --failover how long the same clusters are felt to be away
//	                                when a broker is killed, frozen or restarted
//
// How a figure is come by: for each scenario and round, the subjects take turns. A
// turn warms the memory (pages that the host has not backed cost many times as
// much as others), starts the subject on an empty directory, lets it warm up, moves a
// fixed number of bytes with the load generator of tools/bench/load, and reads the
// processor time that the subject's process has used meanwhile from /proc. Ratios are
// of two turns of the same round; the table gives their median and range.
//
// On a machine with few processors the generator takes its share of them, so
// CPU seconds per GB is the figure to trust, and MB/s one to look at.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/leatmq/leat/tools/bench/null"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if len(os.Args) > 1 && os.Args[1] == "null" {
		err = serveNull(ctx, os.Args[2:])
	} else {
		err = bench(ctx, os.Args[1:])
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// serveNull runs the null broker.
func serveNull(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("bench null", flag.ContinueOnError)
	dir := flags.String("data-dir", "", "directory for the logs")
	listen := flags.String("listen", "127.0.0.1:9092", "address")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *dir == "" {
		return errors.New("null: --data-dir is needed")
	}
	if err := os.MkdirAll(*dir, 0o755); err != nil {
		return err
	}
	l, err := net.Listen("tcp", *listen)
	if err != nil {
		return err
	}
	return null.New(*dir).Serve(ctx, l)
}

// options are the flags of a run.
type options struct {
	scenarios []scenario
	subjects  []subject
	rounds    int
	dir       string
	warm      int64
	json      string
	quiet     bool
	failover  failoverFlags
}

const usage = `Usage: go run ./tools/bench [--cluster | --failover] [flags]
       go run ./tools/bench null --data-dir DIR [--listen HOST:PORT]

Measures brokers beside the null broker, the least that a machine must do to keep
a log. Prints processor time per GB, MB/s and memory of each, and the ratio
to the null broker: median [least-most] over the rounds.

Scenarios (4 connections with one partition each, 1 KiB records, half random):
`

// parse reads the flags.
func parse(args []string) (o options, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	names := flags.String("scenarios", "all", "which, separated by commas")
	flags.IntVar(&o.rounds, "rounds", 5, "how often each subject has its turn (with --failover, 10)")
	gb := flags.Float64("gb", 1, "GB (10^9 bytes) to move in a turn; four times as much is consumed")
	warm := flags.Float64("warm-gb", 2, "GB of memory to touch before a turn")
	leat := flags.String("leat", "bin/leat", "the leat binary; left out if it is not there")
	leatArgs := flags.String("leat-args", "", "more arguments for leat, separated by spaces")
	other := flags.String("other", "", "command line of one more subject (Kafka, say); {dir}, {host} and {port} are replaced")
	cluster := flags.Bool("cluster", false, "measure clusters of three brokers with a ZooKeeper of their own; ratios are to Kafka if it is there")
	kafkaHome := flags.String("kafka-home", os.Getenv("KAFKA_HOME"), "with --cluster: directory of a Kafka 3.x, of which libs/*.jar is used")
	flags.BoolVar(&o.failover.on, "failover", false, "break the clusters of --cluster and measure what their clients feel; leat is built from source unless --leat says which")
	flags.DurationVar(&o.failover.session, "session", 4*time.Second, "with --failover: zookeeper.session.timeout.ms")
	flags.IntVar(&o.failover.partitions, "partitions", 30, "with --failover: how many partitions are written")
	noNull := flags.Bool("without-null", false, "leave the null broker out")
	flags.StringVar(&o.dir, "dir", "", "directory for the subjects' data (default: a temporary one)")
	flags.StringVar(&o.json, "json", "", "write all turns and the summary to this file as JSON (- for standard output)")
	flags.BoolVar(&o.quiet, "quiet", false, "do not report each turn while running")
	flags.Usage = func() { explain(flags) }
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	if flags.NArg() > 0 {
		return o, fmt.Errorf("unknown argument %q; see --help", flags.Arg(0))
	}
	o.warm = int64(*warm * 1e9)
	if o.failover.on {
		return o, o.chooseFailover(flags, *names, func(leat string) []subject {
			return clusterSubjects(leat, strings.Fields(*leatArgs), *kafkaHome)
		})
	}
	if *cluster {
		o.subjects = clusterSubjects(*leat, strings.Fields(*leatArgs), *kafkaHome)
		if len(o.subjects) == 0 {
			return o, errors.New("nothing to measure: neither the binary of --leat nor --kafka-home is there")
		}
		o.scenarios, err = choose(clusterScenarios(int64(*gb*1e9)), *names)
		return o, err
	}
	if o.scenarios, err = choose(scenarios(int64(*gb*1e9)), *names); err != nil {
		return o, err
	}
	if !*noNull {
		self, err := os.Executable()
		if err != nil {
			return o, err
		}
		o.subjects = append(o.subjects, subject{name: "null", command: []string{self, "null", "--data-dir", "{dir}", "--listen", "{host}:{port}"}})
	}
	if _, err := os.Stat(*leat); err == nil {
		command := []string{*leat, "broker", "--data-dir", "{dir}", "--listen", "{host}:{port}", "--admin-listen", "{host}:0"}
		o.subjects = append(o.subjects, subject{name: "leat", command: append(command, strings.Fields(*leatArgs)...)})
	}
	if *other != "" {
		o.subjects = append(o.subjects, subject{name: "other", command: strings.Fields(*other)})
	}
	if len(o.subjects) == 0 {
		return o, errors.New("nothing to measure")
	}
	return o, nil
}

// explain prints all that the flags can choose, and them.
func explain(flags *flag.FlagSet) {
	about := usage
	for _, s := range scenarios(1e9) {
		about += fmt.Sprintf("  %-18s %s\n", s.name, s.about)
	}
	about += "\nWith --cluster (6 connections, two led by each broker; CPU and memory are of all three):\n"
	for _, s := range clusterScenarios(1e9) {
		about += fmt.Sprintf("  %-18s %s\n", s.name, s.about)
	}
	about += "\nWith --failover (three replicas, acks=all, one small record at a time in each partition):\n"
	for _, f := range failovers() {
		about += fmt.Sprintf("  %-18s %s\n", f.name, f.about)
	}
	_, _ = io.WriteString(flags.Output(), about+"\nFlags:\n") // help that cannot be written helps nobody
	flags.PrintDefaults()
}

// choose picks scenarios by name.
func choose(all []scenario, names string) ([]scenario, error) {
	if names == "all" {
		return all, nil
	}
	var chosen []scenario
next:
	for name := range strings.SplitSeq(names, ",") {
		for _, s := range all {
			if s.name == strings.TrimSpace(name) {
				chosen = append(chosen, s)
				continue next
			}
		}
		return nil, fmt.Errorf("there is no scenario %q; see --help", name)
	}
	return chosen, nil
}
