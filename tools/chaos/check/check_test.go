package check_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/chaos/check"
	"github.com/leatmq/leat/tools/chaos/history"
)

func TestNothingIsFoundInAGoodHistory(t *testing.T) {
	require.Empty(t, names(good()))
	require.Empty(t, names(newTape()))
}

// plants are histories in which something is wrong, or nearly so, and exactly
// what must be found in each.
var plants = []struct {
	name  string
	plant func(*tape)
	want  []string
}{
	{"two values acknowledged at one offset", func(t *tape) {
		t.send(other, 0, 1, 20) // 119 stands there
	}, []string{"inconsistent-offsets", "lost-write"}},
	{"a reader sees another value at an offset", func(t *tape) {
		t.invoke(other, 0, 1)
		t.polls(reader, history.Info, history.Run{Key: 0, Offset: 5, Values: []int64{check.Value(other, 1)}})
	}, []string{"inconsistent-offsets"}},
	{"acks=1: the offset went to another", func(t *tape) {
		t.send(weak, 0, 1, 20)
	}, []string{"lost-write-acks-1"}},

	{"an idempotent record stands twice", func(t *tape) {
		t.send(idempotent, 0, 150, 21)
		t.poll(reader, run(0, 21, 150, 150))
	}, []string{"duplicate"}},
	{"a plain record stands twice", func(t *tape) {
		t.send(weak, 0, 2, 21)
		t.poll(reader, history.Run{Key: 0, Offset: 21, Values: []int64{check.Value(weak, 2), check.Value(weak, 2)}})
	}, []string{"duplicate-not-idempotent"}},

	{"a record in the middle is lost", func(t *tape) {
		t.send(idempotent, 0, 150, 21)
		t.send(idempotent, 0, 151, 22)
		t.assign(reader)
		t.poll(reader, run(0, 22, 151))
	}, []string{"lost-write"}},
	{"the first records are lost", func(t *tape) {
		late := &tape{History: history.History{About: t.About, Events: t.Events[:6]}, now: t.now}
		late.send(idempotent, 0, 1, 0)
		late.send(idempotent, 0, 2, 1)
		late.poll(reader, run(0, 1, 2))
		*t = *late
	}, []string{"lost-write-prefix"}},
	{"a record of acks=1 is lost", func(t *tape) {
		t.send(weak, 0, 2, 21)
		t.send(idempotent, 0, 150, 21)
		t.poll(reader, run(0, 21, 150))
	}, []string{"lost-write-acks-1"}},
	{"of a failed send nothing is asked", func(t *tape) {
		t.invoke(idempotent, 0, 150)
		t.fails(idempotent, 0, 150, history.Fail)
		t.send(idempotent, 0, 151, 21)
		t.poll(reader, run(0, 21, 151))
	}, nil},
	{"the rest of a transaction whose end is not known is lost", func(t *tape) {
		t.txn = 9
		t.invoke(idempotent, 0, 150)
		t.fails(idempotent, 0, 150, history.Info)
		t.send(idempotent, 0, 151, 22)
		t.send(idempotent, 1, 250, 21)
		t.end(9, history.Info)
		t.poll(reader, run(1, 21, 250))
		t.send(other, 0, 1, 23)
		t.assign(reader)
		t.poll(reader, history.Run{Key: 0, Offset: 23, Values: []int64{check.Value(other, 1)}})
	}, []string{"G1b", "lost-write"}},

	{"the tail is never read", func(t *tape) {
		t.send(idempotent, 0, 150, 21)
	}, []string{"unseen"}},
	{"a record acknowledged without an offset is never read", func(t *tape) {
		t.send(idempotent, 0, 150, -1)
	}, []string{"lost-write"}},
	{"the same of a library that guesses", func(t *tape) {
		t.runs(idempotent, "2.0.2")
		t.send(idempotent, 0, 150, -1)
	}, []string{"lost-write-guessed"}},
	{"the same of one that guesses no more", func(t *tape) {
		t.runs(idempotent, "2.3.0")
		t.send(idempotent, 0, 150, -1)
	}, []string{"lost-write"}},
	{"the tail of acks=1 is never read", func(t *tape) {
		t.send(weak, 0, 2, 21)
	}, []string{"unseen-acks-1"}},

	{"a record that nobody sent", func(t *tape) {
		t.poll(reader, run(1, 21, 999))
	}, []string{"unexpected"}},
	{"a torn record", func(t *tape) {
		t.poll(reader, history.Run{Key: 1, Offset: 21, Values: []int64{0}})
	}, []string{"unexpected"}},
	{"a record in the wrong partition", func(t *tape) {
		t.invoke(other, 0, 1)
		t.fails(other, 0, 1, history.Info)
		t.poll(reader, history.Run{Key: 1, Offset: 21, Values: []int64{check.Value(other, 1)}})
	}, []string{"unexpected"}},

	{"a refused record is read", func(t *tape) {
		t.invoke(other, 1, 1)
		t.fails(other, 1, 1, history.Fail)
		t.poll(reader, history.Run{Key: 1, Offset: 21, Values: []int64{check.Value(other, 1)}})
	}, []string{"G1a"}},
	{"a record of an aborted transaction is read", func(t *tape) {
		t.txn = 5
		t.send(other, 1, 1, 21)
		t.end(5, history.Fail)
		t.poll(reader, history.Run{Key: 1, Offset: 21, Values: []int64{check.Value(other, 1)}})
	}, []string{"G1a"}},
	{"a transaction reads its own record", func(t *tape) {
		t.txn = 5
		t.send(idempotent, 1, 250, 21)
		t.poll(reader, run(1, 21, 250))
		t.end(5, history.OK)
	}, []string{"precommitted-read"}},

	{"a poll skips a record inside", func(t *tape) {
		t.send(idempotent, 1, 250, 21)
		t.send(idempotent, 1, 251, 22)
		t.send(idempotent, 1, 252, 23)
		t.poll(reader, run(1, 21, 250), run(1, 23, 252))
		t.assign(reader)
		t.poll(reader, run(1, 22, 251))
	}, []string{"int-poll-skip"}},
	{"a poll of a library without epochs goes back inside", func(t *tape) {
		t.runs(member, "2.0.2")
		t.poll(member, run(1, 1, 201), run(1, 0, 200))
	}, []string{"nonmonotonic-poll-subscribed"}},
	{"a poll of one with epochs does", func(t *tape) {
		t.runs(member, "2.12.1")
		t.poll(member, run(1, 1, 201), run(1, 0, 200))
	}, []string{"int-nonmonotonic-poll"}},
	{"a poll goes back inside", func(t *tape) {
		t.assign(reader)
		t.poll(reader, run(1, 1, 201), run(1, 0, 200))
	}, []string{"int-nonmonotonic-poll"}},
	{"the next poll skips a record", func(t *tape) {
		t.assign(reader)
		t.poll(reader, run(1, 0, 200))
		t.poll(reader, run(1, 2, 202))
	}, []string{"poll-skip"}},
	{"the next poll goes back", func(t *tape) {
		t.assign(reader)
		t.poll(reader, run(1, 0, 200, 201))
		t.poll(reader, run(1, 1, 201))
	}, []string{"nonmonotonic-poll"}},
	{"assigned anew, a reader may begin anywhere", func(t *tape) {
		t.poll(reader, run(1, 21))
		t.assign(reader)
		t.poll(reader, run(1, 7, 207))
	}, nil},
	{"after a poll of unknown end nothing is said", func(t *tape) {
		t.assign(reader)
		t.poll(reader, run(1, 0, 200))
		t.polls(reader, history.Info, run(1, 1, 201))
		t.poll(reader, run(1, 4, 204))
	}, nil},
	{"a group member skips", func(t *tape) {
		t.poll(member, run(0, 6, 106))
	}, []string{"poll-skip-subscribed"}},
	{"a group member goes back", func(t *tape) {
		t.poll(member, run(0, 1, 101))
	}, []string{"nonmonotonic-poll-subscribed"}},
	{"a group member that was given the partition anew", func(t *tape) {
		t.own(member, 0, "given")
		t.poll(member, run(0, 6, 106))
		t.own(member, 0, "given")
		t.poll(member, run(0, 8, 108), run(0, 11, 110))
	}, nil},

	{"a later send stands before an earlier one", func(t *tape) {
		t.send(weak, 1, 5, 23)
		t.send(weak, 1, 6, 22)
		t.poll(reader, run(1, 21), history.Run{Key: 1, Offset: 22, Values: []int64{check.Value(weak, 6), check.Value(weak, 5)}})
	}, []string{"nonmonotonic-send-acks-1"}},
	{"a later idempotent send stands before an earlier one", func(t *tape) {
		t.send(idempotent, 1, 250, 22)
		t.send(idempotent, 1, 251, 21)
		t.poll(reader, run(1, 21, 251, 250))
	}, []string{"nonmonotonic-send", "reordered"}},
	{"two under way together change places", func(t *tape) {
		t.invoke(idempotent, 1, 250)
		t.invoke(idempotent, 1, 251)
		t.put(history.Event{Process: idempotent, Type: history.OK, Op: history.Send, Key: 1, Value: check.Value(idempotent, 251), Offset: 21})
		t.put(history.Event{Process: idempotent, Type: history.Info, Op: history.Send, Key: 1, Value: check.Value(idempotent, 250)})
		t.poll(reader, run(1, 21, 251, 250))
	}, []string{"reordered"}},
	{"of two processes the order is free", func(t *tape) {
		t.send(idempotent, 1, 250, 22)
		t.send(other, 1, 1, 21)
		t.poll(reader, history.Run{Key: 1, Offset: 21, Values: []int64{check.Value(other, 1), check.Value(idempotent, 250)}})
	}, nil},
	{"a later send of a transaction stands before an earlier one", func(t *tape) {
		t.txn = 4
		t.send(idempotent, 1, 250, 22)
		t.send(idempotent, 1, 251, 21)
		t.end(4, history.OK)
		t.poll(reader, run(1, 21, 251, 250))
	}, []string{"int-nonmonotonic-send", "reordered"}},
	{"records of others inside a transaction", func(t *tape) {
		t.txn = 4
		t.send(idempotent, 1, 250, 21)
		t.txn = 0
		t.send(other, 1, 1, 22)
		t.txn = 4
		t.send(idempotent, 1, 251, 23)
		t.end(4, history.OK)
		t.poll(reader, run(1, 21, 250), history.Run{Key: 1, Offset: 22, Values: []int64{check.Value(other, 1)}}, run(1, 23, 251))
	}, []string{"G0", "int-send-skip"}},

	{"two transactions wrote around each other", func(t *tape) {
		for n, s := range []struct {
			process, key int32
			txn, offset  int64
		}{{idempotent, 0, 4, 21}, {other, 1, 5, 21}, {idempotent, 1, 4, 22}, {other, 0, 5, 22}} {
			t.txn = s.txn
			t.send(s.process, s.key, 300+int64(n), s.offset)
		}
		t.end(4, history.OK)
		t.end(5, history.OK)
		t.assign(reader)
		t.poll(reader, history.Run{Key: 0, Offset: 21, Values: []int64{check.Value(idempotent, 300), check.Value(other, 303)}},
			history.Run{Key: 1, Offset: 21, Values: []int64{check.Value(other, 301), check.Value(idempotent, 302)}})
	}, []string{"G0"}},
	{"two transactions read each other", func(t *tape) { readEachOther(t, 0, 1) }, []string{"G1c"}},
	{"one wrote before what it read later", func(t *tape) {
		t.txn = 4
		t.send(idempotent, 0, 300, 21)
		t.txn = 5
		t.send(other, 0, 301, 22)
		t.send(other, 1, 302, 21)
		t.end(5, history.OK)
		t.txn = 4
		t.assign(reader)
		t.poll(reader, history.Run{Key: 1, Offset: 21, Values: []int64{check.Value(other, 302)}})
		t.end(4, history.OK)
		t.assign(reader)
		t.poll(reader, history.Run{Key: 0, Offset: 21, Values: []int64{check.Value(idempotent, 300), check.Value(other, 301)}})
	}, []string{"G1c-ww"}},

	{"half of a transaction is read", func(t *tape) {
		t.txn = 4
		t.send(idempotent, 0, 150, 21)
		t.send(idempotent, 1, 250, 21)
		t.end(4, history.OK)
		t.send(idempotent, 0, 151, 22)
		t.assign(member2)
		t.poll(member2, run(0, 21, 150))
		t.assign(reader)
		t.poll(reader, run(1, 21, 250))
		t.assign(reader)
		t.poll(reader, run(0, 22, 151))
	}, []string{"G1b"}},
	{"the rest of a transaction lies beyond what was read", func(t *tape) {
		t.txn = 4
		t.send(idempotent, 0, 150, 21)
		t.send(idempotent, 1, 250, 21)
		t.end(4, history.OK)
		t.assign(reader)
		t.poll(reader, run(1, 21, 250))
		t.assign(member2)
		t.poll(member2, run(0, 21, 150))
	}, nil},

	{"the end of a log goes back", func(t *tape) {
		t.at(history.Ends, history.Event{Text: "end", Node: "b1"}, 30)
		t.at(history.Ends, history.Event{Text: "end", Node: "b2"}, 29)
	}, []string{"end-regress"}},
	{"the end of a log is below what was acknowledged", func(t *tape) {
		t.send(idempotent, 0, 150, 21)
		t.at(history.Ends, history.Event{Text: "end", Node: "b2"}, 21)
		t.poll(reader, run(0, 21, 150))
	}, []string{"end-stale"}},
	{"ends that were asked for together may come in any order", func(t *tape) {
		t.at(history.Ends, history.Event{Text: "end", Node: "b1"}, 30)
		t.at(history.Ends, history.Event{Text: "end", Node: "b2"}, 29)
		t.Events[len(t.Events)-1].Begin -= 10 * ms
	}, nil},
	{"the last stable offset goes back", func(t *tape) {
		t.at(history.Ends, history.Event{Text: "lso", Node: "b1"}, 3)
		t.at(history.Ends, history.Event{Text: "lso", Node: "b1"}, 2)
	}, []string{"end-regress"}},

	{"a commit is lost", func(t *tape) {
		t.at(history.Fetched, history.Event{Group: "g"}, 3)
	}, []string{"commit-lost", "commit-stale"}},
	{"a commit is read below what it was, by nobody before, in peace", func(t *tape) {
		t.put(history.Event{Type: history.OK, Op: history.Calm})
		t.now += 11e9
		t.poll(member, run(0, 4, 104, 105))
		t.at(history.Commit, history.Event{Process: member, Group: "g"}, 6)
		t.at(history.Fetched, history.Event{Group: "g"}, 4)
	}, []string{"commit-lost"}},
	{"the same while something is broken", func(t *tape) {
		t.poll(member, run(0, 4, 104, 105))
		t.at(history.Commit, history.Event{Process: member, Group: "g"}, 6)
		t.at(history.Fetched, history.Event{Group: "g"}, 4)
	}, []string{"commit-stale"}},
	{"a commit that was sent twice comes late", func(t *tape) {
		t.put(history.Event{Process: member, Group: "g", Op: history.Commit, Type: history.OK, Begin: t.now - 1000*ms, Runs: []history.Run{{Key: 0, Offset: 3}}})
		t.poll(member, run(0, 4, 104, 105))
		t.at(history.Commit, history.Event{Process: member, Group: "g"}, 6)
		t.at(history.Fetched, history.Event{Group: "g"}, 3)
	}, nil},
	{"a commit is lowered by hand", func(t *tape) {
		t.at(history.Commit, history.Event{Process: member, Group: "g"}, 2)
		t.at(history.Fetched, history.Event{Group: "g"}, 2)
	}, []string{"commit-lowered"}},
	{"a group passes over a record", func(t *tape) {
		t.at(history.Commit, history.Event{Process: member, Group: "g"}, 5)
	}, []string{"group-skip"}},
	{"an old owner commits after the new one", func(t *tape) {
		t.own(member2, 0, "given")
		t.at(history.Commit, history.Event{Process: member2, Group: "g"}, 4)
		t.at(history.Commit, history.Event{Process: member, Group: "g"}, 4)
	}, []string{"double-owner"}},
	{"a partition goes to and fro", func(t *tape) {
		t.own(member2, 0, "given")
		t.at(history.Commit, history.Event{Process: member2, Group: "g"}, 4)
		t.own(member, 0, "given")
		t.at(history.Commit, history.Event{Process: member, Group: "g"}, 4)
	}, nil},
}

