package check_test

import (
	"slices"

	"github.com/leatmq/leat/tools/chaos/check"
	"github.com/leatmq/leat/tools/chaos/history"
)

// The processes of a tape.
const (
	idempotent = 1 // a producer of whom everything is asked
	weak       = 2 // a producer with acks=1
	other      = 3 // a second idempotent producer
	reader     = 10
	member     = 11 // of group g
	member2    = 12
)

const ms = int64(1e6)

// tape is a history made by hand: every call is an operation that takes two
// milliseconds, one after the other.
type tape struct {
	history.History
	now int64
	txn int64 // of what follows
}

func newTape() *tape {
	t := &tape{}
	t.About.Keys = []string{"a-0", "a-1"}
	strong := history.Client{Acks: "all", Idempotent: true}
	for p, c := range map[int32]history.Client{
		idempotent: strong, other: strong, weak: {Acks: "1"}, reader: {}, member: {Group: "g"}, member2: {Group: "g"},
	} {
		t.put(history.Event{Process: p, Type: history.OK, Op: history.Process, Client: &c})
	}
	return t
}

func (t *tape) put(e history.Event) {
	t.now += ms
	e.Time = t.now
	t.Events = append(t.Events, e)
}

// send writes the n-th record of a process; its value says who it is.
func (t *tape) send(process, key int32, n, offset int64) {
	t.invoke(process, key, n)
	t.put(history.Event{Process: process, Type: history.OK, Op: history.Send, Key: key, Value: check.Value(process, n), Offset: offset, Txn: t.txn})
}

func (t *tape) invoke(process, key int32, n int64) {
	t.put(history.Event{Process: process, Type: history.Invoke, Op: history.Send, Key: key, Value: check.Value(process, n), Txn: t.txn})
}

// fails ends a send in another way.
func (t *tape) fails(process, key int32, n int64, as history.Type) {
	t.put(history.Event{Process: process, Type: as, Op: history.Send, Key: key, Value: check.Value(process, n), Txn: t.txn})
}

// runs has a process use librdkafka.
func (t *tape) runs(process int32, version string) {
	for i := range t.Events {
		if c := t.Events[i].Client; c != nil && t.Events[i].Process == process {
			c.Library, c.Version = "librdkafka", version
		}
	}
}

// run is a stretch of records of the idempotent producer.
func run(key int32, offset int64, ns ...int64) history.Run {
	r := history.Run{Key: key, Offset: offset}
	for _, n := range ns {
		r.Values = append(r.Values, check.Value(idempotent, n))
	}
	return r
}

func (t *tape) poll(process int32, runs ...history.Run) { t.polls(process, history.OK, runs...) }

func (t *tape) polls(process int32, as history.Type, runs ...history.Run) {
	t.now += ms
	t.put(history.Event{Process: process, Type: as, Op: history.Poll, Begin: t.now, Runs: runs, Txn: t.txn})
}

func (t *tape) end(txn int64, as history.Type) {
	t.put(history.Event{Type: as, Op: history.EndTxn, Txn: txn})
	t.txn = 0
}

func (t *tape) assign(process int32) {
	t.put(history.Event{Process: process, Type: history.OK, Op: history.Assign, Runs: []history.Run{{Key: 0}, {Key: 1}}})
}

func (t *tape) own(process, key int32, text string) {
	t.put(history.Event{Process: process, Type: history.OK, Op: history.Own, Text: text, Runs: []history.Run{{Key: key}}})
}

// at makes an operation about one offset that ends two milliseconds after it
// began.
func (t *tape) at(op history.Op, e history.Event, offset int64) {
	t.now += ms
	e.Op, e.Type, e.Begin = op, history.OK, t.now
	e.Runs = []history.Run{{Key: 0, Offset: offset}}
	t.put(e)
}

// good is twenty records written to each of two partitions, by two processes,
// with a hole, and all read, committed and listed.
func good() *tape {
	t := newTape()
	for n := range int64(20) {
		at := n
		if n >= 10 {
			at++ // a hole
		}
		t.send(idempotent, 0, 100+n, at)
		t.send(idempotent, 1, 200+n, at)
	}
	t.invoke(weak, 1, 1)
	t.fails(weak, 1, 1, history.Info)
	t.at(history.Ends, history.Event{Text: "end", Node: "b1"}, 21)
	t.assign(reader)
	for _, key := range []int32{0, 1} {
		base := int64(100 * (key + 1))
		t.poll(reader, run(key, 0, base, base+1, base+2), run(key, 3, base+3, base+4, base+5, base+6, base+7, base+8, base+9))
		t.poll(reader, run(key, 11, base+10, base+11, base+12, base+13, base+14, base+15, base+16, base+17, base+18, base+19))
	}
	t.own(member, 0, "given")
	t.poll(member, run(0, 0, 100, 101, 102, 103))
	t.at(history.Commit, history.Event{Process: member, Group: "g"}, 4)
	t.at(history.Fetched, history.Event{Group: "g"}, 4)
	return t
}

// names are the findings of a tape that counted anything.
func names(t *tape) []string {
	var out []string
	for _, f := range check.All(check.NewIndex(&t.History)) {
		if f.Count > 0 {
			out = append(out, f.Name)
		}
	}
	slices.Sort(out)
	return out
}
