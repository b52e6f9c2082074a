package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/leatmq/leat/log/dump"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/segment"
)

// stoppable is a writer that ends with its context, so that a long dump can be
// interrupted.
type stoppable struct {
	ctx context.Context
	w   io.Writer
}

// Write writes b, unless the context is done.
func (s *stoppable) Write(b []byte) (int, error) {
	if err := s.ctx.Err(); err != nil {
		return 0, err
	}
	return s.w.Write(b)
}

// dumpJSON prints a file as one object per line.
func dumpJSON(ctx context.Context, out io.Writer, path string, o dump.Options) error {
	w := bufio.NewWriter(&stoppable{ctx, out})
	if filepath.Ext(path) == segment.LogSuffix {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		err := dump.Rows(path, o, func(r *dump.Row) error {
			decodeRow(r, o)
			return encoder.Encode(r)
		})
		return errors.Join(err, w.Flush())
	}
	entries := &entryWriter{out: w, file: filepath.Base(path)}
	_, err := dump.File(entries, path, o)
	return errors.Join(err, w.Flush())
}

// decodeRow puts what a decoder makes of key and value in their place.
func decodeRow(r *dump.Row, o dump.Options) {
	if o.Decode == nil || r.EmptyBatch || r.Control {
		return
	}
	key, value, hasKey, hasValue := o.Decode(&record.Record{Key: r.Key, Value: r.Value})
	if hasKey {
		r.Key = []byte(key)
	}
	if hasValue && r.Value != nil {
		r.Value = []byte(value)
	}
}

// entryWriter turns the lines of an index, a snapshot or the leader epochs, which are
// all of the form "name: value name: value", into objects.
type entryWriter struct {
	out  io.Writer
	file string
	line []byte // begun, not ended
}

// Write takes text and writes an object for each whole line.
func (w *entryWriter) Write(b []byte) (int, error) {
	w.line = append(w.line, b...)
	for {
		line, rest, ok := bytes.Cut(w.line, []byte("\n"))
		if !ok {
			return len(b), nil
		}
		if err := w.entry(string(line)); err != nil {
			return 0, err
		}
		w.line = rest
	}
}

// entry writes the object of a line; lines of another form say nothing of an entry.
func (w *entryWriter) entry(line string) error {
	words := strings.Fields(line)
	if len(words) < 2 || len(words)%2 != 0 {
		return nil
	}
	object := []byte(`{"file":` + strconv.Quote(w.file))
	for i := 0; i < len(words); i += 2 {
		name, ok := strings.CutSuffix(words[i], ":")
		if !ok {
			return nil
		}
		value := words[i+1]
		if s, found := strings.CutPrefix(value, "OptionalLong["); found {
			value = strings.TrimSuffix(s, "]")
		} else if value == "OptionalLong.empty" {
			value = "null"
		}
		object = append(append(append(append(object, ',', '"'), name...), '"', ':'), value...)
	}
	_, err := w.out.Write(append(object, '}', '\n'))
	return err
}
