package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/client"
)

// newTopic returns `leat topic`.
func newTopic(c *cli) *cobra.Command {
	return group("topic", "Create, list, describe, alter, delete and move topics",
		newTopicCreate(c), newTopicList(c), newTopicDescribe(c), newTopicAlter(c), newTopicDelete(c), newReassign(c))
}

// newTopicCreate returns `leat topic create`.
func newTopicCreate(c *cli) *cobra.Command {
	var t client.NewTopic
	var configs []string
	var ifNotExists bool
	cmd := &cobra.Command{
		Use:   "create NAME...",
		Short: "Create topics",
		Example: `  leat topic create orders --partitions 6
  leat topic create audit -p 1 -c cleanup.policy=compact -c retention.ms=-1
  leat topic create orders --dry-run`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, names []string) error {
			var err error
			if t.Configs, err = keyValues(cmd, configs); err != nil {
				return err
			}
			return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
				var created []client.Topic
				for _, t.Name = range names {
					made, err := a.CreateTopic(ctx, t)
					if ifNotExists && errors.Is(err, kerr.TopicAlreadyExists) {
						continue
					}
					if err != nil {
						return err
					}
					created = append(created, made)
				}
				return c.printCreated(cmd.OutOrStdout(), created, t.DryRun)
			})
		},
	}
	f := cmd.Flags()
	f.Int32VarP(&t.Partitions, "partitions", "p", 0, "number of partitions (0: the broker's num.partitions)")
	f.Int16VarP(&t.Replicas, "replicas", "r", 0, "replicas of each partition (0: the broker's default.replication.factor)")
	f.StringArrayVarP(&configs, "config", "c", nil, "topic config KEY=VALUE; may be repeated")
	f.BoolVar(&t.DryRun, "dry-run", false, "check everything, create nothing")
	f.BoolVar(&ifNotExists, "if-not-exists", false, "an existing topic is no error")
	return cmd
}

// printCreated tells which topics were made.
func (c *cli) printCreated(w io.Writer, topics []client.Topic, dryRun bool) error {
	if c.output == "json" {
		return printJSON(w, orEmpty(topics))
	}
	verb := "created"
	if dryRun {
		verb = "would create"
	}
	for _, t := range topics {
		if _, err := fmt.Fprintf(w, "%s topic %s (%d partitions, %d replicas)\n", verb, t.Name, t.PartitionCount, t.Replicas); err != nil {
			return err
		}
	}
	return nil
}

// orEmpty makes a nil slice an empty one, so that JSON shows [] and not null.
func orEmpty[T any](s []T) []T {
	if s == nil {
		return []T{}
	}
	return s
}

// keyValues parses repeated KEY=VALUE flags.
func keyValues(cmd *cobra.Command, pairs []string) (map[string]string, error) {
	m := make(map[string]string, len(pairs))
	for _, pair := range pairs {
		k, v, ok := strings.Cut(pair, "=")
		if !ok || k == "" {
			return nil, &usageError{cmd.CommandPath(), fmt.Errorf("%q is not KEY=VALUE", pair)}
		}
		m[k] = v
	}
	return m, nil
}

// newTopicList returns `leat topic list`.
func newTopicList(c *cli) *cobra.Command {
	var internal bool
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List topics",
		Example: "  leat topic list\n  leat topic list --internal -o json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
				topics, err := a.Topics(ctx, internal)
				if err != nil {
					return err
				}
				if c.output == "json" {
					return printJSON(cmd.OutOrStdout(), topics)
				}
				t := newTable(cmd.OutOrStdout(), "NAME", "PARTITIONS", "REPLICAS", "ID")
				for _, topic := range topics {
					t.AppendRow(table.Row{topic.Name, topic.PartitionCount, topic.Replicas, topic.ID})
				}
				t.Render()
				return nil
			})
		},
	}
	cmd.Flags().BoolVar(&internal, "internal", false, "show internal topics too")
	return cmd
}

// newTopicDescribe returns `leat topic describe`.
func newTopicDescribe(c *cli) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use:               "describe NAME...",
		Short:             "Show partitions, offsets and configs of topics",
		Example:           "  leat topic describe orders\n  leat topic describe orders --all-configs -o json",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: c.completeTopics,
		RunE: func(cmd *cobra.Command, names []string) error {
			return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
				var described []client.TopicDescription
				for _, name := range names {
					d, err := a.DescribeTopic(ctx, name)
					if err != nil {
						return err
					}
					if !all {
						d.Configs = overrides(d.Configs)
					}
					described = append(described, d)
				}
				if c.output == "json" {
					return printJSON(cmd.OutOrStdout(), described)
				}
				return printTopics(cmd.OutOrStdout(), described)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all-configs", false, "show configs that have their default value too")
	return cmd
}

