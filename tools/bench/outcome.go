package main

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/leatmq/leat/tools/bench/probe"
)

// sample is one thing that was felt of one fault.
type sample struct {
	Scenario  string  `json:"scenario"`
	Subject   string  `json:"subject"`
	Figure    string  `json:"figure"`
	Round     int     `json:"round"`
	Broker    int     `json:"broker"` // that the fault happened to
	Partition int     `json:"partition"`
	Seconds   float64 `json:"seconds"`
	Bound     bound   `json:"bound,omitzero"`
	// Errors are the client's failures of the whole round, at its first sample.
	Errors int `json:"errors,omitempty"`
}

// bound is what a figure should be below.
type bound struct {
	Seconds float64 `json:"seconds"` // 0: nothing is asked
	// Of is how many of the figures: "p99" or "all".
	Of string `json:"of"`
}

func (b bound) String() string {
	if b.Seconds == 0 {
		return "-"
	}
	return fmt.Sprintf("%s < %.1f", b.Of, b.Seconds)
}

// felt sums up one figure of one subject.
type felt struct {
	Scenario string          `json:"scenario"`
	Subject  string          `json:"subject"`
	Figure   string          `json:"figure"`
	Seconds  probe.Quantiles `json:"seconds"`
	Bound    bound           `json:"bound,omitzero"`
	// Errors are the client's, in all rounds of the scenario.
	Errors int `json:"errors"`
}

// outcome sums up samples, in the order in which their figures first come.
func outcome(samples []sample) []felt {
	type key struct{ scenario, subject, figure string }
	var lines []felt
	at, seconds := map[key]int{}, map[key][]float64{}
	failures := map[key]int{}
	for _, s := range samples {
		k := key{s.Scenario, s.Subject, s.Figure}
		if _, ok := at[k]; !ok {
			at[k] = len(lines)
			lines = append(lines, felt{Scenario: s.Scenario, Subject: s.Subject, Figure: s.Figure, Bound: s.Bound})
		}
		seconds[k] = append(seconds[k], s.Seconds)
		failures[key{s.Scenario, s.Subject, ""}] += s.Errors
	}
	for k, i := range at {
		lines[i].Seconds = probe.QuantilesOf(seconds[k])
		lines[i].Errors = failures[key{k.scenario, k.subject, ""}]
	}
	return lines
}

// verdict says whether the bound is kept.
func (l felt) verdict() string {
	figure := l.Seconds.P99
	if l.Bound.Of == "all" {
		figure = l.Seconds.Max
	}
	switch {
	case l.Bound.Seconds == 0:
		return ""
	case figure < l.Bound.Seconds:
		return "kept"
	}
	return "missed"
}

// String is the line for people who wait.
func (l felt) String() string {
	return fmt.Sprintf("%s: p50 %.3f s, p99 %.3f s, most %.3f s %s", l.Figure, l.Seconds.P50, l.Seconds.P99, l.Seconds.Max, l.verdict())
}

// outcomeTable writes the lines for people.
func outcomeTable(w io.Writer, lines []felt) error {
	var out bytes.Buffer
	t := tabwriter.NewWriter(&out, 0, 0, 2, ' ', 0)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(t, format, args...) } // into memory
	row("scenario\tsubject\tseconds\tn\tp50\tp99\tmost\tbound\t\tclient errors\n")
	for _, l := range lines {
		row("%s\t%s\t%s\t%d\t%.3f\t%.3f\t%.3f\t%v\t%s\t%d\n", l.Scenario, l.Subject, l.Figure, l.Seconds.N,
			l.Seconds.P50, l.Seconds.P99, l.Seconds.Max, l.Bound, l.verdict(), l.Errors)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	_, err := w.Write(out.Bytes())
	return err
}
