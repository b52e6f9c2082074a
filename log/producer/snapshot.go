package producer

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// State is one producer as snapshots and DescribeProducers show it. A snapshot
// file holds, big-endian:
//
//	int16 version = 1 | uint32 CRC-32C of all that follows | int32 count | entries
//
//	int64 producer id     int16 epoch            int32 last sequence
//	int64 last offset     int32 offset delta     int64 last timestamp
//	int32 coordinator epoch                      int64 open transaction's first offset
//
// Only the last batch of a producer is kept.
type State struct {
	ProducerID       int64
	Epoch            int16
	LastSequence     int32 // NoSequence: only a marker was seen in this epoch
	LastOffset       int64 // of the last batch; NoOffset: likewise
	OffsetDelta      int32 // last offset - first offset of that batch
	LastTimestamp    int64 // ms
	CoordinatorEpoch int32 // of the last marker; NoCoordinatorEpoch: none
	TxnFirstOffset   int64 // NoOffset: no transaction is open
}

const (
	snapshotVersion = 1
	snapshotHead    = 10 // version, CRC, count
	snapshotCovered = 6  // where the bytes that the CRC covers begin
	snapshotEntry   = 46
)

// ErrCorruptSnapshot is the kind of every error of DecodeSnapshot: the file is
// worthless, use an older one or replay the log.
var ErrCorruptSnapshot = errors.New("corrupt producer snapshot")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// EncodeSnapshot gives the content of a snapshot file, in the order given.
func EncodeSnapshot(states []State) []byte {
	b := make([]byte, snapshotHead, snapshotHead+snapshotEntry*len(states))
	binary.BigEndian.PutUint16(b, snapshotVersion)
	binary.BigEndian.PutUint32(b[6:], uint32(len(states)))
	for i := range states {
		s := &states[i]
		b = binary.BigEndian.AppendUint64(b, uint64(s.ProducerID))
		b = binary.BigEndian.AppendUint16(b, uint16(s.Epoch))
		b = binary.BigEndian.AppendUint32(b, uint32(s.LastSequence))
		b = binary.BigEndian.AppendUint64(b, uint64(s.LastOffset))
		b = binary.BigEndian.AppendUint32(b, uint32(s.OffsetDelta))
		b = binary.BigEndian.AppendUint64(b, uint64(s.LastTimestamp))
		b = binary.BigEndian.AppendUint32(b, uint32(s.CoordinatorEpoch))
		b = binary.BigEndian.AppendUint64(b, uint64(s.TxnFirstOffset))
	}
	binary.BigEndian.PutUint32(b[2:], crc32.Checksum(b[snapshotCovered:], castagnoli))
	return b
}

// DecodeSnapshot parses the content of a snapshot file.
func DecodeSnapshot(b []byte) ([]State, error) {
	if len(b) < snapshotHead {
		return nil, fmt.Errorf("%w: %d bytes", ErrCorruptSnapshot, len(b))
	}
	if v := binary.BigEndian.Uint16(b); v != snapshotVersion {
		return nil, fmt.Errorf("%w: version %d, want %d", ErrCorruptSnapshot, v, snapshotVersion)
	}
	if got, want := crc32.Checksum(b[snapshotCovered:], castagnoli), binary.BigEndian.Uint32(b[2:]); got != want {
		return nil, fmt.Errorf("%w: CRC is %08x, want %08x", ErrCorruptSnapshot, got, want)
	}
	n := int64(int32(binary.BigEndian.Uint32(b[6:])))
	b = b[snapshotHead:]
	if int64(len(b)) != n*snapshotEntry {
		return nil, fmt.Errorf("%w: %d entries in %d bytes", ErrCorruptSnapshot, n, len(b))
	}
	states := make([]State, n)
	for i := range states {
		states[i] = decodeState(b[i*snapshotEntry:])
	}
	return states, nil
}

func decodeState(b []byte) State {
	return State{
		ProducerID:       int64(binary.BigEndian.Uint64(b)),
		Epoch:            int16(binary.BigEndian.Uint16(b[8:])),
		LastSequence:     int32(binary.BigEndian.Uint32(b[10:])),
		LastOffset:       int64(binary.BigEndian.Uint64(b[14:])),
		OffsetDelta:      int32(binary.BigEndian.Uint32(b[22:])),
		LastTimestamp:    int64(binary.BigEndian.Uint64(b[26:])),
		CoordinatorEpoch: int32(binary.BigEndian.Uint32(b[34:])),
		TxnFirstOffset:   int64(binary.BigEndian.Uint64(b[38:])),
	}
}
