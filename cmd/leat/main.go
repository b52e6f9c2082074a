// Command leat is the one binary: the broker and everything to operate it.
//
//	leat broker                 run a broker
//	leat topic|group            administer one, over the Kafka protocol
//	leat cluster                see its brokers, and what is wrong
//	leat produce|consume        write and read records
//	leat log dump|verify        look into log directories, offline
//	leat zk export|import       move a single node's state into ZooKeeper and back
//
// Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() { os.Exit(run(os.Args[1:])) }

// run carries out one command line and returns the exit code.
func run(args []string) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	root := newRoot()
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return 130
	case errors.As(err, &usage):
		fmt.Fprintf(os.Stderr, "leat: %v\nTry `%s --help`.\n", err, usage.command)
		return 2
	default:
		fmt.Fprintf(os.Stderr, "leat: %v\n", err)
		return 1
	}
}
