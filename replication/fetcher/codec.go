package fetcher

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// The versions of Fetch that are spoken. The first is the first in which the
// leader says where logs diverge; from the second on topics go by their ids.
const (
	keyFetch     = 1
	leastVersion = 12
	idVersion    = 13
	stateVersion = 15
	mostVersion  = 17
)

// request is a Fetch in the making. It is written by hand, as is the answer's
// reading: with kmsg both would cost more than all the rest of a small fetch.
type request struct {
	version   int16
	replica   int32
	broker    int64 // the epoch of this broker
	maxWaitMs int32
	minBytes  int32
	maxBytes  int32
	partBytes int32
	session   int32
	epoch     int32
	parts     []*part
	forgotten []partKey
}

// Key is Fetch.
func (q *request) Key() int16 { return keyFetch }

// GetVersion is the version that is written.
func (q *request) GetVersion() int16 { return q.version }

// IsFlexible is true: all versions here are.
func (q *request) IsFlexible() bool { return true }

// AppendTo writes the body.
//
//	v12  replica, wait, bytes, isolation, session, topics, forgotten, rack
//	v13  topic ids instead of names (KIP-516)
//	v15  the replica goes into a tagged field (KIP-903)
func (q *request) AppendTo(b []byte) []byte {
	if q.version < stateVersion {
		b = binary.BigEndian.AppendUint32(b, uint32(q.replica))
	}
	b = binary.BigEndian.AppendUint32(b, uint32(q.maxWaitMs))
	b = binary.BigEndian.AppendUint32(b, uint32(q.minBytes))
	b = binary.BigEndian.AppendUint32(b, uint32(q.maxBytes))
	b = append(b, 0) // isolation: followers read to the end
	b = binary.BigEndian.AppendUint32(b, uint32(q.session))
	b = binary.BigEndian.AppendUint32(b, uint32(q.epoch))
	b = q.appendTopics(b)
	b = q.appendForgotten(b)
	b = append(b, 1) // rack: empty
	if q.version < stateVersion {
		return append(b, 0)
	}
	b = append(b, 1, 1, 4+8+1) // one tag, ReplicaState
	b = binary.BigEndian.AppendUint32(b, uint32(q.replica))
	b = binary.BigEndian.AppendUint64(b, uint64(q.broker))
	return append(b, 0)
}

func (q *request) appendTopics(b []byte) []byte {
	key := func(i int) *partKey { return &q.parts[i].key }
	return q.grouped(b, grouped{n: len(q.parts), key: key, each: func(b []byte, i int) []byte {
		p := q.parts[i]
		b = binary.BigEndian.AppendUint32(b, uint32(p.key.index))
		b = binary.BigEndian.AppendUint32(b, uint32(p.leaderEpoch))
		b = binary.BigEndian.AppendUint64(b, uint64(p.told.offset))
		b = binary.BigEndian.AppendUint32(b, uint32(p.told.epoch))
		b = binary.BigEndian.AppendUint64(b, uint64(p.told.start))
		b = binary.BigEndian.AppendUint32(b, uint32(q.partBytes))
		return append(b, 0)
	}})
}

func (q *request) appendForgotten(b []byte) []byte {
	key := func(i int) *partKey { return &q.forgotten[i] }
	return q.grouped(b, grouped{n: len(q.forgotten), key: key, each: func(b []byte, i int) []byte {
		return binary.BigEndian.AppendUint32(b, uint32(q.forgotten[i].index))
	}})
}

// grouped is a list of partitions to be written by topics.
type grouped struct {
	n    int
	key  func(i int) *partKey
	each func(b []byte, i int) []byte
}

// grouped writes a list; neighbours of one topic go under one.
func (q *request) grouped(b []byte, g grouped) []byte {
	topics := 0
	for i := range g.n {
		if i == 0 || !g.key(i-1).sameTopic(g.key(i)) {
			topics++
		}
	}
	b = binary.AppendUvarint(b, uint64(topics)+1)
	for i := 0; i < g.n; {
		end := i + 1
		for end < g.n && g.key(i).sameTopic(g.key(end)) {
			end++
		}
		b = q.appendTopic(b, g.key(i))
		b = binary.AppendUvarint(b, uint64(end-i)+1)
		for ; i < end; i++ {
			b = g.each(b, i)
		}
		b = append(b, 0)
	}
	return b
}

func (q *request) appendTopic(b []byte, k *partKey) []byte {
	if q.version >= idVersion {
		return append(b, k.id[:]...)
	}
	b = binary.AppendUvarint(b, uint64(len(k.topic))+1)
	return append(b, k.topic...)
}

// errMalformed means that an answer cannot be read.
var errMalformed = errors.New("malformed answer to Fetch")

// answer is a decoded answer. It points into the answer's buffer.
type answer struct {
	version int16
	code    int16
	session int32
	rows    []row
}

// row is one partition of an answer.
type row struct {
	topic []byte   // up to version 12
	id    [16]byte // from version 13 on
	index int32
	code  int16
	high  int64 // the leader's high watermark
	start int64 // and start offset

	diverging bool  // the logs have parted, and agree up to
	epoch     int32 // the end of this epoch
	end       int64 // at this offset

	records []byte
}

// SetVersion says which version the answer has.
func (a *answer) SetVersion(v int16) { a.version = v }

// leastRow and leastTopic are the smallest sizes of a partition and a topic in an
// answer, in bytes: how many there may be is known before memory is taken.
const (
	leastRow   = 4 + 2 + 8 + 8 + 8 + 1 + 4 + 1 + 1
	leastTopic = 3
)

// ReadFrom decodes an answer. Its slice of rows is used again.
func (a *answer) ReadFrom(body []byte) error {
	a.rows = a.rows[:0]
	r := reader{rest: body}
	r.take(4) // throttle time: brokers are not throttled
	a.code = int16(r.uint16())
	a.session = int32(r.uint32())
	for range r.array(leastTopic) {
		a.topic(&r)
	}
	r.tags(nil)
	if r.bad {
		a.rows = a.rows[:0]
		return fmt.Errorf("%w: version %d, %d bytes", errMalformed, a.version, len(body))
	}
	return nil
}

func (a *answer) topic(r *reader) {
	var name []byte
	var id [16]byte
	if a.version >= idVersion {
		copy(id[:], r.take(16))
	} else {
		name = r.bytes()
	}
	for range r.array(leastRow) {
		if r.bad {
			return
		}
		a.rows = append(a.rows, row{topic: name, id: id})
		a.rows[len(a.rows)-1].read(r)
	}
	r.tags(nil)
}

func (w *row) read(r *reader) {
	w.index = int32(r.uint32())
	w.code = int16(r.uint16())
	w.high = int64(r.uint64())
	r.take(8) // last stable offset
	w.start = int64(r.uint64())
	for range r.array(8 + 8 + 1) { // aborted transactions
		r.take(16)
		r.tags(nil)
	}
	r.take(4) // preferred replica
	w.records = r.bytes()
	r.tags(w)
}

// diverge reads tag 0 of a partition.
func (w *row) diverge(b []byte) bool {
	in := reader{rest: b}
	w.diverging = true
	w.epoch, w.end = int32(in.uint32()), int64(in.uint64())
	in.tags(nil)
	return !in.bad
}
