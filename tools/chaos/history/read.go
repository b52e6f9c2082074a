package history

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/klauspost/compress/zstd"
)

// Open reads a whole history from a file. One whose recorder was killed is read
// as far as it goes.
func Open(path string) (h *History, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	z, err := zstd.NewReader(f)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	defer z.Close()
	h = &History{}
	err = Scan(z, func(e Event) {
		if e.Op == Began && e.About != nil {
			h.About = *e.About
		}
		h.Events = append(h.Events, e)
	})
	return h, err
}

// Scan calls each for every event of r. A file that ends in the middle of a
// line or of a frame ends there.
func Scan(r io.Reader, each func(Event)) error {
	in := bufio.NewReaderSize(r, 1<<20)
	for n := 1; ; n++ {
		line, err := in.ReadBytes('\n')
		if err != nil {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				return nil
			}
			return fmt.Errorf("history: line %d: %w", n, err)
		}
		var e Event
		if err := json.Unmarshal(bytes.TrimSpace(line), &e); err != nil {
			return fmt.Errorf("history: line %d: %w", n, err)
		}
		each(e)
	}
}
