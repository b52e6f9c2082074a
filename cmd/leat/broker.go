package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"

	"github.com/spf13/cobra"

	"github.com/leatmq/leat/broker"
	"github.com/leatmq/leat/broker/config"
)

// brokerFlags are the flags of `leat broker` that stand for a key.
var brokerFlags = []struct {
	name, key, usage, shown string
}{
	{"data-dir", "log.dirs", "where data is kept; several, separated by commas, share the partitions", "./data"},
	{"listen", "listeners", "HOST:PORT to listen on for clients, or NAME://HOST:PORT,...", ":9092"},
	{"advertise", "advertised.listeners", "HOST:PORT that clients are told to connect to", "the address that each client used"},
	{"admin-listen", "leat.admin.listen", "HOST:PORT of /metrics, /livez and /readyz", "127.0.0.1:9644"},
	{"zookeeper", "zookeeper.connect", "ZooKeeper of the cluster to join, HOST:PORT[,HOST:PORT...][/chroot]", "none: a single node"},
	{"broker-id", "broker.id", "this broker's id", "the data directory's, or 0"},
}

// newBroker returns `leat broker`.
func newBroker() *cobra.Command {
	var file string
	var set []string
	cmd := &cobra.Command{
		Use:   "broker",
		Short: "Run a broker",
		Long: `Run a broker until SIGTERM or SIGINT. Without any flag it is a single node that
keeps its data in ./data, listens on port 9092 and holds the cluster's state in
the data directory. With --zookeeper it joins the cluster that ZooKeeper holds;
` + "`leat zk export`" + ` moves a single node's state there.

Every key of Kafka's server.properties can be given, in this order of strength:
flags, --set, KAFKA_* variables (KAFKA_LOG_RETENTION_MS is log.retention.ms), the
file of --config. docs/configuration.md lists the keys.

Clients are told the address that they used themselves, unless --advertise says
another: needed behind a NAT, a proxy or in a container whose port is mapped.`,
		Example: `  leat broker
  leat broker --data-dir /var/lib/leat --listen 0.0.0.0:9092 --advertise broker.example.org:9092
  leat broker --config /etc/kafka/server.properties --set log.retention.hours=24
  leat broker --zookeeper zk1:2181,zk2:2181,zk3:2181/kafka --broker-id 1
  KAFKA_NUM_PARTITIONS=6 leat broker`,
		Args: args(cobra.NoArgs),
	}
	values := make([]*string, len(brokerFlags))
	for i, f := range brokerFlags {
		values[i] = cmd.Flags().String(f.name, "", fmt.Sprintf("%s (default %s)", f.usage, f.shown))
	}
	cmd.Flags().StringVar(&file, "config", "", "a server.properties to read")
	cmd.Flags().StringArrayVar(&set, "set", nil, "KEY=VALUE of any key; may be repeated")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		sources := config.Sources{Flags: map[string]string{}, FlagNames: map[string]string{}, Set: set, Env: os.Environ(), File: file}
		for i, f := range brokerFlags {
			if !cmd.Flags().Changed(f.name) {
				continue
			}
			value := *values[i]
			if f.key == "listeners" || f.key == "advertised.listeners" {
				value = config.PlaintextListener(value)
			}
			sources.Flags[f.key], sources.FlagNames[f.key] = value, "--"+f.name
		}
		return runBroker(cmd.Context(), sources, cmd.ErrOrStderr())
	}
	return cmd
}

// runBroker loads the configuration and runs the broker until ctx ends.
func runBroker(ctx context.Context, sources config.Sources, stderr io.Writer) error {
	store, warnings, err := config.Load(sources)
	if err != nil {
		return err
	}
	logger, err := newLogger(stderr, store)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		logger.Warn(w.String())
	}
	now, err := clock()
	if err != nil {
		return err
	}
	b, err := broker.New(broker.Config{Store: store, Logger: logger, Version: version, Now: now})
	if err != nil {
		return err
	}
	return b.Run(ctx)
}

// newLogger returns the broker's logger: text or JSON lines on w.
func newLogger(w io.Writer, store *config.Store) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(store.String("leat.log.level"))); err != nil {
		return nil, fmt.Errorf("leat.log.level: %w", err)
	}
	options := &slog.HandlerOptions{Level: level}
	if store.String("leat.log.format") == "json" {
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return slog.New(slog.NewTextHandler(w, options)), nil
}
