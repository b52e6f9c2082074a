package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/spf13/cobra"

	"github.com/leatmq/leat/client"
)

// execution says how a plan is carried out.
type execution struct {
	rate   int64 // bytes per second for each broker; 0: as fast as it goes
	detach bool
}

// pollEvery is how often the brokers are asked how far they are.
const pollEvery = time.Second

// movingReport is the JSON of what is moving.
type movingReport struct {
	Moving []client.Moving `json:"moving"`
	Bytes  int64           `json:"bytes"`
	Done   int64           `json:"done"`
	// ETASeconds is when it is done at the present pace, null while nothing is
	// copied.
	ETASeconds *int64 `json:"eta_seconds"`
	// Unthrottled: nothing moves any more, and throttles were taken back.
	Unthrottled bool `json:"unthrottled"`
}

// reportOf sums up.
func reportOf(moving []client.Moving) movingReport {
	r := movingReport{Moving: moving}
	for _, m := range moving {
		r.Bytes += m.Bytes
		r.Done += m.Done
	}
	return r
}

// pace sets the ETA by what was copied since an earlier report.
func (r *movingReport) pace(since movingReport, elapsed time.Duration) {
	copied := r.Done - since.Done
	if copied <= 0 || elapsed <= 0 {
		return
	}
	eta := int64(float64(r.Bytes-r.Done) / (float64(copied) / elapsed.Seconds()))
	r.ETASeconds = &eta
}

// eta is the rest in words.
func (r *movingReport) eta() string {
	if r.ETASeconds == nil {
		return "unknown"
	}
	return (time.Duration(*r.ETASeconds) * time.Second).String()
}

// execute starts a plan and, unless it is detached, waits for its end.
func (c *cli) execute(cmd *cobra.Command, p plan, e execution) error {
	out := cmd.OutOrStdout()
	err := c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
		cluster, err := a.Cluster(ctx)
		if err != nil {
			return err
		}
		if e.rate == 0 {
			return a.Reassign(ctx, p.Partitions)
		}
		// Before the first byte is copied.
		if err := a.Throttle(ctx, expected(&cluster, p.Partitions), e.rate); err != nil {
			return relieve(ctx, a, err)
		}
		return relieve(ctx, a, a.Reassign(ctx, p.Partitions))
	})
	if err != nil {
		return err
	}
	if c.output == "table" {
		fmt.Fprintf(out, "reassigning %d partitions\n", len(p.Partitions))
	}
	if e.detach {
		if c.output == "json" {
			return c.status(cmd)
		}
		_, err := fmt.Fprintln(out, "`leat topic reassign status` shows how far it is")
		return err
	}
	return c.await(cmd)
}

// relieve takes throttles back after a refusal, if nothing moves for which they
// are there: nobody would look for them.
func relieve(ctx context.Context, a *client.Admin, refused error) error {
	if refused == nil {
		return nil
	}
	moving, err := a.Reassignments(ctx)
	if err == nil && len(moving) == 0 {
		_, err = a.Unthrottle(ctx)
	}
	if err != nil {
		return fmt.Errorf("%w; throttles may be left behind: %w", refused, err)
	}
	return refused
}

// expected are the moves as the cluster will list them.
func expected(cluster *client.Cluster, moves []client.Move) []client.Moving {
	now := make(map[string][]int32)
	for _, p := range cluster.Partitions {
		now[p.Name()] = p.Replicas
	}
	var moving []client.Moving
	for _, m := range moves {
		have := now[fmt.Sprintf("%s-%d", m.Topic, m.Partition)]
		x := client.Moving{Topic: m.Topic, Partition: m.Partition, Replicas: have}
		known := make(map[int32]bool)
		for _, id := range have {
			known[id] = true
		}
		for _, id := range m.Replicas {
			if !known[id] {
				x.Adding = append(x.Adding, id)
				x.Replicas = append(x.Replicas[:len(x.Replicas):len(x.Replicas)], id)
			}
		}
		moving = append(moving, x)
	}
	return moving
}

