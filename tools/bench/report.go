package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"text/tabwriter"
)

// bench takes all turns and reports.
func bench(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if o.dir == "" {
		if o.dir, err = os.MkdirTemp("", "leat-bench-"); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, os.RemoveAll(o.dir)) }()
	}
	if o.failover.on {
		return o.breakAll(ctx)
	}
	var turns []turn
	for _, s := range o.scenarios {
		for round := range o.rounds {
			for _, by := range o.subjects {
				t, err := o.take(ctx, s, by, round)
				if err != nil {
					return err
				}
				turns = append(turns, t)
				if !o.quiet {
					fmt.Fprintln(os.Stderr, t)
				}
			}
		}
	}
	report := summarise(turns, o.subjects[0].name)
	if o.json != "" {
		if err := writeJSON(o.json, struct {
			Summary summary `json:"summary"`
			Turns   []turn  `json:"turns"`
		}{report, turns}); err != nil {
			return err
		}
	}
	if o.json != "-" {
		return report.table(os.Stdout)
	}
	return nil
}

// String is one line about a turn.
func (t turn) String() string {
	if t.Bytes == 0 {
		return fmt.Sprintf("%s %s: %d MB resident", t.Scenario, t.Subject, t.RSS/1e6)
	}
	return fmt.Sprintf("%s %s: %.2f CPU-s/GB, %.0f MB/s, client %.2f CPU-s/GB, peak %d MB",
		t.Scenario, t.Subject, t.cpuPerGB(), t.rate(), t.clientPerGB(), t.PeakRSS/1e6)
}

// spread is a median with its range.
type spread struct {
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
}

func spreadOf(v []float64) spread {
	if len(v) == 0 {
		return spread{}
	}
	v = slices.Sorted(slices.Values(v))
	median := v[len(v)/2]
	if len(v)%2 == 0 {
		median = (v[len(v)/2-1] + median) / 2
	}
	return spread{median, v[0], v[len(v)-1]}
}

func (s spread) String() string {
	return fmt.Sprintf("%.2f [%.2f-%.2f]", s.Median, s.Least, s.Most)
}

// line sums up one subject in one scenario.
type line struct {
	Scenario string `json:"scenario"`
	Subject  string `json:"subject"`
	// CPU and Client are CPU seconds per GB of subject and generator.
	CPU    spread `json:"cpu_seconds_per_gb"`
	Client spread `json:"client_cpu_seconds_per_gb"`
	// Rate is MB/s; RSS and Peak are resident memory at the end and at most, MB.
	Rate spread `json:"mb_per_second"`
	RSS  spread `json:"rss_mb"`
	Peak spread `json:"peak_rss_mb"`
	// Ratio is CPU of this subject by that of the first, round by round; for
	// idle connections, of memory.
	Ratio spread `json:"ratio"`
	// Speed is MB/s by that of the first, round by round.
	Speed spread `json:"speed_ratio"`
	// ClientBound: both together used nearly all processors, so MB/s says as
	// much about the generator as about the subject.
	ClientBound bool `json:"client_bound"`
}

// summary is all lines of a run.
type summary struct {
	Baseline string `json:"baseline"`
	CPUs     int    `json:"cpus"`
	Lines    []line `json:"lines"`
}

// summarise sums up turns, with ratios to the baseline.
func summarise(turns []turn, baseline string) summary {
	type key struct{ scenario, subject string }
	groups := map[key][]turn{}
	var order []key
	for _, t := range turns {
		k := key{t.Scenario, t.Subject}
		if groups[k] == nil {
			order = append(order, k)
		}
		groups[k] = append(groups[k], t)
	}
	s := summary{Baseline: baseline, CPUs: runtime.NumCPU()}
	for _, k := range order {
		l := sum(groups[k], groups[key{k.scenario, baseline}])
		l.Scenario, l.Subject = k.scenario, k.subject
		s.Lines = append(s.Lines, l)
	}
	return s
}

// sum sums up the turns of one subject, beside those of the baseline.
func sum(turns, base []turn) (l line) {
	collect := func(f func(turn) float64) spread {
		var v []float64
		for _, t := range turns {
			v = append(v, f(t))
		}
		return spreadOf(v)
	}
	l.RSS = collect(func(t turn) float64 { return float64(t.RSS) / 1e6 })
	l.Peak = collect(func(t turn) float64 { return float64(t.PeakRSS) / 1e6 })
	cost := func(t turn) float64 { return float64(t.RSS) }
	if turns[0].Bytes > 0 {
		cost = turn.cpuPerGB
		l.CPU, l.Client, l.Rate = collect(cost), collect(turn.clientPerGB), collect(turn.rate)
		used := collect(func(t turn) float64 { return (t.CPU + t.ClientCPU) / t.Seconds })
		l.ClientBound = used.Median > 0.95*float64(runtime.NumCPU())
	}
	var ratios, speeds []float64
	for i := range min(len(turns), len(base)) {
		if c := cost(base[i]); c > 0 {
			ratios = append(ratios, cost(turns[i])/c)
		}
		if turns[i].Bytes > 0 && base[i].Bytes > 0 {
			speeds = append(speeds, turns[i].rate()/base[i].rate())
		}
	}
	l.Ratio, l.Speed = spreadOf(ratios), spreadOf(speeds)
	return l
}

// table writes the lines for people.
func (s summary) table(w io.Writer) error {
	var out bytes.Buffer
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(t, format, args...) } // into memory
	row("scenario\tsubject\tCPU-s/GB\tx %s\tMB/s\tx %s\tclient CPU-s/GB\tRSS MB\tpeak\t\n", s.Baseline, s.Baseline)
	for _, l := range s.Lines {
		cpu, rate, client, note := l.CPU.String(), fmt.Sprintf("%.0f", l.Rate.Median), fmt.Sprintf("%.2f", l.Client.Median), ""
		speed := l.Speed.String()
		if l.Rate.Most == 0 {
			speed = "-"
			cpu, rate, client, note = "-", "-", "-", "ratio of RSS"
		}
		if l.ClientBound {
			note = "client bound"
		}
		row("%s\t%s\t%s\t%v\t%s\t%s\t%s\t%.0f\t%.0f\t%s\n", l.Scenario, l.Subject,
			cpu, l.Ratio, rate, speed, client, l.RSS.Median, l.Peak.Median, note)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := w.Write(out.Bytes())
	return err
}

// writeJSON writes everything to a file, or to standard output for "-".
func writeJSON(path string, all any) error {
	b, err := json.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	if path == "-" {
		_, err = os.Stdout.Write(b)
		return err
	}
	return os.WriteFile(path, b, 0o644)
}
