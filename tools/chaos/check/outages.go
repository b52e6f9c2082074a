package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/leatmq/leat/tools/chaos/history"
)

// Window is a fault, or a mix of them: from its injection until everything was
// healed.
type Window struct {
	Number      int64
	Kind, Nodes string
	From, To    int64 // To is when it was healed
}

// Windows are the faults of a history, in order.
func Windows(x *Index) []Window {
	var out []Window
	for i := range x.Events {
		e := &x.Events[i]
		switch {
		case e.Op == history.Fault && e.Type == history.Invoke:
			out = append(out, Window{Number: e.Value, Kind: e.Text, Nodes: e.Node, From: e.Time, To: x.Last})
		case e.Op == history.Heal && e.Type == history.OK:
			if j := slices.IndexFunc(out, func(w Window) bool { return w.Number == e.Value }); j >= 0 {
				out[j].To = e.Time
			}
		}
	}
	return out
}

// Calms are the instants at which no fault was in force any more, each with the
// next fault's beginning.
func Calms(x *Index) [][2]int64 {
	var out [][2]int64
	for i := range x.Events {
		e := &x.Events[i]
		switch {
		case e.Op == history.Calm:
			out = append(out, [2]int64{e.Time, x.Last})
		case e.Op == history.Fault && e.Type == history.Invoke:
			for i := len(out) - 1; i >= 0 && out[i][1] == x.Last; i-- {
				out[i][1] = e.Time
			}
		}
	}
	return out
}

// acks are the times of acknowledgements to strong producers by key, ascending.
func (x *Index) acks() [][]int64 {
	out := make([][]int64, len(x.Keys))
	for i := range x.Sends {
		if s := &x.Sends[i]; s.Outcome == history.OK && x.strong(s) {
			out[s.Key] = append(out[s.Key], s.Done)
		}
	}
	for _, times := range out {
		slices.Sort(times)
	}
	return out
}

// Outage is how long each partition took no writes during one fault and the
// time after it.
type Outage struct {
	Window
	// Gaps are, by key, the longest time without an acknowledgement that began
	// before the fault was healed and ended after it was injected.
	Gaps []time.Duration
}

// Outages measures every fault.
func Outages(x *Index) []Outage {
	acks := x.acks()
	var out []Outage
	for _, w := range Windows(x) {
		o := Outage{Window: w}
		for _, times := range acks {
			o.Gaps = append(o.Gaps, longest(times, w, x.Last))
		}
		out = append(out, o)
	}
	return out
}

// longest is the longest gap between times that overlaps w.
func longest(times []int64, w Window, end int64) time.Duration {
	i, _ := slices.BinarySearch(times, w.From)
	before, gap := w.From, int64(0)
	if i > 0 {
		before = times[i-1]
	}
	for ; before < w.To; i++ {
		next := end
		if i < len(times) {
			next = times[i]
		}
		gap = max(gap, next-before)
		if i >= len(times) {
			break
		}
		before = next
	}
	return time.Duration(gap)
}

// Summary are quantiles of the gaps of all partitions over all faults of a kind.
type Summary struct {
	Kind          string
	Faults        int
	P50, P99, Max time.Duration
}

// Summarise sums up outages by kind of fault.
func Summarise(all []Outage) []Summary {
	gaps, count := map[string][]time.Duration{}, map[string]int{}
	for _, o := range all {
		gaps[o.Kind] = append(gaps[o.Kind], o.Gaps...)
		count[o.Kind]++
	}
	var out []Summary
	for kind, g := range gaps {
		slices.Sort(g)
		s := Summary{Kind: kind, Faults: count[kind]}
		if n := len(g); n > 0 {
			s.P50, s.P99, s.Max = g[n/2], g[min(n-1, n*99/100)], g[n-1]
		}
		out = append(out, s)
	}
	slices.SortFunc(out, func(a, b Summary) int { return cmp.Compare(a.Kind, b.Kind) })
	return out
}

// Resumption is how long writes to each partition stayed away after everything
// was healed.
type Resumption struct {
	Calm   int64
	Delays []time.Duration // by key; -1 when the next fault came first
}

// SlowResumes finds partitions that took no write within limit after everything
// was healed. A new fault before that leaves the question open.
func SlowResumes(x *Index, limit time.Duration) (Finding, []Resumption) {
	f := Finding{Name: "slow-resume", Bad: true}
	var all []Resumption
	acks := x.acks()
	for _, c := range Calms(x) {
		r := Resumption{Calm: c[0]}
		for key, times := range acks {
			i, _ := slices.BinarySearch(times, c[0])
			delay, until := time.Duration(-1), min(c[1], c[0]+int64(limit))
			if i < len(times) && times[i] < c[1] {
				delay = time.Duration(times[i] - c[0])
			}
			r.Delays = append(r.Delays, delay)
			if delay > limit || delay < 0 && until == c[0]+int64(limit) {
				f.add("%s took no write for %s after all was healed at %s (next %s)", x.key(int32(key)), limit, at(c[0]), next(times, i))
			}
		}
		all = append(all, r)
	}
	return f, all
}

func next(times []int64, i int) string {
	if i < len(times) {
		return "at " + at(times[i])
	}
	return "never"
}

// Whoever finds a healthy cluster idle has not tested it: in every healthyWindow
// that begins settled after everything was healed, leastHealthy records succeed.
const (
	settled       = 10 * time.Second
	healthyWindow = 5 * time.Second
	leastHealthy  = 50
)

// idle finds stretches without fault in which hardly anything was written.
func (x *Index) idle() []string {
	var times []int64
	last := int64(0) // when the senders were still at it
	for i := range x.Sends {
		if s := &x.Sends[i]; s.Outcome == history.OK {
			times = append(times, s.Done)
		}
		last = max(last, x.Sends[i].Invoke)
	}
	slices.Sort(times)
	var out []string
	for _, c := range Calms(x) {
		for from := c[0] + int64(settled); from+int64(healthyWindow) <= min(c[1], last); from += int64(healthyWindow) {
			i, _ := slices.BinarySearch(times, from)
			j, _ := slices.BinarySearch(times, from+int64(healthyWindow))
			if j-i < leastHealthy {
				out = append(out, fmt.Sprintf("only %d records in %s of peace from %s on", j-i, healthyWindow, at(from)))
			}
		}
	}
	return out
}

// Valid tells why a run proves nothing: too few operations succeeded, or not
// everything was read back.
func Valid(x *Index, perSecond float64) []string {
	var out []string
	ok := 0
	for i := range x.Sends {
		if x.Sends[i].Outcome == history.OK {
			ok++
		}
	}
	if 2*ok < len(x.Sends) {
		out = append(out, fmt.Sprintf("only %d of %d sends succeeded", ok, len(x.Sends)))
	}
	if seconds := float64(x.Last) / 1e9; float64(ok) < perSecond*seconds {
		out = append(out, fmt.Sprintf("%d sends in %.0f s, fewer than %g/s", ok, seconds, perSecond))
	}
	out = append(out, x.idle()...)
	if !slices.ContainsFunc(x.Events, func(e history.Event) bool { return e.Op == history.Final && e.Type == history.OK }) {
		out = append(out, "not everything was read back at the end")
	}
	return out
}
