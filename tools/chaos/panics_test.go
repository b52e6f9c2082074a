package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/chaos/check"
)

func TestABrokerThatPanicsMakesARunBad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644))
	}
	write("b1.log", "level=WARN msg=\"a request ended in panic: no\"\n==== start 2\nlevel=INFO msg=ready\n")
	f, err := panics(dir)
	require.NoError(t, err)
	require.Zero(t, f.Count)

	write("b2.log", "level=INFO msg=ready\npanic: runtime error: index out of range\n\ngoroutine 7 [running]:\n")
	write("b3.log", "level=ERROR msg=\"handler panicked; its connection is closed\"\nfatal error: concurrent map writes\n")
	f, err = panics(dir)
	require.NoError(t, err)
	require.Equal(t, []string{"b2.log: panic: runtime error: index out of range", `b3.log: level=ERROR msg="handler panicked; its connection is closed"`, "b3.log: fatal error: concurrent map writes"}, f.Examples)
	require.NotEmpty(t, check.Failed([]check.Finding{f}))
}
