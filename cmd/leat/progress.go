package main

import (
	"os"
	"time"

	"github.com/jedib0t/go-pretty/v6/progress"
)

// meter shows how much of something is done, to a person at a terminal;
// elsewhere, and where the amount is not known, it shows nothing.
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
	return startMeter(screen, &progress.Tracker{Message: "produced", Total: total, Units: progress.UnitsBytes})
}

// newCounter starts a meter over a number of things.
func newCounter(screen *os.File, what string, total int64) *meter {
	return startMeter(screen, &progress.Tracker{Message: what, Total: total})
}

// newByteCounter starts a meter over a number of bytes.
func newByteCounter(screen *os.File, what string, total int64) *meter {
	return startMeter(screen, &progress.Tracker{Message: what, Total: total, Units: progress.UnitsBytes})
}

// startMeter shows a tracker, if there is anything to track and anyone to see it.
func startMeter(screen *os.File, tracker *progress.Tracker) *meter {
	if tracker.Total == 0 || !isTerminal(screen) {
		return &meter{}
	}
	m := &meter{writer: progress.NewWriter(), tracker: tracker, done: make(chan struct{})}
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

// set says how many are done.
func (m *meter) set(n int64) {
	if m.writer != nil {
		m.tracker.SetValue(n)
	}
}

// raise sets the whole anew.
func (m *meter) raise(total int64) {
	if m.writer != nil {
		m.tracker.UpdateTotal(total)
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