// overrides keeps the configs that somebody set.
func overrides(configs []client.TopicConfig) []client.TopicConfig {
	set := []client.TopicConfig{}
	for _, c := range configs {
		if !strings.HasPrefix(c.Source, "default") {
			set = append(set, c)
		}
	}
	return set
}

// printTopics shows each topic as a heading, a table of partitions and its
// configs.
func printTopics(w io.Writer, topics []client.TopicDescription) error {
	for i, d := range topics {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "Topic %s, id %s, %d partitions, %d replicas\n", d.Name, d.ID, d.PartitionCount, d.Replicas)
		t := newTable(w, "PARTITION", "LEADER", "EPOCH", "REPLICAS", "IN SYNC", "START", "END", "ERROR")
		for _, p := range d.Partitions {
			t.AppendRow(table.Row{p.Index, p.Leader, p.LeaderEpoch, ints(p.Replicas), ints(p.ISR), orDash(p.Start), orDash(p.End), p.Error})
		}
		t.Render()
		if len(d.Configs) == 0 {
			continue
		}
		fmt.Fprintln(w)
		t = newTable(w, "CONFIG", "VALUE", "SOURCE")
		for _, c := range d.Configs {
			t.AppendRow(table.Row{c.Key, c.Value, c.Source})
		}
		t.Render()
	}
	return nil
}

// newTopicAlter returns `leat topic alter`.
func newTopicAlter(c *cli) *cobra.Command {
	var partitions int
	var configs, remove []string
	cmd := &cobra.Command{
		Use:   "alter NAME",
		Short: "Add partitions to a topic, set or remove its configs",
		Example: `  leat topic alter orders --partitions 12
  leat topic alter orders -c retention.ms=86400000
  leat topic alter orders --delete-config retention.ms`,
		Args:              args(cobra.ExactArgs(1)),
		ValidArgsFunction: c.completeTopics,
		RunE: func(cmd *cobra.Command, names []string) error {
			set, err := keyValues(cmd, configs)
			if err != nil {
				return err
			}
			if partitions == 0 && len(set) == 0 && len(remove) == 0 {
				return &usageError{cmd.CommandPath(), errors.New("nothing to alter: give --partitions, --config or --delete-config")}
			}
			return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
				if len(set)+len(remove) > 0 {
					if err := a.AlterTopic(ctx, names[0], set, remove); err != nil {
						return err
					}
				}
				if partitions > 0 {
					if err := a.SetPartitions(ctx, names[0], partitions); err != nil {
						return err
					}
				}
				return c.done(cmd.OutOrStdout(), "altered topic", names[0])
			})
		},
	}
	f := cmd.Flags()
	f.IntVarP(&partitions, "partitions", "p", 0, "new number of partitions; it can only grow")
	f.StringArrayVarP(&configs, "config", "c", nil, "set a config KEY=VALUE; may be repeated")
	f.StringArrayVar(&remove, "delete-config", nil, "remove a config's override; may be repeated")
	return cmd
}

// newTopicDelete returns `leat topic delete`.
func newTopicDelete(c *cli) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:               "delete NAME...",
		Short:             "Delete topics with all their records",
		Example:           "  leat topic delete orders\n  leat topic delete orders audit --yes",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: c.completeTopics,
		RunE: func(cmd *cobra.Command, names []string) error {
			if !yes {
				list := strings.Join(names, " ")
				if err := confirm(fmt.Sprintf("Deleting topic %s destroys all its records", list), list); err != nil {
					return err
				}
			}
			return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
				for _, name := range names {
					if err := a.DeleteTopic(ctx, name); err != nil {
						return err
					}
					if err := c.done(cmd.OutOrStdout(), "deleted topic", name); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().BoolVarP(&yes, "yes", "y", false, "do not ask")
	return cmd
}

// done reports one finished action.
func (c *cli) done(w io.Writer, what, name string) error {
	if c.output == "json" {
		return printJSON(w, map[string]string{"done": what, "name": name})
	}
	_, err := fmt.Fprintf(w, "%s %s\n", what, name)
	return err
}
