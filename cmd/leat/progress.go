package main

import (
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// meter shows how much of the input files is read, to a person at a terminal;
// elsewhere, and for standard input, it shows nothing.
type meter struct {
	writer  progress.Writer // nil: nothing is shown
	tracker *progress.Tracker
	done    chan struct{}
}

// newMeter starts a meter over files. Only stop ends it.
func newMeter(screen *os.File, files []string) *meter {
	var total int64
	for _, name := range files {
		if info, err := os.Stat(name); err == nil && info.Mode().IsRegular() {
			total += info.Size()
		}
	}
	if total == 0 || !isTerminal(screen) {
		return &meter{}
	}
	m := &meter{
		writer:  progress.NewWriter(),
		tracker: &progress.Tracker{Message: "produced", Total: total, Units: progress.UnitsBytes},
		done:    make(chan struct{}),
	}
	m.writer.SetOutputWriter(screen)
	m.writer.SetUpdateFrequency(100 * time.Millisecond)
	m.writer.Style().Visibility.ETA = true
	m.writer.Style().Visibility.Speed = true
	m.writer.AppendTracker(m.tracker)
	go func() {
		defer close(m.done)
		m.writer.Render()
	}()
	return m
}

// add counts n more bytes.
func (m *meter) add(n int) {
	if m.writer != nil {
		m.tracker.Increment(int64(n))
	}
}

// stop ends the rendering and waits for its last line.
func (m *meter) stop() {
	if m.writer == nil {
		return
	}
	m.tracker.MarkAsDone()
	m.writer.Stop()
	<-m.done
	m.writer = nil
}
