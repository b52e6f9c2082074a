//go:build conformance

// Package conformance runs client suites that nobody here wrote against a leat
// broker. franz-go's comes with its module; docs/conformance.md says how the
// others are run, and what passes.
//
// It is built only with the tag conformance, by `make conformance`: the suite
// takes minutes.
package conformance

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// Event is one line of `go test -json`.
type Event struct {
	Action  string
	Test    string
	Output  string
	Elapsed float64
}

// Outcome is how one test, or subtest, of a suite ended.
type Outcome struct {
	Name   string
	Action string // pass, fail or skip
	Output string
	Took   time.Duration
}

// Run runs the tests of a package with these variables added to the
// environment, all but those named in skip, and returns their outcomes in the
// order in which they ended. The error is about the run, not about a test.
func Run(ctx context.Context, pkg string, env, skip []string) ([]Outcome, error) {
	args := []string{"test", "-json", "-count=1", "-timeout", "20m"}
	if len(skip) > 0 {
		args = append(args, "-skip", "^("+strings.Join(skip, "|")+")$")
	}
	test := exec.CommandContext(ctx, "go", append(args, pkg)...)
	test.Env = append(os.Environ(), env...)
	var stderr strings.Builder
	test.Stderr = &stderr
	out, err := test.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := test.Start(); err != nil {
		return nil, err
	}
	outcomes, err := read(out)
	if err != nil {
		return outcomes, err
	}
	failed := func(o Outcome) bool { return o.Action == "fail" }
	if err := test.Wait(); err != nil && !slices.ContainsFunc(outcomes, failed) {
		return outcomes, fmt.Errorf("go test %s: %w\n%s", pkg, err, stderr.String())
	}
	return outcomes, nil
}

// read collects the output of each test until it ends. Of a test that never
// ended (a panic, the timeout) the outcome is a failure.
func read(r io.Reader) ([]Outcome, error) {
	var done []Outcome
	open := map[string]*strings.Builder{}
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e Event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil || e.Test == "" {
			continue // what the compiler or a panic printed is no event
		}
		text := open[e.Test]
		if text == nil {
			text = &strings.Builder{}
			open[e.Test] = text
		}
		switch e.Action {
		case "output":
			text.WriteString(e.Output)
		case "pass", "fail", "skip":
			done = append(done, Outcome{e.Test, e.Action, text.String(), time.Duration(e.Elapsed * float64(time.Second))})
			delete(open, e.Test)
		}
	}
	for name, text := range open {
		done = append(done, Outcome{Name: name, Action: "fail", Output: text.String() + "\nthe test never ended"})
	}
	return done, lines.Err()
}
