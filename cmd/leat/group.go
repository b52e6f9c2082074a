package main

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/leatmq/leat/client"
)

// newGroup returns `leat group`.
func newGroup(c *cli) *cobra.Command {
	return group("group", "List, describe and delete consumer groups",
		newGroupList(c), newGroupDescribe(c), newGroupDelete(c))
}

// newGroupList returns `leat group list`.
func newGroupList(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:     "list",
		Short:   "List groups",
		Example: "  leat group list\n  leat group list -o json",
		Args:    args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
				groups, err := a.Groups(ctx)
				if err != nil {
					return err
				}
				if c.output == "json" {
					return printJSON(cmd.OutOrStdout(), groups)
				}
				t := newTable(cmd.OutOrStdout(), "GROUP", "STATE", "PROTOCOL TYPE", "COORDINATOR")
				for _, g := range groups {
					t.AppendRow(table.Row{g.Name, g.State, g.ProtocolType, g.Coordinator})
				}
				t.Render()
				return nil
			})
		},
	}
}

// newGroupDescribe returns `leat group describe`.
func newGroupDescribe(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:               "describe NAME...",
		Short:             "Show members, committed offsets and lag of groups",
		Example:           "  leat group describe billing\n  leat group describe billing -o json",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: c.completeGroups,
		RunE: func(cmd *cobra.Command, names []string) error {
			return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
				var described []client.GroupDescription
				for _, name := range names {
					d, err := a.DescribeGroup(ctx, name)
					if err != nil {
						return err
					}
					described = append(described, d)
				}
				if c.output == "json" {
					return printJSON(cmd.OutOrStdout(), described)
				}
				printGroups(cmd.OutOrStdout(), described)
				return nil
			})
		},
	}
}

// printGroups shows each group as a heading, its members and its offsets.
func printGroups(w io.Writer, groups []client.GroupDescription) {
	for i, g := range groups {
		if i > 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "Group %s, %s, %d members, protocol %s, coordinator %d\n", g.Name, g.State, len(g.Members), orNone(g.Protocol), g.Coordinator)
		if len(g.Members) > 0 {
			t := newTable(w, "MEMBER", "INSTANCE", "CLIENT", "HOST")
			for _, m := range g.Members {
				t.AppendRow(table.Row{m.ID, orNone(m.InstanceID), m.ClientID, m.Host})
			}
			t.Render()
		}
		if len(g.Offsets) > 0 {
			fmt.Fprintln(w)
			t := newTable(w, "TOPIC", "PARTITION", "COMMITTED", "END", "LAG", "CLIENT", "ERROR")
			for _, o := range g.Offsets {
				t.AppendRow(table.Row{o.Topic, o.Partition, orDash(o.Committed), orDash(o.End), orDash(o.Lag), orNone(o.ClientID), o.Error})
			}
			t.Render()
		}
	}
}

// orNone shows an empty string as a dash.
func orNone(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

// newGroupDelete returns `leat group delete`.
func newGroupDelete(c *cli) *cobra.Command {
	var yes bool
	cmd := &cobra.Command{
		Use:               "delete NAME...",
		Short:             "Delete groups that have no members, with their offsets",
		Example:           "  leat group delete billing --yes",
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: c.completeGroups,
		RunE: func(cmd *cobra.Command, names []string) error {
			if !yes {
				list := strings.Join(names, " ")
				if err := confirm(fmt.Sprintf("Deleting group %s destroys its committed offsets", list), list); err != nil {
					return err
				}
			}
			return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
				for _, name := range names {
					if err := a.DeleteGroup(ctx, name); err != nil {
						return err
					}
					if err := c.done(cmd.OutOrStdout(), "deleted group", name); err != nil {
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
