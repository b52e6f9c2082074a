// Package report draws one page about a chaos run: what was broken when, how many
// records were acknowledged, which partitions took none, and what was found.
package report

import (
	_ "embed" // the page
	"fmt"
	"html/template"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/leatmq/leat/tools/chaos/check"
	"github.com/leatmq/leat/tools/chaos/history"
)

// Page is what a report tells.
type Page struct {
	Index             *check.Index
	Findings          []check.Finding
	Invalid, Notes    []string
	Outages           []check.Outage
	Summaries         []check.Summary
	Resumed           time.Duration
	Leaders, Acked    int
	Read              int
	Picture           template.HTML
	Verdict, Duration string
}

//go:embed report.html
var page string

// Write writes the page.
func (p Page) Write(w io.Writer) error {
	t, err := template.New("report").Funcs(template.FuncMap{
		"short": func(d time.Duration) string { return d.Round(10 * time.Millisecond).String() },
		"secs":  func(ns int64) string { return fmt.Sprintf("%.1f s", float64(ns)/1e9) },
	}).Parse(page)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	p.Verdict = "good"
	if len(check.Failed(p.Findings)) > 0 {
		p.Verdict = "promises broken"
	} else if len(p.Invalid) > 0 {
		p.Verdict = "proves nothing"
	}
	p.Duration = time.Duration(p.Index.Last).Round(time.Second).String()
	p.Picture = template.HTML(p.draw())
	if err := t.Execute(w, p); err != nil {
		return fmt.Errorf("report: %w", err)
	}
	return nil
}

// The measures of the picture.
const (
	left, width    = 110, 1000
	row, chart     = 16, 120
	bucket         = int64(500 * time.Millisecond)
	shownGap       = int64(500 * time.Millisecond)
	secondsPerTick = 10
)

// canvas collects SVG from top to bottom.
type canvas struct {
	strings.Builder
	y    int
	last int64
}

func (c *canvas) x(t int64) float64 { return left + width*float64(t)/float64(max(c.last, 1)) }

func (c *canvas) text(x float64, y int, s string) {
	fmt.Fprintf(c, `<text x="%.1f" y="%d">%s</text>`, x, y, template.HTMLEscapeString(s))
}

func (c *canvas) bar(from, to int64, class, title string) {
	fmt.Fprintf(c, `<rect class="%s" x="%.1f" y="%d" width="%.1f" height="%d"><title>%s</title></rect>`, class, c.x(from), c.y, max(c.x(to)-c.x(from), 1.5), row-3,
		template.HTMLEscapeString(title))
}

// draw draws the faults by node, the rate of acknowledgements, and for each
// partition the times without any.
func (p Page) draw() string {
	c := &canvas{last: p.Index.Last, y: 20}
	p.drawFaults(c)
	p.drawRate(c)
	p.drawGaps(c)
	for s := int64(0); s*1e9 <= c.last; s += secondsPerTick {
		fmt.Fprintf(c, `<line class="tick" x1="%.1f" x2="%.1f" y1="10" y2="%d"/>`, c.x(s*1e9), c.x(s*1e9), c.y)
		c.text(c.x(s*1e9), c.y+12, fmt.Sprintf("%d s", s))
	}
	return fmt.Sprintf(`<svg viewBox="0 0 %d %d" width="100%%">%s</svg>`, left+width+10, c.y+20, c.String())
}

func (p Page) drawFaults(c *canvas) {
	byNode := map[string][]check.Outage{}
	for _, o := range p.Outages {
		byNode[o.Nodes] = append(byNode[o.Nodes], o)
	}
	var names []string
	for n := range byNode {
		names = append(names, n)
	}
	slices.Sort(names)
	for _, n := range names {
		c.text(4, c.y+row-5, n)
		for _, o := range byNode[n] {
			c.bar(o.From, o.To, "fault", fmt.Sprintf("%s %s, %s to %s", o.Kind, o.Nodes, seconds(o.From), seconds(o.To)))
			c.text(c.x(o.From)+2, c.y+row-6, o.Kind)
		}
		c.y += row
	}
	for _, calm := range check.Calms(p.Index) {
		fmt.Fprintf(c, `<line class="calm" x1="%.1f" x2="%.1f" y1="10" y2="%d"/>`, c.x(calm[0]), c.x(calm[0]), c.y)
	}
	c.y += 10
}

func (p Page) drawRate(c *canvas) {
	counts := make([]int, p.Index.Last/bucket+1)
	for i := range p.Index.Sends {
		if s := &p.Index.Sends[i]; s.Outcome == history.OK {
			counts[s.Done/bucket]++
		}
	}
	most := max(slices.Max(counts), 1)
	c.text(4, c.y+12, fmt.Sprintf("%d records/s", int64(most)*int64(time.Second)/bucket))
	fmt.Fprintf(c, `<polyline class="rate" points="`)
	for i, n := range counts {
		fmt.Fprintf(c, "%.1f,%.1f ", c.x(int64(i)*bucket), float64(c.y)+chart*(1-float64(n)/float64(most)))
	}
	fmt.Fprintf(c, `"/>`)
	c.y += chart + 10
}

func (p Page) drawGaps(c *canvas) {
	for key, name := range p.Index.About.Keys {
		var times []int64
		for i := range p.Index.Sends {
			if s := &p.Index.Sends[i]; int(s.Key) == key && s.Outcome == history.OK && p.Index.Clients[s.Process].Acks != "1" {
				times = append(times, s.Done)
			}
		}
		slices.Sort(times)
		c.text(4, c.y+row-5, name)
		c.bar(0, c.last, "well", name)
		last := int64(0)
		for _, t := range times {
			if t-last > shownGap {
				c.bar(last, t, "gap", fmt.Sprintf("%s took no write for %.2f s from %s", name, float64(t-last)/1e9, seconds(last)))
			}
			last = t
		}
		c.y += row
	}
}

func seconds(ns int64) string { return fmt.Sprintf("%.1f s", float64(ns)/1e9) }
