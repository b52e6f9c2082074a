// Package record knows the bytes of a log's entries: record batches of magic 2 and the
// message sets of magic 0 and 1 that older clients wrote. It is pure: nothing here reads a
// clock, a file or a socket.
//
// A batch, all integers big-endian:
//
//	 0  base offset      i64   set by the leader, not under the CRC
//	 8  length           i32   of what follows
//	12  leader epoch     i32   set by the leader, not under the CRC
//	16  magic            i8    2
//	17  CRC-32C          u32   over everything from byte 21 on
//	21  attributes       i16   bits 0-2 codec, 3 append time, 4 transactional, 5 control, 6 delete horizon
//	23  last offset delta i32
//	27  base timestamp   i64   or the delete horizon, when bit 6 is set
//	35  max timestamp    i64
//	43  producer id      i64   -1 none
//	51  producer epoch   i16   -1 none
//	53  base sequence    i32   -1 none
//	57  count            i32
//	61  records                one compressed block when there is a codec
//
// A record, varints zig-zag: length, attributes i8, timestamp delta, offset delta, key length
// (-1 null) and key, value length (-1 null) and value, header count, and for each header key
// length and key, value length (-1 null) and value.
//
// An old message: offset i64, size i32, CRC-32 u32 over what follows, magic i8, attributes
// i8, with magic 1 timestamp i64, key length i32 (-1 null) and key, value length i32 (-1
// null) and value. When it is compressed its value is a whole message set; with magic 1 the
// offsets inside count from 0 and the outer offset is the last one's.
//
// What to use when:
//
//	Next            takes entries off a buffer, whatever their magic
//	Batch           one entry: header fields in place, CheckCRC
//	Iterator        the records of one entry, inflated if need be
//	Builder         makes a batch; AppendMarker makes a transaction marker
//	Prepare         judges what a producer sent and makes it ready to append
//	Downconvert     old message sets for old consumers
package record

// Record is one record with its place in the log. Key, Value and Headers of a record that an
// Iterator yields alias the iterator's or the batch's memory.
type Record struct {
	Offset    int64
	Timestamp int64  // milliseconds since 1970, -1 when unknown
	Key       []byte // nil is Kafka's null
	Value     []byte // nil is Kafka's null: a tombstone
	Headers   []Header
}

// Header is a name and value that travel with a record. Names may repeat and may be empty.
type Header struct {
	Key   []byte // never null
	Value []byte // nil is Kafka's null
}
