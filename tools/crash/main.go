// Command crash kills a broker again and again under load and checks that no
// acknowledged record is lost, moved, torn or, from an idempotent producer,
// doubled.
//
//	go run ./tools/crash --rounds 200 --seed 1
//
// Each round writes with plain producers (acks=1) and an idempotent one, kills
// the broker by SIGKILL at a random instant, runs `leat log verify` on its data
// directory, starts it again, and reads everything back.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/leatmq/leat/tools/spawn"
)

func main() {
	var o Options
	flag.IntVar(&o.Rounds, "rounds", 20, "how often to kill")
	flag.Uint64Var(&o.Seed, "seed", uint64(time.Now().UnixNano()), "seed of the random instants")
	flag.DurationVar(&o.MaxLife, "max-life", 600*time.Millisecond, "longest time between start and kill")
	flag.StringVar(&o.Bin, "bin", "", "leat binary (empty: built from this source)")
	keep := flag.String("data-dir", "", "data directory to use and keep (empty: a temporary one)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, o, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
		os.Exit(1)
	}
}

// run prepares a directory and a binary and runs the rounds.
func run(ctx context.Context, o Options, dataDir string) error {
	tmp, err := os.MkdirTemp("", "leat-crash-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	if o.DataDir = dataDir; o.DataDir == "" {
		o.DataDir = tmp + "/data"
	}
	if o.Bin == "" {
		if o.Bin, err = spawn.Build(ctx, tmp); err != nil {
			return err
		}
	}
	o.Report = func(line string) { fmt.Println(line) }
	report, err := Run(ctx, o)
	fmt.Printf("seed %d: %d kills, %d records acknowledged, %d read back, slowest start %v\n",
		o.Seed, report.Kills, report.Acknowledged, report.Read, report.SlowestStart.Round(time.Millisecond))
	return err
}
