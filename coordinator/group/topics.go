package group

import "encoding/binary"

// consumerType is the protocol type of Kafka's consumers, the only one whose metadata is
// looked into.
const consumerType = "consumer"

// topics is which topics the members of a group read.
type topics struct {
	known bool // false when the group is of another type or cannot be read
	names map[string]struct{}
}

func (t topics) has(topic string) bool {
	_, ok := t.names[topic]
	return ok
}

// subscribed learns the topics from what the members say for the chosen protocol.
func (g *Group) subscribed() topics {
	if g.protocolType != consumerType {
		return topics{}
	}
	all := topics{known: true, names: map[string]struct{}{}}
	for m := range g.members.all() {
		if !readSubscription(m.metadata(g.protocol), all.names) {
			return topics{}
		}
	}
	return all
}

// readSubscription adds the topics of a consumer's subscription to names. The layout is the
// one that all versions begin with: version i16, then an array of strings with an i32 count
// and i16 lengths.
func readSubscription(b []byte, names map[string]struct{}) bool {
	if len(b) < 6 || int16(binary.BigEndian.Uint16(b)) < 0 {
		return false
	}
	n := int32(binary.BigEndian.Uint32(b[2:]))
	b = b[6:]
	for ; n > 0; n-- {
		if len(b) < 2 {
			return false
		}
		length := int(int16(binary.BigEndian.Uint16(b)))
		b = b[2:]
		if length < 0 || length > len(b) {
			return false
		}
		names[string(b[:length])] = struct{}{}
		b = b[length:]
	}
	return n == 0
}
