package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/leatmq/leat/client"
)

// produceFlags are the flags of `leat produce`.
type produceFlags struct {
	key, keySeparator, input, compression, acks string
	headers                                     []string
	partition                                   int32
	linger                                      time.Duration
	emptyNull                                   bool
}

// newProduce returns `leat produce`.
func newProduce(c *cli) *cobra.Command {
	var f produceFlags
	cmd := &cobra.Command{
		Use:   "produce TOPIC [FILE...]",
		Short: "Write records, one per line of the input",
		Long: `Write records, one per line of the files or of standard input. Nothing is left
out: the command ends well only when the broker has acknowledged every record.`,
		Example: `  echo hello | leat produce greetings
  leat produce access /var/log/nginx/access.log --compression zstd
  leat produce users -K : <<< 'alice:{"id":1}'
  leat consume a --from beginning --exit -o json | leat produce b --input json`,
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: c.completeTopics,
		RunE: func(cmd *cobra.Command, a []string) error {
			return c.produce(cmd, a[0], a[1:], f)
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.key, "key", "k", "", "key of every record")
	fl.StringVarP(&f.keySeparator, "key-separator", "K", "", "split each line at the first of these into key and value")
	fl.StringArrayVarP(&f.headers, "header", "H", nil, "header KEY=VALUE of every record; may be repeated")
	fl.StringVar(&f.input, "input", "lines", "lines, or json as `leat consume -o json` prints it")
	fl.StringVarP(&f.compression, "compression", "z", "none", "none, gzip, snappy, lz4 or zstd")
	fl.StringVar(&f.acks, "acks", "all", "all, 1 or 0: whose acknowledgement to wait for")
	fl.Int32VarP(&f.partition, "partition", "p", -1, "write to this partition (-1: by key)")
	fl.DurationVar(&f.linger, "linger", 5*time.Millisecond, "how long a batch may wait for more records")
	fl.BoolVarP(&f.emptyNull, "null-empty", "Z", false, "an empty key or value is null")
	return cmd
}

// options turns the flags into a producer's options.
func (f produceFlags) options() (client.ProducerOptions, error) {
	acks, ok := map[string]client.Acks{"all": client.AcksAll, "-1": client.AcksAll, "1": client.AcksLeader, "0": client.AcksNone}[f.acks]
	if !ok {
		return client.ProducerOptions{}, fmt.Errorf("--acks is all, 1 or 0, not %q", f.acks)
	}
	if f.input != "lines" && f.input != "json" {
		return client.ProducerOptions{}, fmt.Errorf("--input is lines or json, not %q", f.input)
	}
	return client.ProducerOptions{
		Acks: acks, Compression: f.compression, Linger: f.linger, ManualPartition: f.partition >= 0, AutoCreate: true,
	}, nil
}

// parser returns the function that turns one line into a record.
func (f produceFlags) parser(topic string, headers []client.Header) func([]byte) (client.Record, error) {
	finish := func(r client.Record) client.Record {
		r.Topic = topic
		if f.partition >= 0 {
			r.Partition = f.partition
		}
		r.Headers = append(r.Headers, headers...)
		if f.emptyNull && len(r.Value) == 0 {
			r.Value = nil
		}
		if f.emptyNull && len(r.Key) == 0 {
			r.Key = nil
		}
		return r
	}
	if f.input == "json" {
		return func(line []byte) (client.Record, error) {
			r, err := fromJSON(line)
			return finish(r), err
		}
	}
	return func(line []byte) (client.Record, error) {
		r := client.Record{Value: bytes.Clone(line)}
		if r.Value == nil {
			r.Value = []byte{}
		}
		if f.key != "" {
			r.Key = []byte(f.key)
		}
		if f.keySeparator != "" {
			key, value, ok := bytes.Cut(r.Value, []byte(f.keySeparator))
			if !ok {
				return r, fmt.Errorf("no key separator %q in %q", f.keySeparator, line)
			}
			r.Key, r.Value = key, value
		}
		return finish(r), nil
	}
}

// parseHeaders parses repeated KEY=VALUE flags; keys may repeat.
func parseHeaders(cmd *cobra.Command, pairs []string) ([]client.Header, error) {
	var headers []client.Header
	for _, pair := range pairs {
		k, v, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, &usageError{cmd.CommandPath(), fmt.Errorf("%q is not KEY=VALUE", pair)}
		}
		headers = append(headers, client.Header{Key: k, Value: []byte(v)})
	}
	return headers, nil
}

// produce carries out `leat produce`.
func (c *cli) produce(cmd *cobra.Command, topic string, files []string, f produceFlags) error {
	o, err := f.options()
	if err != nil {
		return &usageError{cmd.CommandPath(), err}
	}
	headers, err := parseHeaders(cmd, f.headers)
	if err != nil {
		return err
	}
	p, err := client.NewProducer(c.config(), o)
	if err != nil {
		return &usageError{cmd.CommandPath(), err}
	}
	s := &sender{producer: p, parse: f.parser(topic, headers), progress: newMeter(os.Stderr, files)}
	defer s.progress.stop()
	err = s.inputs(cmd.Context(), cmd.InOrStdin(), files)
	return errors.Join(err, s.finish(cmd.Context(), c, cmd.OutOrStdout()))
}

// sender feeds lines to a producer and counts what became of them.
type sender struct {
	producer *client.Producer
	parse    func([]byte) (client.Record, error)
	progress *meter

	mu      sync.Mutex
	written int64
	failed  int64
	err     error // the first failure
}

// inputs sends every line of the files, or of standard input when there are
// none.
func (s *sender) inputs(ctx context.Context, stdin io.Reader, files []string) error {
	if len(files) == 0 {
		return s.lines(ctx, "standard input", stdin)
	}
	for _, name := range files {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		err = s.lines(ctx, name, file)
		if err := errors.Join(err, file.Close()); err != nil {
			return err
		}
	}
	return nil
}

// lines sends every line of r. A last line without a newline counts.
func (s *sender) lines(ctx context.Context, name string, r io.Reader) error {
	in := bufio.NewReaderSize(r, 1<<20)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil && err != io.EOF {
			return fmt.Errorf("read %s: %w", name, err)
		}
		if len(line) > 0 {
			s.progress.add(len(line))
			record, err := s.parse(bytes.TrimSuffix(line, []byte("\n")))
			if err != nil {
				return fmt.Errorf("%s, line %d: %w", name, n, err)
			}
			s.producer.SendAsync(ctx, record, s.sent)
		}
		if s.firstError() != nil || ctx.Err() != nil {
			return ctx.Err()
		}
		if err == io.EOF {
			return nil
		}
	}
}

// sent counts one record's outcome.
func (s *sender) sent(_ client.Record, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err == nil {
		s.written++
		return
	}
	s.failed++
	if s.err == nil {
		s.err = err
	}
}

// firstError returns the first failure so far.
func (s *sender) firstError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

// finish waits for the outstanding records and reports.
func (s *sender) finish(ctx context.Context, c *cli, w io.Writer) error {
	err := s.producer.Close(ctx)
	s.progress.stop()
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.output == "json" {
		err = errors.Join(err, printJSON(w, map[string]int64{"written": s.written, "failed": s.failed}))
	}
	if s.failed > 0 {
		return fmt.Errorf("%d records were written, %d were not: %w", s.written, s.failed, s.err)
	}
	return err
}
