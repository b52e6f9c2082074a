package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/leatmq/leat/client"
)

// consumeFlags are the flags of `leat consume`.
type consumeFlags struct {
	group, from, format string
	partitions          []int32
	max                 int64
	exit, committed     bool
}

// newConsume returns `leat consume`.
func newConsume(c *cli) *cobra.Command {
	var f consumeFlags
	cmd := &cobra.Command{
		Use:   "consume TOPIC...",
		Short: "Read records and print them",
		Long: `Read records and print them, values only unless --format or -o json says more.

--from is beginning, end, an OFFSET, -N (the last N records of each partition),
@TIME (RFC 3339 or ms since 1970) or @-DURATION (such as @-1h). With --group it
counts only where the group has no committed offset; the default is end without
--exit and beginning with it.

` + formatHelp,
		Example: `  leat consume orders
  leat consume orders --from beginning --exit
  leat consume orders --from @-1h -f '%D %p:%o %k %v\n'
  leat consume orders --group billing -n 100
  leat consume orders --from beginning --exit -o json | leat produce copy --input json`,
		Args:              args(cobra.MinimumNArgs(1)),
		ValidArgsFunction: c.completeTopics,
		RunE: func(cmd *cobra.Command, topics []string) error {
			return c.consume(cmd, topics, f)
		},
	}
	fl := cmd.Flags()
	fl.StringVarP(&f.group, "group", "g", "", "read as a member of this group and commit what was printed")
	fl.StringVar(&f.from, "from", "", "where to begin")
	fl.StringVarP(&f.format, "format", "f", "%v\\n", "how to print a record")
	fl.Int32SliceVarP(&f.partitions, "partition", "p", nil, "read only these partitions")
	fl.Int64VarP(&f.max, "max", "n", 0, "stop after this many records (0: never)")
	fl.BoolVarP(&f.exit, "exit", "e", false, "stop at the end of every partition as it is now")
	fl.BoolVar(&f.committed, "read-committed", false, "leave out records of aborted and open transactions")
	return cmd
}

// parseStart reads --from.
func parseStart(s string, now time.Time) (client.Start, error) {
	bad := fmt.Errorf("--from %q: give beginning, end, OFFSET, -N, @TIME or @-DURATION", s)
	if at, ok := strings.CutPrefix(s, "@"); ok {
		if ago, err := time.ParseDuration(at); err == nil && strings.HasPrefix(at, "-") {
			return client.FromTime(now.Add(ago)), nil
		}
		if ms, err := strconv.ParseInt(at, 10, 64); err == nil && ms >= 0 {
			return client.FromTime(time.UnixMilli(ms)), nil
		}
		if t, err := time.Parse(time.RFC3339, at); err == nil {
			return client.FromTime(t), nil
		}
		return client.Start{}, bad
	}
	switch s {
	case "beginning", "start", "earliest":
		return client.FromBeginning(), nil
	case "end", "latest":
		return client.FromEnd(), nil
	}
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case err != nil:
		return client.Start{}, bad
	case n < 0:
		return client.FromLast(-n), nil
	default:
		return client.FromOffset(n), nil
	}
}

// options turns the flags into a consumer's options.
func (f consumeFlags) options(cmd *cobra.Command, topics []string) (client.ConsumerOptions, error) {
	from := f.from
	if from == "" {
		from = "end"
		if f.exit {
			from = "beginning"
		}
	}
	start, err := parseStart(from, time.Now())
	if err != nil {
		return client.ConsumerOptions{}, &usageError{cmd.CommandPath(), err}
	}
	return client.ConsumerOptions{
		Topics: topics, Group: f.group, Partitions: f.partitions, Start: &start, ReadCommitted: f.committed,
	}, nil
}

// printer returns the function that appends a record in the wanted form.
func (c *cli) printer(cmd *cobra.Command, format string) (func([]byte, client.Record) ([]byte, error), error) {
	if c.output == "json" {
		return func(d []byte, r client.Record) ([]byte, error) {
			line, err := toJSON(r)
			return append(append(d, line...), '\n'), err
		}, nil
	}
	f, err := parseFormat(format)
	if err != nil {
		return nil, &usageError{cmd.CommandPath(), err}
	}
	return func(d []byte, r client.Record) ([]byte, error) { return f.append(d, r), nil }, nil
}

// consume carries out `leat consume`.
func (c *cli) consume(cmd *cobra.Command, topics []string, f consumeFlags) error {
	o, err := f.options(cmd, topics)
	if err != nil {
		return err
	}
	appendRecord, err := c.printer(cmd, f.format)
	if err != nil {
		return err
	}
	var rest *remaining
	if f.exit {
		if rest, err = c.remaining(cmd.Context(), o); err != nil {
			return err
		}
		if rest.done() {
			return nil
		}
	}
	consumer, err := client.NewConsumer(c.config(), o)
	if err != nil {
		return err
	}
	defer consumer.Close()
	loop := consumeLoop{cli: c, consumer: consumer, options: o, flags: f, rest: rest, print: appendRecord}
	return loop.run(cmd.Context(), cmd.OutOrStdout())
}

