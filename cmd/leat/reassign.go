package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/leatmq/leat/client"
)

// plan is a reassignment file, in Kafka's format.
type plan struct {
	Version    int           `json:"version"`
	Partitions []client.Move `json:"partitions"`
}

// newReassign returns `leat topic reassign`.
func newReassign(c *cli) *cobra.Command {
	cmd := group("reassign", "Move partitions to other brokers",
		newReassignGenerate(c), newReassignExecute(c), newReassignStatus(c), newReassignCancel(c))
	cmd.Long = `Moves replicas of partitions between brokers: generate a plan, look at it, execute
it. Plans are files in the format of kafka-reassign-partitions. Producers and
consumers go on while data is copied; --throttle leaves them room.`
	cmd.Example = `  leat topic reassign generate orders --brokers 1,2,3 -o json > plan.json
  leat topic reassign execute plan.json --throttle 50MB
  leat topic reassign status
  leat topic reassign cancel --all`
	return cmd
}

// newReassignGenerate returns `leat topic reassign generate`.
func newReassignGenerate(c *cli) *cobra.Command {
	var spread client.Spread
	cmd := &cobra.Command{
		Use:   "generate [TOPIC...]",
		Short: "Plan an even spread of topics over brokers",
		Long: `Plans where replicas go so that each broker has about as many, and leads about as
many partitions. What may stay stays; replicas of a partition go to different
racks. Without topics it looks at all but the internal ones. -o json prints the
plan for execute.`,
		Example: `  leat topic reassign generate --brokers 1,2,3,4
  leat topic reassign generate orders --replicas 3 -o json > plan.json`,
		ValidArgsFunction: c.completeTopics,
		RunE: func(cmd *cobra.Command, topics []string) error {
			spread.Topics = topics
			return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
				cluster, err := a.Cluster(ctx)
				if err != nil {
					return err
				}
				moves, err := cluster.PlanMoves(spread)
				if err != nil {
					return err
				}
				if c.output == "json" {
					return printJSON(cmd.OutOrStdout(), plan{Version: 1, Partitions: orEmpty(moves)})
				}
				return printMoves(cmd.OutOrStdout(), &cluster, moves)
			})
		},
	}
	cmd.Flags().Int32SliceVar(&spread.Brokers, "brokers", nil, "brokers that may hold replicas (default all)")
	cmd.Flags().IntVarP(&spread.Replicas, "replicas", "r", 0, "replicas of each partition (default as many as now)")
	return cmd
}

// printMoves shows what a plan would change.
func printMoves(w io.Writer, cluster *client.Cluster, moves []client.Move) error {
	if len(moves) == 0 {
		_, err := fmt.Fprintln(w, "nothing to move")
		return err
	}
	now := make(map[string][]int32)
	for _, p := range cluster.Partitions {
		now[p.Name()] = p.Replicas
	}
	t := newTable(w, "PARTITION", "REPLICAS", "TO BE")
	for _, m := range moves {
		name := fmt.Sprintf("%s-%d", m.Topic, m.Partition)
		t.AppendRow(table.Row{name, ints(now[name]), ints(m.Replicas)})
	}
	t.Render()
	return nil
}

// readPlan reads a reassignment file; "-" is standard input.
func readPlan(cmd *cobra.Command, name string) (p plan, err error) {
	var text []byte
	if name == "-" {
		text, err = io.ReadAll(cmd.InOrStdin())
	} else {
		text, err = os.ReadFile(name)
	}
	if err != nil {
		return p, err
	}
	if err := json.Unmarshal(text, &p); err != nil {
		return p, fmt.Errorf("%s is no reassignment file: %w", name, err)
	}
	if p.Version != 1 {
		return p, fmt.Errorf("%s is a reassignment file of version %d; 1 is known", name, p.Version)
	}
	for _, m := range p.Partitions {
		if m.Topic == "" || len(m.Replicas) == 0 {
			return p, fmt.Errorf("%s: a partition without topic or replicas", name)
		}
	}
	return p, nil
}

// newReassignExecute returns `leat topic reassign execute`.
func newReassignExecute(c *cli) *cobra.Command {
	var throttle string
	var detach bool
	cmd := &cobra.Command{
		Use:   "execute PLAN",
		Short: "Carry out a plan and show how far it is",
		Long: `Starts what the file says and waits until it is done. Interrupting this command
interrupts nothing else: status shows how far it is, cancel undoes it.`,
		Example: `  leat topic reassign execute plan.json
  leat topic reassign execute plan.json --throttle 50MB --detach
  leat topic reassign generate orders -o json | leat topic reassign execute -`,
		Args: args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			var rate uint64
			if throttle != "" {
				var err error
				if rate, err = humanize.ParseBytes(throttle); err != nil || rate == 0 {
					return &usageError{cmd.CommandPath(), fmt.Errorf("--throttle is a size per second such as 50MB, not %q", throttle)}
				}
			}
			p, err := readPlan(cmd, files[0])
			if err != nil {
				return err
			}
			return c.execute(cmd, p, execution{rate: int64(rate), detach: detach})
		},
	}
	cmd.Flags().StringVar(&throttle, "throttle", "", "bytes per second that each broker may copy, such as 50MB")
	cmd.Flags().BoolVar(&detach, "detach", false, "start it and do not wait")
	return cmd
}

// newReassignStatus returns `leat topic reassign status`.
func newReassignStatus(c *cli) *cobra.Command {
	var wait bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the partitions that are moving",
		Long: `Shows how much of each partition is copied. Once nothing moves any more it takes
back what --throttle has set.`,
		Example: "  leat topic reassign status\n  leat topic reassign status --wait",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if wait {
				return c.await(cmd)
			}
			return c.status(cmd)
		},
	}
	cmd.Flags().BoolVar(&wait, "wait", false, "wait until nothing moves any more")
	return cmd
}

// newReassignCancel returns `leat topic reassign cancel`.
func newReassignCancel(c *cli) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:   "cancel [PLAN]",
		Short: "Stop moving and give partitions back the replicas they had",
		Example: `  leat topic reassign cancel plan.json
  leat topic reassign cancel --all`,
		Args: args(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, files []string) error {
			if all == (len(files) == 1) {
				return &usageError{cmd.CommandPath(), errors.New("give a plan or --all")}
			}
			var p plan
			if !all {
				var err error
				if p, err = readPlan(cmd, files[0]); err != nil {
					return err
				}
			}
			return c.cancel(cmd, p, all)
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "whatever is moving")
	return cmd
}
