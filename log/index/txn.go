package index

import (
	"encoding/binary"
	"fmt"

	"github.com/leatmq/leat/log/vfs"
)

// AbortedTxn is a transaction that was aborted. Offsets are absolute.
type AbortedTxn struct {
	ProducerID  int64
	FirstOffset int64 // of its data
	LastOffset  int64 // its marker
	// LastStable is the last stable offset when the marker was written: no
	// transaction noted later reaches below it.
	LastStable int64
}

// Txns is the index of aborted transactions, ordered by last offset. Its file
// exists only when there is one.
type Txns struct{ table }

// NewTxns returns an empty index.
func NewTxns() Txns { return Txns{table{entrySize: TxnEntrySize}} }

// Append adds a transaction. Markers come in order, so entries do too.
func (x *Txns) Append(e AbortedTxn) {
	b := x.add()
	binary.BigEndian.PutUint16(b, 0)
	binary.BigEndian.PutUint64(b[2:], uint64(e.ProducerID))
	binary.BigEndian.PutUint64(b[10:], uint64(e.FirstOffset))
	binary.BigEndian.PutUint64(b[18:], uint64(e.LastOffset))
	binary.BigEndian.PutUint64(b[26:], uint64(e.LastStable))
}

// At returns an entry that is in memory.
func (x *Txns) At(i int) AbortedTxn { return decodeTxn(x.at(i)) }

// Collect appends to dst the transactions that overlap [from, upTo). done means
// that no later segment can have one.
func (x *Txns) Collect(dst []AbortedTxn, from, upTo int64) (all []AbortedTxn, done bool, err error) {
	if !x.Loaded() {
		return dst, false, ErrNotLoaded
	}
	for i := range x.Len() {
		e := x.At(i)
		if e.LastOffset >= from && e.FirstOffset < upTo {
			dst = append(dst, e)
		}
		if e.LastStable >= upTo {
			return dst, true, nil
		}
	}
	return dst, false, nil
}

// Load reads the file; see ErrCorrupt.
func (x *Txns) Load(fsys vfs.FS, path string) error {
	return x.load(fsys, path, func(data []byte) (int, error) {
		all, err := DecodeTxns(data)
		return len(all), err
	})
}

// Reset makes the index empty.
func (x *Txns) Reset() { x.reset() }

// TruncateTo drops the transactions whose marker lies at or behind an offset; all
// must be loaded.
func (x *Txns) TruncateTo(offset int64) {
	n := 0
	for n < x.Len() && x.At(n).LastOffset < offset {
		n++
	}
	x.truncate(n)
}

// DecodeTxns checks that data is a transaction index and returns its entries.
func DecodeTxns(data []byte) ([]AbortedTxn, error) {
	if len(data)%TxnEntrySize != 0 {
		return nil, fmt.Errorf("%w: %d bytes", ErrCorrupt, len(data))
	}
	out := make([]AbortedTxn, 0, len(data)/TxnEntrySize)
	last := int64(-1)
	for i := 0; i < len(data); i += TxnEntrySize {
		b := data[i : i+TxnEntrySize]
		if v := binary.BigEndian.Uint16(b); v != 0 {
			return nil, fmt.Errorf("%w: entry version %d", ErrCorrupt, v)
		}
		e := decodeTxn(b)
		if e.FirstOffset < 0 || e.FirstOffset > e.LastOffset || e.LastOffset <= last || e.ProducerID < 0 {
			return nil, fmt.Errorf("%w: transaction of producer %d from %d to %d after %d",
				ErrCorrupt, e.ProducerID, e.FirstOffset, e.LastOffset, last)
		}
		last = e.LastOffset
		out = append(out, e)
	}
	return out, nil
}

func decodeTxn(b []byte) AbortedTxn {
	return AbortedTxn{
		ProducerID:  int64(binary.BigEndian.Uint64(b[2:])),
		FirstOffset: int64(binary.BigEndian.Uint64(b[10:])),
		LastOffset:  int64(binary.BigEndian.Uint64(b[18:])),
		LastStable:  int64(binary.BigEndian.Uint64(b[26:])),
	}
}
