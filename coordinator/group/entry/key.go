package entry

import "strconv"

// Kind is a key's version, which says what the record is.
type Kind int16

// The kinds that this package reads.
const (
	OffsetOld Kind = 0 // an offset, as very old brokers wrote it
	Offset    Kind = 1
	Group     Kind = 2
)

// kinds are the names of all kinds that Kafka has released.
var kinds = [...]string{
	"OffsetCommit", "OffsetCommit", "GroupMetadata",
	"ConsumerGroupMetadata", "ConsumerGroupPartitionMetadata", "ConsumerGroupMemberMetadata",
	"ConsumerGroupTargetAssignmentMetadata", "ConsumerGroupTargetAssignmentMember",
	"ConsumerGroupCurrentMemberAssignment",
	"ShareGroupPartitionMetadata", "ShareGroupMemberMetadata", "ShareGroupMetadata",
	"ShareGroupTargetAssignmentMetadata", "ShareGroupTargetAssignmentMember",
	"ShareGroupCurrentMemberAssignment", "ShareGroupStatePartitionMetadata",
	"ConsumerGroupRegularExpression",
	"StreamsGroupMetadata", "StreamsGroupPartitionMetadata", "StreamsGroupMemberMetadata",
	"StreamsGroupTargetAssignmentMetadata", "StreamsGroupTargetAssignmentMember",
	"StreamsGroupCurrentMemberAssignment", "StreamsGroupTopology",
}

// Known tells whether Kafka has released the kind.
func (k Kind) Known() bool { return k >= 0 && int(k) < len(kinds) }

// String is Kafka's name of the kind, or its number.
func (k Kind) String() string {
	if !k.Known() {
		return strconv.Itoa(int(k))
	}
	return kinds[k]
}

// Key is a record's key. Group and Topic are views into the bytes that were read. Of kinds
// other than those named above only Kind is read.
type Key struct {
	Kind      Kind
	Group     []byte
	Topic     []byte
	Partition int32
}

// ReadKey reads a record's key.
func ReadKey(b []byte) (Key, error) {
	r := reader{src: b}
	k := Key{Kind: Kind(r.int16())}
	switch k.Kind {
	case OffsetOld, Offset:
		k.Group, k.Topic, k.Partition = r.text(), r.text(), r.int32()
	case Group:
		k.Group = r.text()
	}
	return k, r.err
}

// AppendOffsetKey appends the key of a committed offset.
func AppendOffsetKey(dst []byte, group, topic string, partition int32) []byte {
	dst = appendInt16(dst, int16(Offset))
	dst = appendText(dst, group)
	dst = appendText(dst, topic)
	return appendInt32(dst, partition)
}

// AppendGroupKey appends the key of a group.
func AppendGroupKey(dst []byte, group string) []byte {
	return appendText(appendInt16(dst, int16(Group)), group)
}
