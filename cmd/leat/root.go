package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leatmq/leat/client"
)

// version is set by the build.
var version = "dev"

// cli holds the flags that every client command shares.
type cli struct {
	bootstrap string
	output    string
	timeout   time.Duration
}

// usageError is a mistake on the command line: exit code 2.
type usageError struct {
	command string
	err     error
}

func (e *usageError) Error() string { return e.err.Error() }
func (e *usageError) Unwrap() error { return e.err }

// newRoot returns the whole command tree.
func newRoot() *cobra.Command {
	c := &cli{}
	root := group("leat", "A partitioned commit log that speaks the Kafka protocol",
		newBroker(), newTopic(c), newProduce(c), newConsume(c), newGroup(c), newCluster(c), newLog(c), newZK(c))
	root.Version, root.SilenceErrors, root.SilenceUsage = version, true, true
	root.Args = cobra.ArbitraryArgs
	root.Example = `  leat broker --data-dir /var/lib/leat
  leat topic create orders --partitions 6
  echo hello | leat produce orders
  leat consume orders --from beginning --exit`
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &usageError{cmd.CommandPath(), err}
	})
	root.PersistentFlags().StringVar(&c.bootstrap, "bootstrap", defaultBootstrap(),
		"brokers to ask first, HOST:PORT[,HOST:PORT...] (env LEAT_BOOTSTRAP)")
	root.PersistentFlags().StringVarP(&c.output, "output", "o", "table", "output format: table or json")
	root.PersistentFlags().DurationVar(&c.timeout, "timeout", 30*time.Second, "how long an administrative call may take")
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		if c.output != "table" && c.output != "json" {
			return &usageError{cmd.CommandPath(), fmt.Errorf("--output is table or json, not %q", c.output)}
		}
		return nil
	}
	return root
}

// defaultBootstrap is LEAT_BOOTSTRAP, or the client's default.
func defaultBootstrap() string {
	if v := os.Getenv("LEAT_BOOTSTRAP"); v != "" {
		return v
	}
	return client.DefaultBootstrap
}

// config is how the client commands reach the cluster.
func (c *cli) config() client.Config {
	var brokers []string
	for b := range strings.SplitSeq(c.bootstrap, ",") {
		if b = strings.TrimSpace(b); b != "" {
			brokers = append(brokers, b)
		}
	}
	return client.Config{Bootstrap: brokers, ClientID: "leat-cli", AdminTimeout: c.timeout}
}

// admin runs f with an admin client and the administrative timeout.
func (c *cli) admin(ctx context.Context, f func(context.Context, *client.Admin) error) error {
	a, err := client.NewAdmin(c.config())
	if err != nil {
		return err
	}
	defer a.Close()
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	return f(ctx, a)
}

// args wraps a cobra check of positional arguments so that a mistake is a
// usage error.
func args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, a []string) error {
		if err := check(cmd, a); err != nil {
			return &usageError{cmd.CommandPath(), err}
		}
		return nil
	}
}

// group returns a command that only holds others: called alone it shows its
// help, called with an unknown verb it says so.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.RunE = func(cmd *cobra.Command, a []string) error {
		if len(a) > 0 {
			return &usageError{cmd.CommandPath(), fmt.Errorf("unknown command %q for %q", a[0], cmd.CommandPath())}
		}
		return cmd.Help()
	}
	cmd.AddCommand(children...)
	return cmd
}

// completeTopics offers the cluster's topics to the shell.
func (c *cli) completeTopics(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	return c.complete(cmd, prefix, func(ctx context.Context, a *client.Admin) (names []string, err error) {
		topics, err := a.Topics(ctx, strings.HasPrefix(prefix, "_"))
		for _, t := range topics {
			names = append(names, t.Name)
		}
		return names, err
	})
}

// completeGroups offers the cluster's groups to the shell.
func (c *cli) completeGroups(cmd *cobra.Command, _ []string, prefix string) ([]string, cobra.ShellCompDirective) {
	return c.complete(cmd, prefix, func(ctx context.Context, a *client.Admin) (names []string, err error) {
		groups, err := a.Groups(ctx)
		for _, g := range groups {
			names = append(names, g.Name)
		}
		return names, err
	})
}

// complete asks the cluster for names, briefly: a shell must not hang.
func (c *cli) complete(cmd *cobra.Command, prefix string, list func(context.Context, *client.Admin) ([]string, error)) ([]string, cobra.ShellCompDirective) {
	var matching []string
	quick := cli{bootstrap: c.bootstrap, timeout: time.Second}
	err := quick.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
		names, err := list(ctx, a)
		for _, n := range names {
			if strings.HasPrefix(n, prefix) {
				matching = append(matching, n)
			}
		}
		return err
	})
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	return matching, cobra.ShellCompDirectiveNoFileComp
}