// readEachOther has two transactions, each of which reads what the other writes.
func readEachOther(t *tape, a, b int32) {
	t.txn = 4
	t.send(idempotent, a, 300, 21)
	t.txn = 5
	t.send(other, b, 301, 21)
	t.assign(reader)
	t.poll(reader, history.Run{Key: a, Offset: 21, Values: []int64{check.Value(idempotent, 300)}})
	t.txn = 4
	t.assign(reader)
	t.poll(reader, history.Run{Key: b, Offset: 21, Values: []int64{check.Value(other, 301)}})
	t.end(4, history.OK)
	t.end(5, history.OK)
}

func TestEachAnomalyIsFoundAndNoOther(t *testing.T) {
	for _, p := range plants {
		t.Run(p.name, func(t *testing.T) {
			tape := good()
			p.plant(tape)
			found := names(tape)
			if len(p.want) == 0 {
				require.Empty(t, found)
				return
			}
			require.Equal(t, p.want, found, "%+v", check.Failed(check.All(check.NewIndex(&tape.History))))
		})
	}
}

func TestFailedKeepsWhatBreaksAPromise(t *testing.T) {
	require.Empty(t, check.Failed([]check.Finding{{Name: "a", Bad: true}, {Name: "b", Count: 3}}))
	require.Len(t, check.Failed([]check.Finding{{Name: "a", Bad: true, Count: 1}}), 1)
}
