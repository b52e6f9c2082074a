package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/leatmq/leat/log/segment"
	"github.com/leatmq/leat/log/verify"
)

// verifyReport is the outcome for one path.
type verifyReport struct {
	Path       string        `json:"path"`
	Clean      bool          `json:"clean"`
	Running    bool          `json:"running"`
	Partitions int           `json:"partitions"`
	Segments   int           `json:"segments"`
	Batches    int64         `json:"batches"`
	Records    int64         `json:"records"`
	Bytes      int64         `json:"bytes"`
	Problems   []findingJSON `json:"problems"`
	Notes      []findingJSON `json:"notes"`
}

// findingJSON is one thing that is not as it should be.
type findingJSON struct {
	File   string `json:"file"`
	Offset *int64 `json:"offset"`
	What   string `json:"what"`
}

// newLogVerify returns leat log verify.
func newLogVerify(c *cli) *cobra.Command {
	return &cobra.Command{
		Use:   "verify DIR...",
		Short: "Check that data directories are sound",
		Long: `Reads every batch of data directories or partition directories and compares indexes,
producer snapshots, leader epochs and checkpoints with them. Nothing is changed.

After a crash, or while a broker runs, a log may end in half a batch and indexes may lag
behind: such things, which the next start repairs, are notes. Everything else is a problem,
and with problems the exit code is 1.`,
		Example: `  leat log verify /var/lib/leat
  leat log verify /var/lib/leat/orders-0 /var/lib/leat/orders-1
  leat log verify /var/lib/leat -o json | jq .problems`,
		Args: args(cobra.MinimumNArgs(1)),
		RunE: func(cmd *cobra.Command, paths []string) error {
			var bad []string
			for _, path := range paths {
				n, err := c.verify(cmd, path)
				if err != nil {
					return explainPath(err)
				}
				if n > 0 {
					bad = append(bad, fmt.Sprintf("%s has %d problems", path, n))
				}
			}
			if len(bad) > 0 {
				return fmt.Errorf("%s; keep a copy of the directory before a broker starts on it", joinWords(bad))
			}
			return nil
		},
	}
}

// joinWords joins with commas.
func joinWords(words []string) string {
	s := words[0]
	for _, w := range words[1:] {
		s += ", " + w
	}
	return s
}

// verify checks one path, prints what it found, and returns the number of problems.
func (c *cli) verify(cmd *cobra.Command, path string) (problems int, err error) {
	out := cmd.OutOrStdout()
	bar := newVerifyBar(cmd.Context(), path)
	r := verifyReport{Path: path, Problems: []findingJSON{}, Notes: []findingJSON{}}
	state, err := verify.Check(path, verify.Options{Progress: bar.add}, func(p *verify.Report) error {
		if p.Segments > 0 {
			r.Partitions++
		}
		r.Segments += p.Segments
		r.Batches += int64(p.Batches)
		r.Records += p.Records
		r.Bytes += p.Bytes
		r.add(p)
		return nil
	})
	bar.stop()
	if err != nil {
		return 0, err
	}
	r.Clean, r.Running = state.Clean, state.Running
	if c.output == "json" {
		return len(r.Problems), printJSON(out, r)
	}
	r.print(out)
	return len(r.Problems), nil
}

// add sorts a partition's findings into problems and notes.
func (r *verifyReport) add(p *verify.Report) {
	for _, found := range p.Problems {
		f := findingJSON{File: filepath.Join(p.Path, found.File), What: found.What}
		if found.Offset >= 0 {
			f.Offset = &found.Offset
		}
		if found.Expected {
			r.Notes = append(r.Notes, f)
		} else {
			r.Problems = append(r.Problems, f)
		}
	}
}

// print shows the findings, a line each, and a summary.
func (r *verifyReport) print(w io.Writer) {
	if r.Running {
		fmt.Fprintf(w, "%s: a broker is running on it; what it is just writing may look unfinished\n", r.Path)
	}
	for _, f := range r.Problems {
		fmt.Fprintln(w, "PROBLEM ", f)
	}
	for _, f := range r.Notes {
		fmt.Fprintf(w, "note     %s; the next start repairs it\n", f)
	}
	how := "not cleanly shut down"
	if r.Clean {
		how = "cleanly shut down"
	} else if r.Running {
		how = "in use"
	}
	fmt.Fprintf(w, "%s: %d partitions, %d segments, %d batches, %d records, %s, %s: %d problems, %d notes\n", r.Path,
		r.Partitions, r.Segments, r.Batches, r.Records, humanize.IBytes(uint64(max(r.Bytes, 0))), how, len(r.Problems), len(r.Notes))
}

// String is file, offset and what is wrong.
func (f findingJSON) String() string {
	if f.Offset == nil {
		return f.File + ": " + f.What
	}
	return fmt.Sprintf("%s: offset %d: %s", f.File, *f.Offset, f.What)
}

// verifyBar shows a person at a terminal how far a check is.
type verifyBar struct {
	ctx               context.Context
	screen            io.Writer // nil: nobody looks
	done, told, total int64
}

// newVerifyBar sizes up the data files below a path.
func newVerifyBar(ctx context.Context, path string) *verifyBar {
	b := &verifyBar{ctx: ctx}
	if !isTerminal(os.Stderr) {
		return b
	}
	for _, pattern := range []string{"*", filepath.Join("*", "*")} {
		files, err := filepath.Glob(filepath.Join(path, pattern+segment.LogSuffix))
		if err != nil {
			return b // a path that is a pattern: there is no bar
		}
		for _, f := range files {
			if info, err := os.Stat(f); err == nil {
				b.total += info.Size()
			}
		}
	}
	b.screen = os.Stderr
	return b
}

// add counts bytes; its error says that the command was interrupted.
func (b *verifyBar) add(n int64) error {
	if b.done += n; b.screen != nil && b.done-b.told >= 64<<20 {
		b.told = b.done
		fmt.Fprintf(b.screen, "\rchecked %s of %s ", humanize.IBytes(uint64(b.done)), humanize.IBytes(uint64(max(b.total, b.done))))
	}
	return b.ctx.Err()
}

// stop clears the line.
func (b *verifyBar) stop() {
	if b.screen != nil && b.told > 0 {
		fmt.Fprint(b.screen, "\r\x1b[K")
	}
}
