package main

import (
	"context"
	"fmt"
	"io"
	"strconv"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/leatmq/leat/client"
)

// newCluster returns `leat cluster`.
func newCluster(c *cli) *cobra.Command {
	safe := newSafeToRestart(c)
	cmd := group("cluster", "Show the brokers and what is wrong with partitions", safe)
	cmd.Long = `Shows the brokers that are alive, which of them is the controller, and the
partitions that need attention: those with fewer replicas in sync than they have
(under-replicated), with fewer than min.insync.replicas (acks=all is refused), and
without a leader (offline). Leader imbalance is the share of partitions that
another broker leads than the first of their replicas.`
	cmd.Example = "  leat cluster\n  leat cluster -o json | jq .under_replicated\n  leat cluster safe-to-restart 2 && systemctl restart leat"
	unknown := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		if len(a) > 0 {
			return unknown(cmd, a)
		}
		return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
			cluster, err := a.Cluster(ctx)
			if err != nil {
				return err
			}
			if c.output == "json" {
				return printJSON(cmd.OutOrStdout(), cluster)
			}
			return printCluster(cmd.OutOrStdout(), cluster)
		})
	}
	return cmd
}

// printCluster shows a heading, the brokers, and the partitions of each trouble.
func printCluster(w io.Writer, c client.Cluster) error {
	controller := "none"
	if c.Controller >= 0 {
		controller = fmt.Sprint(c.Controller)
	}
	fmt.Fprintf(w, "Cluster %s, controller %s, %d brokers, %d topics, %d partitions\n", c.ID, controller, len(c.Brokers), c.Topics, len(c.Partitions))
	fmt.Fprintf(w, "%d under-replicated, %d under min.insync.replicas, %d offline, leader imbalance %.1f%%\n",
		len(c.UnderReplicated), len(c.UnderMinISR), len(c.Offline), c.Imbalance)
	t := newTable(w, "BROKER", "ENDPOINT", "RACK", "REPLICAS", "LEADERS", "PREFERRED")
	for _, b := range c.Brokers {
		t.AppendRow(table.Row{b.ID, b.Endpoint, orNone(b.Rack), b.Replicas, b.Leaders, b.Preferred})
	}
	t.Render()
	for _, trouble := range []struct {
		name string
		list []client.PartitionState
	}{{"UNDER-REPLICATED", c.UnderReplicated}, {"UNDER MIN ISR", c.UnderMinISR}, {"OFFLINE", c.Offline}} {
		if len(trouble.list) == 0 {
			continue
		}
		fmt.Fprintln(w)
		t := newTable(w, trouble.name, "LEADER", "REPLICAS", "IN SYNC", "MIN ISR")
		for _, p := range trouble.list {
			t.AppendRow(table.Row{p.Name(), orDash(int64(p.Leader)), ints(p.Replicas), ints(p.ISR), p.MinISR})
		}
		t.Render()
	}
	return nil
}

// safety is the answer of `leat cluster safe-to-restart`.
type safety struct {
	Broker    int32             `json:"broker"`
	Safe      bool              `json:"safe"`
	Obstacles []client.Obstacle `json:"obstacles"`
}

// newSafeToRestart returns `leat cluster safe-to-restart`.
func newSafeToRestart(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "safe-to-restart ID",
		Short: "Say whether a broker can be stopped without hurting any partition",
		Long: `Exits with 0 if every partition would still have a leader and at least
min.insync.replicas replicas in sync without the broker, and with 1 otherwise,
naming the partitions. Ask again before each broker of a rolling restart: the one
before must have caught up.`,
		Example: "  leat cluster safe-to-restart 2\n  until leat cluster safe-to-restart 2; do sleep 5; done",
		Args:    args(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, a []string) error {
			id, err := strconv.ParseInt(a[0], 10, 32)
			if err != nil || id < 0 {
				return &usageError{cmd.CommandPath(), fmt.Errorf("%q is no broker id", a[0])}
			}
			return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
				cluster, err := a.Cluster(ctx)
				if err != nil {
					return err
				}
				return c.judge(cmd.OutOrStdout(), &cluster, int32(id))
			})
		},
	}
}

// judge prints whether a broker may be stopped; if not it returns an error.
func (c *cli) judge(w io.Writer, cluster *client.Cluster, id int32) error {
	if !cluster.Has(id) {
		return fmt.Errorf("broker %d is not in the cluster (`leat cluster` shows the brokers)", id)
	}
	s := safety{Broker: id, Obstacles: cluster.Obstacles(id)}
	s.Safe = len(s.Obstacles) == 0
	if c.output == "json" {
		if err := printJSON(w, s); err != nil {
			return err
		}
	} else {
		for _, o := range s.Obstacles {
			fmt.Fprintf(w, "%s %s\n", o.Name(), o.Why)
		}
	}
	if !s.Safe {
		return fmt.Errorf("broker %d is not safe to restart: %d partitions", id, len(s.Obstacles))
	}
	if c.output == "json" {
		return nil
	}
	_, err := fmt.Fprintf(w, "broker %d is safe to restart\n", id)
	return err
}
