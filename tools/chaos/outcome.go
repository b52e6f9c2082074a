package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/leatmq/leat/tools/chaos/check"
	"github.com/leatmq/leat/tools/chaos/history"
	"github.com/leatmq/leat/tools/chaos/report"
)

// outcome is what a run has shown.
type outcome struct {
	Seed     uint64
	Dir      string
	Error    string   `json:",omitempty"` // what kept the run from its end
	Invalid  []string `json:",omitempty"` // why it proves nothing
	Notes    []string `json:",omitempty"`
	Findings []check.Finding
	Outages  []check.Summary
	// Sent, Acked and Read count records; Faults what was injected; Leaders how
	// often a partition's leader changed.
	Sent, Acked, Read, Faults, Leaders int
	// Resumed is the longest time that a partition took to take writes again after
	// a heal.
	Resumed time.Duration
}

func (o *outcome) failed() bool {
	return o.Error != "" || len(o.Invalid) > 0 || len(check.Failed(o.Findings)) > 0
}

// resumeWithin is the promise about writes after a heal.
const resumeWithin = 15 * time.Second

// examine checks what a run has left in its directory and writes the report.
func examine(c config, dir string) (*outcome, error) {
	h, err := history.Open(filepath.Join(dir, historyFile))
	if err != nil {
		return nil, err
	}
	x := check.NewIndex(h)
	if x.Replicas, err = readReplicas(dir); err != nil {
		return nil, err
	}
	o := &outcome{Seed: h.About.Seed, Dir: dir, Findings: check.All(x), Invalid: check.Valid(x, c.leastRate), Sent: len(x.Sends), Faults: len(check.Windows(x))}
	slow, resumptions := check.SlowResumes(x, resumeWithin)
	o.Findings = append(o.Findings, slow)
	for _, r := range resumptions {
		o.Resumed = max(o.Resumed, slices.Max(append(r.Delays, 0)))
	}
	panicked, err := panics(dir)
	if err != nil {
		return o, err
	}
	o.Findings = append(o.Findings, check.DivergentReplicas(x.Replicas), check.LostReplicas(x), o.notes(x), panicked)
	outages := check.Outages(x)
	o.Outages = check.Summarise(outages)
	o.count(x)
	page := report.Page{Index: x, Findings: o.Findings, Invalid: o.Invalid, Notes: o.Notes, Outages: outages, Summaries: o.Outages, Resumed: o.Resumed,
		Leaders: o.Leaders, Acked: o.Acked, Read: o.Read}
	f, err := os.Create(filepath.Join(dir, reportFile))
	if err != nil {
		return o, err
	}
	return o, errors.Join(page.Write(f), f.Close(), o.save())
}

