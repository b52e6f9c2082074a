// Package entry knows the records of __consumer_offsets: keys and values, byte for byte as
// Kafka writes them. It is pure.
//
// A key begins with its kind, an i16; a null value deletes what the key names. Integers are
// big-endian; str is i16 length and bytes (-1 null, ns where null is allowed), bytes is i32
// length and bytes.
//
//	key 0,1  group str, topic str, partition i32           a committed offset
//	key 2    group str                                      a classic group
//	key 3…   kinds of the newer group protocols: named here, left alone by readers
//
// The value of an offset begins with its version, an i16:
//
//	0, 2     offset i64, metadata str, commit time i64
//	1        offset i64, metadata str, commit time i64, expire time i64
//	3        offset i64, leader epoch i32, metadata str, commit time i64
//	4        as 3, in the flexible encoding
//
// And the value of a group:
//
//	0        protocol type str, generation i32, protocol ns, leader ns, members[]
//	2        + current state time i64 after leader
//	4        as 3, in the flexible encoding
//	members  0: id str, client id str, client host str, session timeout i32, subscription bytes,
//	         assignment bytes; 1: + rebalance timeout i32 before the session timeout;
//	         3: + instance id ns after the id
//
// Written are offsets in version 3, in version 1 when they carry a time to expire at, and
// groups in version 3. The flexible encoding has unsigned varints of length + 1 (0 null) for
// strings, bytes and arrays, and tagged fields at the end of each struct.
package entry

import "errors"

var (
	// ErrCorrupt says that a key or value ends too early or claims what it does not have.
	ErrCorrupt = errors.New("record of __consumer_offsets is corrupt")
	// ErrUnknownVersion says that a value is of a version newer than known here.
	ErrUnknownVersion = errors.New("record of __consumer_offsets has an unknown version")
)
