package load

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand/v2"

	"github.com/pierrec/lz4/v4"
)

// recordSize is the size of each record's value; half of it is random, as in the
// OpenMessaging benchmark, so that it compresses to about half.
const recordSize = 1 << 10

// Offsets of fields in a record batch (format v2).
const (
	batchLength     = 8
	batchCRC        = 17
	batchChecked    = 21
	batchAttributes = 21
	batchLastDelta  = 23
	batchHeaderSize = 61

	attributeLZ4 = 3
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Batch is a prebuilt record batch.
type Batch struct {
	Bytes   []byte
	Records int
	// Plain is how large it is without compression: what throughput counts.
	Plain int
}

// NewBatch makes a batch of at most size bytes without compression.
func NewBatch(size int, compressed bool, random *rand.Rand) (Batch, error) {
	var records []byte
	n := 0
	for {
		r := record(n, random)
		if n > 0 && batchHeaderSize+len(records)+len(r) > size {
			break
		}
		records = append(records, r...)
		n++
	}
	plain := batchHeaderSize + len(records)
	attributes := uint16(0)
	if compressed {
		packed, err := frame(records)
		if err != nil {
			return Batch{}, fmt.Errorf("lz4: %w", err)
		}
		records, attributes = packed, attributeLZ4
	}
	b := make([]byte, batchHeaderSize, batchHeaderSize+len(records))
	b = append(b, records...)
	binary.BigEndian.PutUint32(b[batchLength:], uint32(len(b)-batchLength-4))
	b[16] = 2 // magic
	binary.BigEndian.PutUint16(b[batchAttributes:], attributes)
	binary.BigEndian.PutUint32(b[batchLastDelta:], uint32(n-1))
	binary.BigEndian.PutUint64(b[43:], ^uint64(0)) // producer id
	binary.BigEndian.PutUint16(b[51:], ^uint16(0)) // producer epoch
	binary.BigEndian.PutUint32(b[53:], ^uint32(0)) // base sequence
	binary.BigEndian.PutUint32(b[57:], uint32(n))
	stamp(b, 1_700_000_000_000)
	return Batch{Bytes: b, Records: n, Plain: plain}, nil
}

// stamp sets the batch's timestamps and CRC.
func stamp(b []byte, ms uint64) {
	binary.BigEndian.PutUint64(b[27:], ms)
	binary.BigEndian.PutUint64(b[35:], ms)
	binary.BigEndian.PutUint32(b[batchCRC:], crc32.Checksum(b[batchChecked:], castagnoli))
}

// record encodes one record with a null key.
func record(delta int, random *rand.Rand) []byte {
	value := make([]byte, recordSize)
	for i := range recordSize / 2 {
		value[i] = byte(random.Uint32())
	}
	b := []byte{0, 0} // attributes, timestamp delta
	b = binary.AppendVarint(b, int64(delta))
	b = binary.AppendVarint(b, -1) // key
	b = binary.AppendVarint(b, recordSize)
	b = append(b, value...)
	b = binary.AppendVarint(b, 0) // headers
	return append(binary.AppendVarint(nil, int64(len(b))), b...)
}

// frame compresses as Java's client does: independent blocks of 64 KiB.
func frame(b []byte) ([]byte, error) {
	var out appendWriter
	w := lz4.NewWriter(&out)
	if err := w.Apply(lz4.BlockSizeOption(lz4.Block64Kb), lz4.ChecksumOption(false)); err != nil {
		return nil, err
	}
	if _, err := w.Write(b); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return out, nil
}

// appendWriter collects what is written.
type appendWriter []byte

func (w *appendWriter) Write(p []byte) (int, error) {
	*w = append(*w, p...)
	return len(p), nil
}
