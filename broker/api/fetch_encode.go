package api

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/broker/session"
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/topic"
)

// fetchAnswer is the answer to a Fetch before it is written.
type fetchAnswer struct {
	version int16
	code    int16
	session int32
	rows    []fetchRow
	aborted []log.AbortedTxn // of all rows, one after the other
	old     []byte           // records converted to old formats, of all rows
	nodes   []endpoint
}

// fetchRow is one partition of an answer.
type fetchRow struct {
	topic []byte // up to version 12
	id    topic.ID
	index int32
	part  *session.Part // nil without a session

	code          int16
	highWatermark int64
	lastStable    int64
	logStart      int64
	slice         log.Slice
	old           span // of fetchAnswer.old: records that were converted
	converted     bool
	aborted       span // of fetchAnswer.aborted
	noAborted     bool // null and not an empty list
	diverging     *partition.Divergence
	preferred     int32 // replica that the consumer should read instead, -1: none
	hint          hint
}

// span is a part of a slice.
type span struct{ from, to int }

func (s span) len() int { return s.to - s.from }

// bytes is how many bytes of records the row has.
func (r *fetchRow) bytes() int {
	if r.converted {
		return r.old.len()
	}
	return r.slice.Len()
}

// release gives the file slices back, when the answer is not sent after all.
func (a *fetchAnswer) release() {
	for i := range a.rows {
		a.rows[i].slice.Release()
	}
	clear(a.rows)
	a.rows, a.aborted, a.old, a.nodes = a.rows[:0], a.aborted[:0], a.old[:0], a.nodes[:0]
}

// encode writes the answer. The slices are the response's afterwards.
//
//	v0   per partition: code, high watermark, records
//	v1   + throttle time
//	v4   + last stable offset, aborted transactions
//	v5   + log start offset
//	v7   + code and session of the whole answer
//	v11  + replica that should be read instead (KIP-392)
//	v12  flexible; + where the logs diverge, who leads
//	v13  topic ids instead of names
//	v16  + where the leaders are reached
//
// Records are never null, also beside an error: clients fail on null.
func (a *fetchAnswer) encode(out *server.Response) {
	w := writer{buf: out.Buf, flexible: a.version >= flexibleFrom(kmsg.Fetch)}
	if a.version >= 1 {
		w.int32(0) // throttle time
	}
	if a.version >= 7 {
		w.int16(a.code)
		w.int32(a.session)
	}
	topics := 0
	for i := 0; i < len(a.rows); i = a.endOfTopic(i) {
		topics++
	}
	w.array(topics)
	for i := 0; i < len(a.rows); {
		end := a.endOfTopic(i)
		if a.version >= 13 {
			w.uuid(a.rows[i].id)
		} else {
			w.name(a.rows[i].topic)
		}
		w.array(end - i)
		for j := i; j < end; j++ {
			a.row(&a.rows[j], &w, out)
		}
		w.noTags()
		i = end
	}
	if a.version >= 16 {
		endpoints(&w, a.nodes)
	} else {
		w.noTags()
	}
	out.Buf = w.buf
}

// endOfTopic is behind the last of the rows beside i that have i's topic.
func (a *fetchAnswer) endOfTopic(i int) int {
	first := &a.rows[i]
	for i++; i < len(a.rows); i++ {
		r := &a.rows[i]
		if r.id != first.id || string(r.topic) != string(first.topic) {
			break
		}
	}
	return i
}

func (a *fetchAnswer) row(r *fetchRow, w *writer, out *server.Response) {
	w.int32(r.index)
	w.int16(r.code)
	w.int64(r.highWatermark)
	if a.version >= 4 {
		w.int64(r.lastStable)
	}
	if a.version >= 5 {
		w.int64(r.logStart)
	}
	if a.version >= 4 {
		a.abortedOf(r, w)
	}
	if a.version >= 11 {
		w.int32(r.preferred)
	}
	w.length(r.bytes(), true)
	switch {
	case r.converted:
		w.buf = append(w.buf, a.old[r.old.from:r.old.to]...)
	case r.slice.Len() > 0:
		out.Slices = append(out.Slices, server.Splice{At: len(w.buf), Data: r.slice})
		r.slice = log.Slice{}
	}
	if w.flexible {
		r.tags(w)
	}
}

func (a *fetchAnswer) abortedOf(r *fetchRow, w *writer) {
	if r.noAborted {
		w.null(true)
		return
	}
	w.array(r.aborted.len())
	for _, txn := range a.aborted[r.aborted.from:r.aborted.to] {
		w.int64(txn.ProducerID)
		w.int64(txn.FirstOffset)
		w.noTags()
	}
}

// tags writes the row's tagged fields: 0 where the logs diverge, 1 who leads.
func (r *fetchRow) tags(w *writer) {
	n := 0
	if r.diverging != nil {
		n++
	}
	if r.hint.known {
		n++
	}
	w.uvarint(n)
	if r.diverging != nil {
		w.uvarint(0)
		w.uvarint(4 + 8 + 1)
		w.int32(r.diverging.Epoch)
		w.int64(r.diverging.EndOffset)
		w.noTags()
	}
	if r.hint.known {
		r.hint.tag(w, 1)
	}
}
