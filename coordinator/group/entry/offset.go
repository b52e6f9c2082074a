package entry

import "fmt"

// OffsetValue is how far a group has read a partition.
type OffsetValue struct {
	Offset      int64  // of the next record to read
	LeaderEpoch int32  // of the last record read, -1 unknown
	Metadata    string // the client's own note
	CommitMs    int64  // when it was committed, in milliseconds since 1970
	ExpireMs    int64  // when it may be forgotten; -1: as the broker's retention says
}

// ReadOffset reads the value of a committed offset, of any version.
func ReadOffset(b []byte) (OffsetValue, error) {
	r := reader{src: b}
	version := r.int16()
	v := OffsetValue{LeaderEpoch: -1, ExpireMs: -1}
	switch {
	case r.err != nil:
	case version < 0 || version > 4:
		return v, fmt.Errorf("%w: offset value %d", ErrUnknownVersion, version)
	default:
		r.flexible = version >= 4
		v.Offset = r.int64()
		if version >= 3 {
			v.LeaderEpoch = r.int32()
		}
		v.Metadata, v.CommitMs = string(r.text()), r.int64()
		if version == 1 {
			v.ExpireMs = r.int64()
		}
		r.tags()
	}
	return v, r.err
}

// AppendOffset appends the value of a committed offset: version 1 when it says when it
// expires, version 3 otherwise. Metadata must be shorter than 32 KiB.
func AppendOffset(dst []byte, v OffsetValue) []byte {
	explicit := v.ExpireMs >= 0
	if explicit {
		dst = appendInt64(appendInt16(dst, 1), v.Offset)
	} else {
		dst = appendInt64(appendInt16(dst, 3), v.Offset)
		dst = appendInt32(dst, v.LeaderEpoch)
	}
	dst = appendInt64(appendText(dst, v.Metadata), v.CommitMs)
	if explicit {
		dst = appendInt64(dst, v.ExpireMs)
	}
	return dst
}