// await shows how far it is until nothing moves any more.
func (c *cli) await(cmd *cobra.Command) error {
	var bar *meter
	defer func() {
		if bar != nil {
			bar.stop()
		}
	}()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		var r movingReport
		err := c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
			moving, err := a.Reassignments(ctx)
			r = reportOf(moving)
			return err
		})
		if err != nil {
			return err
		}
		if len(r.Moving) == 0 {
			if bar != nil {
				bar.stop()
			}
			return c.finish(cmd)
		}
		// Records that are produced meanwhile raise what there is to copy.
		if bar == nil && r.Bytes > 0 {
			bar = newByteCounter(os.Stderr, "copied", r.Bytes)
		}
		if bar != nil {
			bar.raise(r.Bytes)
			bar.set(r.Done)
		}
		select {
		case <-cmd.Context().Done():
			return cmd.Context().Err()
		case <-tick.C:
		}
	}
}

// finish takes throttles back and says that all is done.
func (c *cli) finish(cmd *cobra.Command) error {
	return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
		unthrottled, err := a.Unthrottle(ctx)
		if err != nil {
			return err
		}
		r := reportOf([]client.Moving{})
		r.Unthrottled = unthrottled
		return c.printMoving(cmd.OutOrStdout(), r)
	})
}

// status shows what is moving now.
func (c *cli) status(cmd *cobra.Command) error {
	var first movingReport
	err := c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
		moving, err := a.Reassignments(ctx)
		first = reportOf(moving)
		return err
	})
	if err != nil {
		return err
	}
	if len(first.Moving) == 0 {
		return c.finish(cmd)
	}
	// Two looks make a pace.
	began := time.Now()
	select {
	case <-cmd.Context().Done():
		return cmd.Context().Err()
	case <-time.After(pollEvery):
	}
	return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
		moving, err := a.Reassignments(ctx)
		if err != nil {
			return err
		}
		r := reportOf(moving)
		r.pace(first, time.Since(began))
		return c.printMoving(cmd.OutOrStdout(), r)
	})
}

// printMoving shows what is moving, or that nothing is.
func (c *cli) printMoving(w io.Writer, r movingReport) error {
	if c.output == "json" {
		return printJSON(w, r)
	}
	if len(r.Moving) == 0 {
		text := "no partition is moving"
		if r.Unthrottled {
			text += "; throttles are removed"
		}
		_, err := fmt.Fprintln(w, text)
		return err
	}
	t := newTable(w, "PARTITION", "REPLICAS", "ADDING", "REMOVING", "COPIED", "OF")
	for _, m := range r.Moving {
		t.AppendRow(table.Row{fmt.Sprintf("%s-%d", m.Topic, m.Partition), ints(m.Replicas), orNone(ints(m.Adding)), orNone(ints(m.Removing)),
			size(m.Done), size(m.Bytes)})
	}
	t.Render()
	_, err := fmt.Fprintf(w, "%s of %s copied, time left %s\n", size(r.Done), size(r.Bytes), r.eta())
	return err
}

func size(n int64) string { return humanize.IBytes(uint64(max(n, 0))) }

// cancel stops the moves of a plan, or all.
func (c *cli) cancel(cmd *cobra.Command, p plan, all bool) error {
	return c.admin(cmd.Context(), func(ctx context.Context, a *client.Admin) error {
		moving, err := a.Reassignments(ctx)
		if err != nil {
			return err
		}
		planned := make(map[string]bool)
		for _, m := range p.Partitions {
			planned[fmt.Sprintf("%s-%d", m.Topic, m.Partition)] = true
		}
		chosen := []client.Moving{}
		for _, m := range moving {
			if all || planned[fmt.Sprintf("%s-%d", m.Topic, m.Partition)] {
				chosen = append(chosen, m)
			}
		}
		if err := a.CancelReassign(ctx, chosen); err != nil {
			return err
		}
		if len(chosen) == len(moving) {
			if _, err := a.Unthrottle(ctx); err != nil {
				return err
			}
		}
		if c.output == "json" {
			return printJSON(cmd.OutOrStdout(), map[string]any{"cancelled": chosen})
		}
		_, err = fmt.Fprintf(cmd.OutOrStdout(), "cancelled the reassignment of %d partitions\n", len(chosen))
		return err
	})
}
