package dump

import (
	"encoding/json"
	"errors"
	"io"
	"path/filepath"
	"unicode"
	"unicode/utf8"

	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/segment"
)

// Row is a record with all that is known of it, or a batch that compaction has left
// without records. As JSON, bytes that are not plain text are in key_base64 and
// value_base64.
type Row struct {
	EmptyBatch      bool
	Offset          int64 // of a record
	Timestamp       int64 // ms; the largest one of an empty batch
	TimestampType   string
	Key, Value      []byte // nil is Kafka's null
	Headers         []record.Header
	ProducerID      int64
	ProducerEpoch   int16
	Sequence        int32
	Transactional   bool
	Control         bool
	LeaderEpoch     int32
	Magic           int8
	Codec           string
	BatchBase       int64
	BatchLast       int64
	File            string
	DeleteHorizon   int64 // ms; valid if HasHorizon
	HasHorizon      bool
	PositionInFile  int64 // of the batch
	BatchSizeInFile int64
}

// Rows calls yield for each record of a data file, in order. What a Row holds is valid
// until the next. It ends with yield's error, with a *segment.DamageError where the
// file stops making sense, or with a *record.Error.
func Rows(path string, o Options, yield func(*Row) error) (err error) {
	o = o.withDefaults()
	f, size, err := open(o.FS, path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	r := segment.NewReader(f, 0, size)
	defer r.Close()
	it := record.Iterator{MaxInflated: o.MaxInflated}
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err == nil {
			err = batchRows(e, filepath.Base(path), &it, yield)
		}
		if err != nil {
			return err
		}
	}
}

func batchRows(e segment.Entry, file string, it *record.Iterator, yield func(*Row) error) error {
	b := e.Batch
	row := Row{
		EmptyBatch: true, Timestamp: b.MaxTimestamp(), TimestampType: timestampType(b),
		ProducerID: b.ProducerID(), ProducerEpoch: b.ProducerEpoch(), Sequence: b.LastSequence(),
		Transactional: b.Transactional(), Control: b.Control(), LeaderEpoch: b.LeaderEpoch(),
		Magic: b.Magic(), Codec: b.Codec().String(), BatchBase: b.BaseOffset(), BatchLast: b.LastOffset(),
		File: file, PositionInFile: e.Position, BatchSizeInFile: e.Size,
	}
	row.DeleteHorizon, row.HasHorizon = b.DeleteHorizon()
	if err := it.Reset(b); err != nil {
		return err
	}
	for it.Next() {
		r := it.Record()
		if row.EmptyBatch && b.Legacy() {
			row.BatchBase = r.Offset // a wrapper's header only knows the last
		}
		row.EmptyBatch = false
		row.Offset, row.Timestamp, row.Key, row.Value, row.Headers = r.Offset, r.Timestamp, r.Key, r.Value, r.Headers
		row.Sequence = sequence(b, r.Offset)
		if err := yield(&row); err != nil {
			return err
		}
	}
	if err := it.Err(); err != nil || !row.EmptyBatch {
		return err
	}
	return yield(&row)
}

// headerJSON is a header as JSON has it.
type headerJSON struct {
	Key         string `json:"key"`
	Value       any    `json:"value,omitempty"`
	ValueBase64 []byte `json:"value_base64,omitempty"`
}

// batchJSON is what records and empty batches have in common.
type batchJSON struct {
	ProducerID    int64  `json:"producerId"`
	Epoch         int16  `json:"epoch"`
	Transactional bool   `json:"transactional"`
	Control       bool   `json:"control"`
	LeaderEpoch   int32  `json:"leaderEpoch"`
	Magic         int8   `json:"magic"`
	Codec         string `json:"codec"`
	BatchBase     int64  `json:"batchBase"`
	BatchLast     int64  `json:"batchLast"`
	File          string `json:"file"`
	Horizon       *int64 `json:"deleteHorizonMs,omitempty"`
	Sequence      int32  `json:"sequence"`
}

// MarshalJSON gives one JSON object.
func (r *Row) MarshalJSON() ([]byte, error) {
	batch := batchJSON{
		ProducerID: r.ProducerID, Epoch: r.ProducerEpoch, Transactional: r.Transactional, Control: r.Control,
		LeaderEpoch: r.LeaderEpoch, Magic: r.Magic, Codec: r.Codec, BatchBase: r.BatchBase, BatchLast: r.BatchLast,
		File: r.File, Sequence: r.Sequence,
	}
	if r.HasHorizon {
		batch.Horizon = &r.DeleteHorizon
	}
	if r.EmptyBatch {
		return json.Marshal(struct {
			EmptyBatch   bool  `json:"emptyBatch"`
			MaxTimestamp int64 `json:"maxTimestamp"`
			batchJSON
		}{true, r.Timestamp, batch})
	}
	row := struct {
		Offset        int64        `json:"offset"`
		Timestamp     int64        `json:"timestamp"`
		TimestampType string       `json:"timestampType"`
		Key           any          `json:"key,omitempty"`
		KeyBase64     []byte       `json:"key_base64,omitempty"`
		Value         any          `json:"value,omitempty"`
		ValueBase64   []byte       `json:"value_base64,omitempty"`
		Headers       []headerJSON `json:"headers"`
		batchJSON
	}{Offset: r.Offset, Timestamp: r.Timestamp, TimestampType: r.TimestampType, Headers: []headerJSON{}, batchJSON: batch}
	row.Key, row.KeyBase64 = textOrBytes(r.Key)
	row.Value, row.ValueBase64 = textOrBytes(r.Value)
	for _, h := range r.Headers {
		value, raw := textOrBytes(h.Value)
		row.Headers = append(row.Headers, headerJSON{string(h.Key), value, raw})
	}
	return json.Marshal(row)
}

// textOrBytes returns plain text as a *string, which is nil for null, or else the bytes.
func textOrBytes(b []byte) (text any, raw []byte) {
	if b == nil {
		return (*string)(nil), nil
	}
	s := string(b)
	if !utf8.ValidString(s) {
		return nil, b
	}
	for _, r := range s {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return nil, b
		}
	}
	return &s, nil
}
