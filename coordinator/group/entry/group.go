package entry

import "fmt"

// GroupValue is a group as it stood when it last became stable or empty.
type GroupValue struct {
	ProtocolType string // empty for a group that only ever stored offsets
	Generation   int32
	Protocol     *string // nil in a group without members
	Leader       *string // nil in a group without members
	SinceMs      int64   // when it came into its state, in milliseconds since 1970; -1 unknown
	Members      []Member
}

// Member is one member of a GroupValue.
type Member struct {
	ID           string
	InstanceID   *string // nil for a dynamic member
	ClientID     string
	ClientHost   string
	RebalanceMs  int32
	SessionMs    int32
	Subscription []byte // what the member said for the chosen protocol
	Assignment   []byte // what the leader gave it
}

// leastMember is the size of the smallest member of any version, the bound on how many a value
// of a given size can hold.
const leastMember = 9

// ReadGroup reads the value of a group, of any version. The byte fields are views into b.
func ReadGroup(b []byte) (GroupValue, error) {
	r := reader{src: b}
	version := r.int16()
	v := GroupValue{SinceMs: -1}
	if r.err == nil && (version < 0 || version > 4) {
		return v, fmt.Errorf("%w: group value %d", ErrUnknownVersion, version)
	}
	r.flexible = version >= 4
	v.ProtocolType = string(r.text())
	v.Generation = r.int32()
	v.Protocol, v.Leader = r.nullable(), r.nullable()
	if version >= 2 {
		v.SinceMs = r.int64()
	}
	n := r.array(leastMember)
	if n > 0 {
		v.Members = make([]Member, n)
	}
	for i := range v.Members {
		v.Members[i] = r.member(version)
	}
	r.tags()
	return v, r.err
}

func (r *reader) member(version int16) Member {
	m := Member{ID: string(r.text())}
	if version >= 3 {
		m.InstanceID = r.nullable()
	}
	m.ClientID, m.ClientHost = string(r.text()), string(r.text())
	if version >= 1 {
		m.RebalanceMs = r.int32()
	}
	m.SessionMs = r.int32()
	if version == 0 {
		m.RebalanceMs = m.SessionMs
	}
	m.Subscription, m.Assignment = r.bytes(), r.bytes()
	r.tags()
	return m
}

// AppendGroup appends the value of a group in version 3. Its strings must be shorter than
// 32 KiB.
func AppendGroup(dst []byte, v GroupValue) []byte {
	dst = appendText(appendInt16(dst, 3), v.ProtocolType)
	dst = appendInt32(dst, v.Generation)
	dst = appendNullable(dst, v.Protocol)
	dst = appendNullable(dst, v.Leader)
	dst = appendInt64(dst, v.SinceMs)
	dst = appendInt32(dst, int32(len(v.Members)))
	for i := range v.Members {
		m := &v.Members[i]
		dst = appendNullable(appendText(dst, m.ID), m.InstanceID)
		dst = appendText(appendText(dst, m.ClientID), m.ClientHost)
		dst = appendInt32(appendInt32(dst, m.RebalanceMs), m.SessionMs)
		dst = appendBytes(appendBytes(dst, m.Subscription), m.Assignment)
	}
	return dst
}
