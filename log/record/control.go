package record

import "encoding/binary"

// ControlType is what a control record says.
type ControlType int16

// The control records of Kafka. A reader passes over those that it does not know.
const (
	AbortMarker    ControlType = 0
	CommitMarker   ControlType = 1
	LeaderChange   ControlType = 2
	SnapshotHeader ControlType = 3
	SnapshotFooter ControlType = 4
	KRaftVersion   ControlType = 5
	KRaftVoters    ControlType = 6
)

// ControlRecord is a control record as read.
type ControlRecord struct {
	Type ControlType
	// CoordinatorEpoch is the epoch of the transaction coordinator that wrote an abort or
	// commit marker.
	CoordinatorEpoch int32
}

// ParseControl reads a record of a control batch. The error is of kind ErrInvalidRecord.
func ParseControl(r *Record) (ControlRecord, error) {
	if len(r.Key) < 4 {
		return ControlRecord{}, invalid("control record's key has %d bytes", len(r.Key))
	}
	if v := int16(binary.BigEndian.Uint16(r.Key)); v < 0 {
		return ControlRecord{}, invalid("control record of version %d", v)
	}
	c := ControlRecord{Type: ControlType(binary.BigEndian.Uint16(r.Key[2:]))}
	if c.Type != AbortMarker && c.Type != CommitMarker {
		return c, nil
	}
	if len(r.Value) < 6 {
		return ControlRecord{}, invalid("transaction marker's value has %d bytes", len(r.Value))
	}
	if v := int16(binary.BigEndian.Uint16(r.Value)); v < 0 {
		return ControlRecord{}, invalid("transaction marker of version %d", v)
	}
	c.CoordinatorEpoch = int32(binary.BigEndian.Uint32(r.Value[2:]))
	return c, nil
}

// Marker ends a transaction in one partition.
type Marker struct {
	Commit           bool // else abort
	ProducerID       int64
	ProducerEpoch    int16
	CoordinatorEpoch int32
	Timestamp        int64 // milliseconds since 1970
}

// AppendMarker appends the batch of a marker, 78 bytes, at base offset 0.
func AppendMarker(dst []byte, m Marker) ([]byte, error) {
	key := [4]byte{3: byte(AbortMarker)}
	if m.Commit {
		key[3] = byte(CommitMarker)
	}
	var value [6]byte
	binary.BigEndian.PutUint32(value[2:], uint32(m.CoordinatorEpoch))
	var b Builder
	b.Reset(Spec{
		LeaderEpoch: -1,
		Attributes:  Transactional | Control,
		Producer:    &Producer{ID: m.ProducerID, Epoch: m.ProducerEpoch, BaseSequence: -1},
	})
	b.Append(&Record{Timestamp: m.Timestamp, Key: key[:], Value: value[:]})
	return b.Finish(dst)
}
