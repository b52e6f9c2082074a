package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/leatmq/leat/log/dump"
)

// newLog returns the commands that look into log directories without a broker.
func newLog(c *cli) *cobra.Command {
	cmd := group("log", "Look into log directories, offline and without changing them",
		newLogDump(c), newLogVerify(c))
	cmd.Example = `  leat log verify /var/lib/leat
  leat log dump /var/lib/leat/orders-0 --print-data-log`
	return cmd
}

// dumpFlags are the flags of leat log dump, named as Kafka's tool has them.
type dumpFlags struct {
	data, deep, offsets, transactions bool
}

// newLogDump returns leat log dump.
func newLogDump(c *cli) *cobra.Command {
	var f dumpFlags
	cmd := &cobra.Command{
		Use:   "dump FILE|DIR...",
		Short: "Print what the files of a partition hold",
		Long: `Prints data files, indexes, producer snapshots and leader epochs in the lines of Kafka's
kafka-dump-log; of a directory, all its files. What does not fit together goes to standard
error. With -o json, one object per line: of a data file the records, of others the entries.`,
		Example: `  leat log dump data/orders-0/00000000000000000000.log --print-data-log
  leat log dump data/orders-0
  leat log dump data/__consumer_offsets-12 --print-data-log --offsets-decoder
  leat log dump data/orders-0/00000000000000000000.log -o json | jq .value`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			if f.offsets && f.transactions {
				return &usageError{cmd.CommandPath(), errors.New("--offsets-decoder and --transaction-log-decoder exclude each other")}
			}
			for _, path := range paths {
				if err := c.dump(cmd, path, f); err != nil {
					return err
				}
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.BoolVar(&f.data, "print-data-log", false, "print every record with its key and value")
	flags.BoolVar(&f.deep, "deep-iteration", false, "print every record, but not what it says")
	flags.BoolVar(&f.offsets, "offsets-decoder", false, "read keys and values as those of __consumer_offsets; implies --print-data-log")
	flags.BoolVar(&f.transactions, "transaction-log-decoder", false, "read keys and values as those of __transaction_state; implies --print-data-log")
	return cmd
}

// dump prints a file, or every file of a partition's directory.
func (c *cli) dump(cmd *cobra.Command, path string, f dumpFlags) error {
	info, err := os.Stat(path)
	if err != nil {
		return explainPath(err)
	}
	o := dump.Options{Deep: f.deep, Data: f.data || f.offsets || f.transactions}
	switch {
	case f.offsets:
		o.Decode = decodeOffsets
	case f.transactions:
		o.Decode = decodeTransactions
	}
	if !info.IsDir() {
		return c.dumpFile(cmd, path, o)
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return err
	}
	shown := 0
	for _, e := range entries {
		if e.IsDir() || !dump.Known(e.Name()) {
			continue
		}
		shown++
		if err := c.dumpFile(cmd, filepath.Join(path, e.Name()), o); err != nil {
			return err
		}
	}
	if shown == 0 {
		return fmt.Errorf("%s holds no files of a partition; name a directory like %s", path, filepath.Join(path, "TOPIC-0"))
	}
	return nil
}

// dumpFile prints one file.
func (c *cli) dumpFile(cmd *cobra.Command, path string, o dump.Options) error {
	out := cmd.OutOrStdout()
	if c.output == "json" {
		return dumpJSON(cmd.Context(), out, path, o)
	}
	complaints, err := dump.File(&stoppable{cmd.Context(), out}, path, o)
	for _, line := range complaints {
		fmt.Fprintln(cmd.ErrOrStderr(), line)
	}
	return err
}

// explainPath adds to an error about a path what to do.
func explainPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) && errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("there is no %s: give the path of a file or directory on this machine, such as the broker's --data-dir", p.Path)
	}
	return err
}
