package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"golang.org/x/term"
)

// printJSON writes v as indented JSON.
func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// newTable returns a plain table on w: columns aligned by spaces, no borders,
// so that it can be cut and grepped.
func newTable(w io.Writer, columns ...any) table.Writer {
	t := table.NewWriter()
	t.SetOutputMirror(w)
	style := table.StyleDefault
	style.Options = table.OptionsNoBordersAndSeparators
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	t.SuppressTrailingSpaces()
	t.AppendHeader(table.Row(columns))
	return t
}

// ints joins ids with commas.
func ints(ids []int32) string {
	parts := make([]string, len(ids))
	for i, id := range ids {
		parts[i] = fmt.Sprint(id)
	}
	return strings.Join(parts, ",")
}

// orDash shows -1 as a dash.
func orDash(n int64) string {
	if n < 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

// isTerminal tells whether f is a person's terminal.
func isTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// confirm asks a person at a terminal to type answer before something is
// destroyed. Without a terminal --yes is needed.
func confirm(question, answer string) error {
	if !isTerminal(os.Stdin) {
		return fmt.Errorf("%s: not asking without a terminal; add --yes to go ahead", question)
	}
	fmt.Fprintf(os.Stderr, "%s\nType %q to go ahead: ", question, answer)
	line, err := bufio.NewReader(os.Stdin).ReadString('\n')
	if err != nil {
		return fmt.Errorf("reading the confirmation: %w", err)
	}
	if strings.TrimSpace(line) != answer {
		return fmt.Errorf("not confirmed; nothing was changed")
	}
	return nil
}
