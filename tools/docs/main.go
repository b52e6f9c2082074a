// Command docs writes the pages under docs/ that are made from tables in the
// code: configuration.md from broker/config, metrics.md from broker/metrics.
// Run it with `make docs`; a test fails while a page is stale.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

// pages are the files that this command owns and what writes each.
var pages = map[string]func() string{
	"configuration.md": configuration,
	"metrics.md":       metricNames,
}

func main() {
	dir := flag.String("dir", "docs", "folder to write to")
	flag.Parse()
	for name, write := range pages {
		if err := os.WriteFile(filepath.Join(*dir, name), []byte(write()), 0o644); err != nil {
			fmt.Fprintln(os.Stderr, "docs:", err)
			os.Exit(1)
		}
	}
}