func readReplicas(dir string) ([]check.Replica, error) {
	data, err := os.ReadFile(filepath.Join(dir, replicasFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil // the run did not get so far, and says so
	}
	if err != nil {
		return nil, err
	}
	z, err := zstd.NewReader(nil)
	if err != nil {
		return nil, err
	}
	defer z.Close()
	var out []check.Replica
	if data, err = z.DecodeAll(data, nil); err == nil {
		err = json.Unmarshal(data, &out)
	}
	return out, err
}

func writeCompressed(path string, data []byte) error {
	z, err := zstd.NewWriter(nil)
	if err != nil {
		return err
	}
	return errors.Join(os.WriteFile(path, z.EncodeAll(data, nil), 0o644), z.Close())
}

// notes keeps what the run noted; replicas that did not come back in sync are a
// finding.
func (o *outcome) notes(x *check.Index) check.Finding {
	f := check.Finding{Name: "isr-not-full", Bad: true}
	for i := range x.Events {
		e := &x.Events[i]
		switch {
		case e.Op == history.Note:
			o.Notes = append(o.Notes, fmt.Sprintf("%.1fs %s", float64(e.Time)/1e9, e.Text))
		case e.Op == history.Fault && e.Type == history.Info:
			o.Notes = append(o.Notes, fmt.Sprintf("%.1fs fault %d: %s", float64(e.Time)/1e9, e.Value, e.Text))
		}
		if text, ok := strings.CutPrefix(e.Text, "isr-not-full: "); ok && e.Op == history.Note {
			f.Count++
			f.Examples = append(f.Examples, text)
		}
	}
	return f
}

// count counts records and changes of leaders.
func (o *outcome) count(x *check.Index) {
	for i := range x.Sends {
		if x.Sends[i].Outcome == history.OK {
			o.Acked++
		}
	}
	for i := range x.Keys {
		for _, p := range x.Keys[i].Places {
			if p.Polled {
				o.Read++
			}
		}
	}
	last := map[int32]string{}
	for i := range x.Events {
		if e := &x.Events[i]; e.Op == history.Ends && len(e.Runs) == 1 {
			if was := last[e.Runs[0].Key]; was != "" && was != e.Node {
				o.Leaders++
			}
			last[e.Runs[0].Key] = e.Node
		}
	}
}

func (o *outcome) save() error {
	data, err := json.MarshalIndent(o, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(o.Dir, resultFile), append(data, '\n'), 0o644)
}

// verdict is the outcome in few words.
func (o *outcome) verdict() string {
	var out []string
	if o.Error != "" {
		out = append(out, "ERROR")
	}
	if len(o.Invalid) > 0 {
		out = append(out, "INVALID")
	}
	for _, f := range check.Failed(o.Findings) {
		out = append(out, fmt.Sprintf("%s×%d", f.Name, f.Count))
	}
	if len(out) == 0 {
		return "good"
	}
	return strings.Join(out, " ")
}

// print says what happened.
func (o *outcome) print(w io.Writer) {
	fmt.Fprintf(w, "seed %d: %s: %d faults, %d leader changes, %d sent, %d acknowledged, %d read; writes back after %s at most\n", o.Seed, o.verdict(),
		o.Faults, o.Leaders, o.Sent, o.Acked, o.Read, o.Resumed.Round(time.Millisecond))
	for _, s := range o.Outages {
		fmt.Fprintf(w, "  %-10s %2d faults: partitions without writes p50 %s, p99 %s, at most %s\n", s.Kind, s.Faults, s.P50.Round(time.Millisecond),
			s.P99.Round(time.Millisecond), s.Max.Round(time.Millisecond))
	}
	for _, f := range o.Findings {
		if f.Count == 0 {
			continue
		}
		fmt.Fprintf(w, "  %s: %d%s\n", f.Name, f.Count, map[bool]string{true: "", false: " (reported only)"}[f.Bad])
		for _, e := range f.Examples[:min(3, len(f.Examples))] {
			fmt.Fprintf(w, "    %s\n", e)
		}
	}
	for _, s := range append(slices.Clone(o.Invalid), o.Notes...) {
		fmt.Fprintf(w, "  %s\n", s)
	}
	if o.Error != "" {
		fmt.Fprintf(w, "  error: %s\n", o.Error)
	}
	if o.Sent > 0 {
		fmt.Fprintf(w, "  %s\n", filepath.Join(o.Dir, reportFile))
	}
}

// summary is the table at the end of several runs.
func summary(w io.Writer, all []*outcome) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "\nseed\tfaults\tleader changes\tacknowledged\tread\twrites back\tverdict")
	good := 0
	for _, o := range all {
		if !o.failed() {
			good++
		}
		fmt.Fprintf(t, "%d\t%d\t%d\t%d\t%d\t%s\t%s\n", o.Seed, o.Faults, o.Leaders, o.Acked, o.Read, o.Resumed.Round(time.Millisecond), o.verdict())
	}
	if err := t.Flush(); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
	}
	fmt.Fprintf(w, "%d of %d runs good\n", good, len(all))
}
