package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leatmq/leat/broker/config"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/vfs"
	"github.com/leatmq/leat/replication/transfer"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/tree/embedded"
	"github.com/leatmq/leat/replication/tree/zk"
)

// newZK returns `leat zk`.
func newZK(c *cli) *cobra.Command {
	return group("zk", "Move a single node's state into ZooKeeper and back, offline",
		newMove(c, move{export: true}), newMove(c, move{}))
}

// move is one `leat zk export` or `leat zk import`.
type move struct {
	export  bool
	dataDir string
	connect string
	file    string
	set     []string
	force   bool
	dryRun  bool
}

// moveReport is what it did.
type moveReport struct {
	ClusterID string `json:"cluster_id"`
	From      string `json:"from"`
	To        string `json:"to"`
	Topics    int    `json:"topics"`
	Nodes     int    `json:"nodes"`
	Bytes     int    `json:"bytes"`
	Created   int    `json:"created"`
	Changed   int    `json:"changed"`
	Deleted   int    `json:"deleted"`
	DryRun    bool   `json:"dry_run"`
}

// newMove returns `leat zk export` or `leat zk import`.
func newMove(c *cli, m move) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "import",
		Short: "Copy a cluster's state from ZooKeeper into a single node's data directory",
		Long: `Copies topics, configs and everything else that ZooKeeper holds of a cluster into
the data directory, which then is a single node's: ` + "`leat broker`" + ` without --zookeeper
serves it. Every partition must have its only replica on the broker of that
directory, whose cluster must be the one in ZooKeeper. No broker may run.

What ZooKeeper holds stays there.`,
		Example: `  leat zk import --data-dir /var/lib/leat --zookeeper zk1:2181/kafka
  leat zk import --data-dir /var/lib/leat --zookeeper zk1:2181/kafka --force`,
		Args: args(cobra.NoArgs),
	}
	if m.export {
		cmd.Use = "export"
		cmd.Short = "Copy a single node's state from its data directory into ZooKeeper"
		cmd.Long = `Copies topics, configs and everything else that a single node keeps in its data
directory into ZooKeeper, under the chroot, which is made. From then on that node
is started with --zookeeper, and other brokers may join it. The node must not run.

The data directory stays as it is; its copy of the state grows old once the
cluster lives in ZooKeeper.`
		cmd.Example = `  leat zk export --data-dir /var/lib/leat --zookeeper zk1:2181,zk2:2181,zk3:2181/kafka
  leat zk export --data-dir /var/lib/leat --zookeeper zk1:2181/kafka --dry-run -o json`
	}
	f := cmd.Flags()
	f.StringVar(&m.dataDir, "data-dir", "", "the broker's data directory, the first of several (needed)")
	f.StringVar(&m.connect, "zookeeper", "", "HOST:PORT[,HOST:PORT...][/chroot] (needed)")
	f.StringVar(&m.file, "config", "", "a server.properties with zookeeper.ssl.* and zookeeper.set.acl")
	f.StringArrayVar(&m.set, "set", nil, "KEY=VALUE of a zookeeper.* key; may be repeated")
	f.BoolVar(&m.force, "force", false, "overwrite what the target holds, if it is the same cluster")
	f.BoolVar(&m.dryRun, "dry-run", false, "check everything, change nothing")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if m.dataDir == "" || m.connect == "" {
			return &usageError{cmd.CommandPath(), errors.New("--data-dir and --zookeeper are needed")}
		}
		report, err := m.run(cmd.Context(), c.timeout)
		if err != nil {
			return fmt.Errorf("zk %s: %w", cmd.Name(), explainMove(err))
		}
		if c.output == "json" {
			return printJSON(cmd.OutOrStdout(), report)
		}
		return m.print(cmd.OutOrStdout(), report)
	}
	return cmd
}

