package api

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition"
)

// produceCall is one Produce request and what becomes of it. It is pooled: its
// slices keep what they have grown to.
type produceCall struct {
	version int16

	transactional bool   // has a transactional id
	transactionID []byte // of v3 and later
	acks          int16
	timeoutMs     int32
	parts         []producePart // in the order of the request

	nodes []endpoint                 // of the hints
	seen  map[*partition.Replica]int // to find duplicates among many parts
}

// producePart is one partition's records, and its row of the answer.
type producePart struct {
	topic   []byte // in the request's buffer
	run     int    // which entry of the request's list of topics
	index   int32
	records []byte // nil: null

	replica *partition.Replica
	leader  *partition.Leader
	skip    bool  // the same partition comes again later: no row
	wait    int64 // high watermark that commits the append

	appended, bytes int // records, and bytes of them, that were new to the log

	code       int16
	baseOffset int64
	appendTime int64
	logStart   int64
	faults     []record.RecordError // what is wrong with single records
	message    *string
	hint       hint
}

// reset empties the call for the next request, without pointers into the last.
func (c *produceCall) reset() {
	clear(c.parts)
	clear(c.seen)
	*c = produceCall{parts: c.parts[:0], nodes: c.nodes[:0], seen: c.seen}
	if cap(c.parts) > keepParts {
		c.parts = nil
	}
}

// keepParts is how many partitions a pooled call keeps room for.
const keepParts = 4096

// decode reads a request.
//
//	v0  acks, timeout, topics
//	v3  + transactional id
//	v9  flexible
func (c *produceCall) decode(body []byte, version int16) error {
	c.version = version
	r := reader{rest: body, flexible: version >= flexibleFrom(kmsg.Produce), elements: elementsIn(body)}
	if version >= 3 {
		c.transactionID = r.nullable(false)
		c.transactional = c.transactionID != nil
	}
	c.acks = r.int16()
	c.timeoutMs = r.int32()
	for run := range r.array() {
		name := r.str()
		for range r.array() {
			p := producePart{topic: name, run: run, index: r.int32(), records: r.nullable(true)}
			r.tags(nil)
			if r.err != nil {
				break
			}
			c.parts = append(c.parts, p)
		}
		r.tags(nil)
		if r.err != nil {
			break
		}
	}
	r.tags(nil)
	if r.err != nil {
		return fmt.Errorf("version %d of Produce: %w", version, r.err)
	}
	return nil
}

// encode appends the answer. Topics without a row are left out.
//
//	v0  code, base offset
//	v1  + throttle time at the end
//	v2  + log append time
//	v5  + log start offset
//	v8  + what is wrong with which record
//	v9  flexible
//	v10 + who leads, where this broker does not (KIP-951)
func (c *produceCall) encode(buf []byte) []byte {
	w := writer{buf: buf, flexible: c.version >= flexibleFrom(kmsg.Produce)}
	topics := 0
	for i := 0; i < len(c.parts); i = c.endOfRun(i) {
		if countRows(c.parts[i:c.endOfRun(i)]) > 0 {
			topics++
		}
	}
	w.array(topics)
	for i := 0; i < len(c.parts); {
		topic := c.parts[i:c.endOfRun(i)]
		i += len(topic)
		rows := countRows(topic)
		if rows == 0 {
			continue
		}
		w.name(topic[0].topic)
		w.array(rows)
		for j := range topic {
			if !topic[j].skip {
				topic[j].encode(&w, c.version)
			}
		}
		w.noTags()
	}
	if c.version >= 1 {
		w.int32(0) // throttle time
	}
	if w.flexible {
		endpoints(&w, c.nodes)
	}
	return w.buf
}

// endOfRun is behind the last part of i's topic.
func (c *produceCall) endOfRun(i int) int {
	run := c.parts[i].run
	for i < len(c.parts) && c.parts[i].run == run {
		i++
	}
	return i
}

// countRows counts the rows that the parts of one topic have in the answer.
func countRows(parts []producePart) int {
	n := 0
	for i := range parts {
		if !parts[i].skip {
			n++
		}
	}
	return n
}

func (p *producePart) encode(w *writer, version int16) {
	w.int32(p.index)
	w.int16(p.code)
	w.int64(p.baseOffset)
	if version >= 2 {
		w.int64(p.appendTime)
	}
	if version >= 5 {
		w.int64(p.logStart)
	}
	if version >= 8 {
		w.array(len(p.faults))
		for i := range p.faults {
			w.int32(int32(p.faults[i].Index))
			w.str(p.faults[i].Message)
			w.noTags()
		}
		w.nullable(p.message)
	}
	if version >= 10 && p.hint.known {
		w.uvarint(1)
		p.hint.tag(w, 0)
		return
	}
	w.noTags()
}
