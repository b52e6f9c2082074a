package history

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"golang.org/x/sys/unix"
)

// Writer writes a history while it happens. Its methods may be called
// concurrently; events stand in the file in the order of the calls.
type Writer struct {
	base int64 // of the monotonic clock, ns

	mu    sync.Mutex // guards what follows
	f     *os.File
	z     *zstd.Encoder
	w     *bufio.Writer
	enc   *json.Encoder
	err   error // the first that befell a write
	count int
	last  time.Time // of the last flush
}

// Create begins a history in a new file. Times count from now on.
func Create(path string, about About) (*Writer, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	z, err := zstd.NewWriter(f, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("history: %w", err), f.Close())
	}
	w := &Writer{base: Monotonic(), f: f, z: z, w: bufio.NewWriterSize(z, 1<<16), last: time.Now()}
	w.enc = json.NewEncoder(w.w)
	w.Add(Event{Type: OK, Op: Began, About: &about})
	return w, nil
}

// Monotonic is the clock of all times of a history: the machine's, so that
// processes share it, in ns.
func Monotonic() int64 {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		panic(err) // Linux has this clock
	}
	return t.Nano()
}

// Base is Monotonic when the run began.
func (w *Writer) Base() int64 { return w.base }

// Now is the time of the run, in ns.
func (w *Writer) Now() int64 { return Monotonic() - w.base }

// Add appends e. If it has no time, it gets the present one. Errors are kept for
// Close.
func (w *Writer) Add(e Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.Time == 0 {
		e.Time = w.Now()
	}
	if w.err != nil {
		return
	}
	w.err = w.enc.Encode(&e)
	w.count++
	// What a crash of the recorder may lose is bounded.
	if now := time.Now(); now.Sub(w.last) > time.Second {
		w.last = now
		w.err = errors.Join(w.err, w.w.Flush(), w.z.Flush())
	}
}

// Count is the number of events so far.
func (w *Writer) Count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.count
}

// Close ends the file and returns the first error of all.
func (w *Writer) Close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return errors.Join(w.err, w.w.Flush(), w.z.Close(), w.f.Close())
}
