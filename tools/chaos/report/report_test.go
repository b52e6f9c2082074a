package report_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/chaos/check"
	"github.com/leatmq/leat/tools/chaos/history"
	"github.com/leatmq/leat/tools/chaos/report"
)

// index is twenty seconds of one partition with a fault in the middle, during
// which nothing is written.
func index() *check.Index {
	h := &history.History{About: history.About{Seed: 42, Keys: []string{"orders-0"}, Brokers: 3}}
	for n := range int64(200) {
		at := n * 1e8
		switch n {
		case 80:
			h.Events = append(h.Events, history.Event{Time: at, Type: history.Invoke, Op: history.Fault, Value: 1, Text: "kill", Node: "b1"})
		case 120:
			h.Events = append(h.Events, history.Event{Time: at, Type: history.OK, Op: history.Heal, Value: 1},
				history.Event{Time: at, Type: history.OK, Op: history.Calm})
		}
		if n < 80 || n > 120 {
			h.Events = append(h.Events, history.Event{Time: at, Process: 1, Type: history.Invoke, Op: history.Send, Value: n + 1},
				history.Event{Time: at + 1e6, Process: 1, Type: history.OK, Op: history.Send, Value: n + 1, Offset: n})
		}
	}
	return check.NewIndex(h)
}

func TestThePageTellsAndDraws(t *testing.T) {
	x := index()
	outages := check.Outages(x)
	var b bytes.Buffer
	err := report.Page{Index: x, Outages: outages, Summaries: check.Summarise(outages), Resumed: time.Second,
		Findings: []check.Finding{{Name: "lost-write", Bad: true, Count: 2, Examples: []string{"orders-0 <offset 7>"}}},
		Notes:    []string{"broker 1 had ended by itself"}}.Write(&b)
	require.NoError(t, err)
	page := b.String()
	for _, want := range []string{"Seed 42", "promises broken", "orders-0 &lt;offset 7&gt;", "kill", "had ended by itself", `class="fault"`, "took no write for 4.20 s"} {
		require.Contains(t, page, want)
	}
	svg := page[strings.Index(page, "<svg"):]
	svg = svg[:strings.Index(svg, "</svg>")+len("</svg>")]
	decoder, shapes := xml.NewDecoder(strings.NewReader(svg)), 0
	for {
		token, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		require.NoError(t, err)
		if _, ok := token.(xml.StartElement); ok {
			shapes++
		}
	}
	require.Greater(t, shapes, 8)
}

func TestTheVerdictFollowsFromTheFindings(t *testing.T) {
	for want, p := range map[string]report.Page{
		"<span class=\"ok\">good":            {Findings: []check.Finding{{Name: "a", Bad: true}, {Name: "b", Count: 1}}},
		"<span class=\"bad\">proves nothing": {Invalid: []string{"x"}},
	} {
		p.Index = index()
		var b bytes.Buffer
		require.NoError(t, p.Write(&b))
		require.Contains(t, b.String(), want)
	}
}
