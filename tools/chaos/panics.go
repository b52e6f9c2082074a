package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/leatmq/leat/tools/chaos/check"
)

// panics looks in the brokers' logs for what Go writes when a process ends by a
// fault of its own, and for a handler that was kept from ending it. Such a broker
// is started again, or goes on, so nothing else may show it.
func panics(dir string) (check.Finding, error) {
	f := check.Finding{Name: "broker-panic", Bad: true}
	logs, err := filepath.Glob(filepath.Join(dir, "b*.log"))
	for _, path := range logs {
		err = errors.Join(err, panicsIn(&f, path))
	}
	return f, err
}

func panicsIn(f *check.Finding, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	lines := bufio.NewScanner(file)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		line := lines.Text()
		if strings.HasPrefix(line, "panic: ") || strings.HasPrefix(line, "fatal error: ") || strings.Contains(line, `msg="handler panicked`) {
			f.Count++
			f.Examples = append(f.Examples, fmt.Sprintf("%s: %s", filepath.Base(path), line))
		}
	}
	return errors.Join(lines.Err(), file.Close())
}