// run carries the state over while it holds the data directory's lock.
func (m *move) run(ctx context.Context, timeout time.Duration) (report moveReport, err error) {
	meta, err := checkpoint.ReadMeta(vfs.OS, filepath.Join(m.dataDir, checkpoint.MetaFile))
	if errors.Is(err, fs.ErrNotExist) {
		return report, fmt.Errorf("%s is no broker's data directory: it has no %s", m.dataDir, checkpoint.MetaFile)
	}
	if err != nil {
		return report, err
	}
	lock, err := vfs.OS.Lock(filepath.Join(m.dataDir, checkpoint.LockFile))
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	path := filepath.Join(m.dataDir, embedded.FileName)
	if _, err := os.Stat(path); m.export && errors.Is(err, fs.ErrNotExist) {
		return report, fmt.Errorf("%s holds no single node's state: it has no %s", m.dataDir, embedded.FileName)
	}
	remote, err := m.open(ctx, timeout)
	if err != nil {
		return report, err
	}
	defer func() { err = errors.Join(err, remote.Close()) }()
	local, err := embedded.Open(path, embedded.Options{})
	if err != nil {
		return report, err
	}
	defer func() {
		err = errors.Join(err, local.Close())
		// An empty file would make a broker believe that it has no topics.
		if local.Fresh() && (err != nil || m.dryRun) {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	if m.export {
		return m.copy(local, remote, meta)
	}
	if err := single(remote, meta.BrokerID); err != nil {
		return report, err
	}
	return m.copy(remote, local, meta)
}

// open starts a session on ZooKeeper with the settings given.
func (m *move) open(ctx context.Context, timeout time.Duration) (*zk.Tree, error) {
	store, _, err := config.Load(config.Sources{File: m.file, Set: m.set, Flags: map[string]string{"zookeeper.connect": m.connect},
		FlagNames: map[string]string{"zookeeper.connect": "--zookeeper"}})
	if err != nil {
		return nil, err
	}
	o := zk.Options{ConnectTimeout: timeout, ACL: store.Bool("zookeeper.set.acl"), Logger: slog.New(slog.DiscardHandler)}
	if o.Servers, o.Chroot, err = zk.ParseConnect(m.connect); err != nil {
		return nil, err
	}
	if o.TLS, err = zk.TLSConfig(func(name string) string { return setting(store, "zookeeper.ssl."+name) }); err != nil {
		return nil, err
	}
	return zk.Open(ctx, o)
}

// setting is a key's value as text.
func setting(store *config.Store, name string) string {
	switch key, _ := config.Lookup(name); key.Type {
	case config.Boolean:
		return fmt.Sprint(store.Bool(name))
	case config.List:
		return strings.Join(store.List(name), ",")
	}
	return store.String(name)
}

// single refuses partitions that a single node would not have.
func single(remote tree.Tree, broker int32) error {
	foreign, err := transfer.Foreign(remote, broker)
	if err != nil || len(foreign) == 0 {
		return err
	}
	shown := foreign[:min(len(foreign), 5)]
	return fmt.Errorf("%d partitions have replicas on other brokers than %d (%s); `leat topic reassign` moves them",
		len(foreign), broker, strings.Join(shown, ", "))
}

// copy makes one tree like the other.
func (m *move) copy(from, to tree.Tree, meta checkpoint.Meta) (moveReport, error) {
	plan, err := transfer.Compare(from, to, transfer.Options{Force: m.force, ClusterID: meta.ClusterID})
	if err != nil {
		return moveReport{}, err
	}
	r := moveReport{ClusterID: plan.ClusterID, From: m.dataDir, To: m.connect, Topics: plan.Topics, Nodes: plan.Nodes, Bytes: plan.Bytes, DryRun: m.dryRun}
	if !m.export {
		r.From, r.To = r.To, r.From
	}
	for _, c := range plan.Changes {
		switch c.Op {
		case tree.OpCreate:
			r.Created++
		case tree.OpSet:
			r.Changed++
		case tree.OpDelete:
			r.Deleted++
		}
	}
	if m.dryRun {
		return r, nil
	}
	bar := newCounter(os.Stderr, "copied", int64(len(plan.Changes)))
	defer bar.stop()
	return r, plan.Run(func(done int) { bar.set(int64(done)) })
}

// explainMove adds the next step.
func explainMove(err error) error {
	switch {
	case errors.Is(err, vfs.ErrLocked), errors.Is(err, tree.ErrLocked):
		return fmt.Errorf("%w; stop the broker first", err)
	case errors.Is(err, transfer.ErrRunning):
		return fmt.Errorf("%w; stop them first, or wait until the sessions of those that died have ended", err)
	case errors.Is(err, transfer.ErrHoldsCluster):
		return fmt.Errorf("%w; --force overwrites it", err)
	case errors.Is(err, transfer.ErrOtherCluster):
		return fmt.Errorf("%w; another chroot would keep them apart", err)
	}
	return err
}

// print tells what was done and what to do next.
func (m *move) print(w io.Writer, r moveReport) error {
	verb := "copied"
	if r.DryRun {
		verb = "would copy"
	}
	next := "start the broker without --zookeeper"
	if m.export {
		next = "start the broker with --zookeeper " + m.connect
	}
	_, err := fmt.Fprintf(w, "%s cluster %s from %s to %s: %d topics, %d nodes (%d created, %d changed, %d deleted)\n",
		verb, r.ClusterID, r.From, r.To, r.Topics, r.Nodes, r.Created, r.Changed, r.Deleted)
	if err == nil && !r.DryRun {
		_, err = fmt.Fprintf(w, "now %s\n", next)
	}
	return err
}