// consumeLoop polls, prints and commits until it has what was asked for.
type consumeLoop struct {
	cli      *cli
	consumer *client.Consumer
	options  client.ConsumerOptions
	flags    consumeFlags
	rest     *remaining // nil: no end
	print    func([]byte, client.Record) ([]byte, error)
	printed  int64
}

// run polls until the end. What was printed is committed even when the
// command is interrupted.
func (l *consumeLoop) run(ctx context.Context, w io.Writer) error {
	out := bufio.NewWriterSize(w, 64<<10)
	for {
		poll, cancel := ctx, context.CancelFunc(func() {})
		if l.rest != nil && l.options.Group != "" {
			poll, cancel = context.WithTimeout(ctx, time.Second)
		}
		batch, err := l.consumer.Poll(poll)
		cancel()
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, context.DeadlineExceeded):
			if l.rest, err = l.cli.remaining(ctx, l.options); err != nil {
				return err
			}
		case err != nil:
			return err
		}
		finished, err := l.batch(batch, out)
		if err != nil {
			return err
		}
		if err := out.Flush(); err != nil {
			return err
		}
		if l.options.Group != "" && len(batch.Records) > 0 && !finished {
			if err := l.consumer.Commit(ctx); err != nil {
				return err
			}
		}
		if finished || l.rest.done() {
			return nil
		}
	}
}

// batch prints one poll's records and tells whether that was all.
func (l *consumeLoop) batch(b client.Batch, out *bufio.Writer) (finished bool, err error) {
	var buf []byte
	for _, r := range b.Records {
		if l.rest.beyond(r) {
			continue
		}
		if buf, err = l.print(buf[:0], r); err != nil {
			return false, err
		}
		if _, err := out.Write(buf); err != nil {
			return false, err
		}
		if l.printed++; l.printed == l.flags.max {
			return true, l.commitThrough(r, b, out)
		}
	}
	for _, end := range b.Ends {
		l.rest.reached(end)
	}
	return false, nil
}

// commitThrough ends a limited read in the middle of a batch: of the batch's
// records only those up to the last printed one are committed.
func (l *consumeLoop) commitThrough(last client.Record, b client.Batch, out *bufio.Writer) error {
	if err := out.Flush(); err != nil {
		return err
	}
	if l.options.Group == "" {
		return nil
	}
	upTo := map[client.TopicPartition]client.Record{}
	for _, r := range b.Records {
		upTo[client.TopicPartition{Topic: r.Topic, Partition: r.Partition}] = r
		if r.Topic == last.Topic && r.Partition == last.Partition && r.Offset == last.Offset {
			break
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), l.cli.timeout)
	defer cancel()
	records := make([]client.Record, 0, len(upTo))
	for _, r := range upTo {
		records = append(records, r)
	}
	return l.consumer.CommitRecords(ctx, records...)
}

// remaining is what is left to read up to the ends as they were at the start.
// A nil one has no end.
type remaining struct {
	ends map[client.TopicPartition]int64
	all  map[client.TopicPartition]int64
}

// remaining looks the ends up.
func (c *cli) remaining(ctx context.Context, o client.ConsumerOptions) (*remaining, error) {
	r := &remaining{ends: map[client.TopicPartition]int64{}, all: map[client.TopicPartition]int64{}}
	err := c.admin(ctx, func(ctx context.Context, a *client.Admin) error {
		spans, err := a.Spans(ctx, o)
		for tp, s := range spans {
			r.all[tp] = s.End
			if s.From < s.End {
				r.ends[tp] = s.End
			}
		}
		return err
	})
	return r, err
}

// reached notes how far a partition was read.
func (r *remaining) reached(e client.PartitionEnd) {
	if r == nil {
		return
	}
	tp := client.TopicPartition{Topic: e.Topic, Partition: e.Partition}
	if end, ok := r.ends[tp]; ok && e.Next >= end {
		delete(r.ends, tp)
	}
}

// beyond tells whether rec came after the end.
func (r *remaining) beyond(rec client.Record) bool {
	if r == nil {
		return false
	}
	end, ok := r.all[client.TopicPartition{Topic: rec.Topic, Partition: rec.Partition}]
	return ok && rec.Offset >= end
}

// done tells whether every partition is read to its end.
func (r *remaining) done() bool { return r != nil && len(r.ends) == 0 }
