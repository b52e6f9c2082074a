package group_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/group/entry"
	"github.com/leatmq/leat/log/record"
)

// world is a table of groups with a clock and a log that tests move. It does what a shard
// does, and minds what a shard relies on: a token is answered once, and records are wanted only
// when something is to be written.
type world struct {
	t      require.TestingT
	table  *group.Table
	config group.Config
	now    time.Time
	turn   group.Turn
	room   int64

	last   group.Token
	joined map[group.Token]group.JoinAnswer
	synced map[group.Token]group.SyncAnswer

	seen func(group.JoinAnswer) // told of each answer; may be nil

	log   [][]byte // batches as appended
	end   int64
	fault group.Fault // of the next append
	wrote []group.Record
}

// begin is some instant after 1970.
var begin = time.UnixMilli(1_700_000_000_000)

func newWorld(t require.TestingT) *world {
	return &world{
		t: t, table: group.NewTable(), config: group.DefaultConfig(), now: begin, room: 1 << 40,
		joined: map[group.Token]group.JoinAnswer{}, synced: map[group.Token]group.SyncAnswer{},
	}
}

// input gives the table one input.
func (w *world) input(f func(t *group.Turn)) {
	w.turn.Begin(w.now, &w.config)
	w.turn.Room = w.room
	w.wrote = nil
	f(&w.turn)
	w.settle()
}

func (w *world) settle() {
	for len(w.turn.Records) > 0 {
		a := group.Appended{Base: w.end, Fault: w.fault}
		if w.fault == group.NoFault {
			w.append()
		}
		w.fault = group.NoFault
		w.table.Written(&w.turn, a)
	}
	for _, a := range w.turn.Joined {
		_, twice := w.joined[a.Token]
		require.False(w.t, twice, "JoinGroup %d was answered twice", a.Token)
		require.NotZero(w.t, a.Token)
		w.joined[a.Token] = a
		if w.seen != nil {
			w.seen(a)
		}
	}
	for _, a := range w.turn.Synced {
		_, twice := w.synced[a.Token]
		require.False(w.t, twice, "SyncGroup %d was answered twice", a.Token)
		require.NotZero(w.t, a.Token)
		w.synced[a.Token] = a
	}
}

func (w *world) append() {
	var b record.Builder
	b.Reset(record.Spec{BaseOffset: w.end, LeaderEpoch: -1})
	for _, r := range w.turn.Records {
		w.wrote = append(w.wrote, group.Record{Key: append([]byte{}, r.Key...), Value: clone(r.Value)})
		b.Append(&record.Record{Timestamp: w.now.UnixMilli(), Key: r.Key, Value: r.Value})
		w.end++
	}
	batch, err := b.Finish(nil)
	require.NoError(w.t, err)
	w.log = append(w.log, batch)
}

func clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	return append([]byte{}, b...)
}

// pass lets time go by, waking the table when it asks for it.
func (w *world) pass(d time.Duration) {
	until := w.now.Add(d)
	for {
		at, ok := w.table.Deadline()
		if !ok || at.After(until) {
			break
		}
		if at.After(w.now) {
			w.now = at
		}
		worked := false
		w.input(func(t *group.Turn) { worked = w.table.Tick(t) })
		if next, ok := w.table.Deadline(); !worked && ok {
			require.True(w.t, next.After(w.now), "the table asks to be woken at once and has nothing to do")
		}
	}
	w.now = until
}

// reload makes a table of the log, as after a failover.
func (w *world) reload() *world {
	again := newWorld(w.t)
	again.config, again.now, again.log, again.end = w.config, w.now, w.log, w.end
	l := group.NewLoader(1 << 20)
	for _, batch := range w.log {
		require.NoError(w.t, l.Replay(batch))
	}
	again.turn.Begin(again.now, &again.config)
	again.turn.Room = again.room
	var skipped group.Skipped
	again.table, skipped = l.Finish(&again.turn)
	require.Zero(w.t, skipped.Corrupt, "%v", skipped.First)
	again.settle()
	return again
}

// joining is a JoinGroup in the making.
type joining struct {
	group.Join
	id string // the group's
}

func (w *world) join(change ...func(*joining)) group.Token {
	w.last++
	j := &joining{id: "g", Join: group.Join{
		Token: w.last, Unique: fmt.Sprint("u", w.last), ClientID: "c", ClientHost: "/127.0.0.1",
		Session: 10 * time.Second, Rebalance: 60 * time.Second, ProtocolType: "consumer",
		Protocols: []group.Protocol{{Name: "range", Metadata: subscription("t")}},
	}}
	for _, f := range change {
		f(j)
	}
	w.input(func(t *group.Turn) { w.table.Join(t, j.id, &j.Join) })
	return j.Token
}

func as(memberID string) func(*joining)      { return func(j *joining) { j.MemberID = memberID } }
func to(id string) func(*joining)            { return func(j *joining) { j.id = id } }
func static(id string) func(*joining)        { return func(j *joining) { j.InstanceID = &id } }
func v4(j *joining)                          { j.IDRequired = true }
func v9(j *joining)                          { j.IDRequired, j.MaySkip = true, true }
func ofType(kind string) func(*joining)      { return func(j *joining) { j.ProtocolType = kind } }
func session(d time.Duration) func(*joining) { return func(j *joining) { j.Session = d } }
func patience(d time.Duration) func(*joining) {
	return func(j *joining) { j.Rebalance = d }
}

// saying makes a member support protocols; each has its own name as metadata.
func saying(names ...string) func(*joining) {
	return func(j *joining) {
		j.Protocols = nil
		for _, name := range names {
			j.Protocols = append(j.Protocols, group.Protocol{Name: name, Metadata: []byte("says " + name)})
		}
	}
}

func reading(topics ...string) func(*joining) {
	return func(j *joining) { j.Protocols = []group.Protocol{{Name: "range", Metadata: subscription(topics...)}} }
}

// subscription is what Kafka's consumers say, in version 0.
func subscription(topics ...string) []byte {
	b := []byte{0, 0, 0, 0, 0, byte(len(topics))}
	for _, t := range topics {
		b = append(append(b, 0, byte(len(t))), t...)
	}
	return append(b, 0xff, 0xff, 0xff, 0xff)
}

// parked requires that a request waits.
func (w *world) parked(tokens ...group.Token) {
	for _, token := range tokens {
		require.NotContains(w.t, w.joined, token, "JoinGroup %d is answered", token)
		require.NotContains(w.t, w.synced, token, "SyncGroup %d is answered", token)
	}
}

// joinedAs requires an answer without error.
func (w *world) joinedAs(token group.Token) group.JoinAnswer {
	a := w.joinAnswer(token)
	require.Equal(w.t, group.None, a.Code, "code of JoinGroup %d", token)
	return a
}

func (w *world) joinAnswer(token group.Token) group.JoinAnswer {
	require.Contains(w.t, w.joined, token, "JoinGroup %d waits", token)
	return w.joined[token]
}

func (w *world) refused(token group.Token, code group.Code) group.JoinAnswer {
	a := w.joinAnswer(token)
	require.Equal(w.t, code, a.Code, "code of JoinGroup %d", token)
	if code != group.None {
		require.EqualValues(w.t, -1, a.Generation)
		require.Empty(w.t, a.Members)
		require.Empty(w.t, a.Leader)
	}
	return a
}

// sync sends a SyncGroup for who was answered a.
func (w *world) sync(a group.JoinAnswer, change ...func(*group.Sync)) group.Token {
	w.last++
	s := &group.Sync{Token: w.last, MemberID: a.MemberID, Generation: a.Generation}
	if a.MemberID == a.Leader {
		for _, m := range a.Members {
			s.Assignments = append(s.Assignments, group.Assignment{MemberID: m.ID, Bytes: []byte("for " + m.ID)})
		}
	}
	for _, f := range change {
		f(s)
	}
	w.input(func(t *group.Turn) { w.table.Sync(t, "g", s) })
	return s.Token
}

func (w *world) syncAnswer(token group.Token) group.SyncAnswer {
	require.Contains(w.t, w.synced, token, "SyncGroup %d waits", token)
	return w.synced[token]
}

func (w *world) assigned(token group.Token) string {
	a := w.syncAnswer(token)
	require.Equal(w.t, group.None, a.Code, "code of SyncGroup %d", token)
	return string(a.Assignment)
}

func (w *world) syncRefused(token group.Token, code group.Code) {
	require.Equal(w.t, code, w.syncAnswer(token).Code, "code of SyncGroup %d", token)
}

func (w *world) heartbeat(a group.JoinAnswer, change ...func(*group.Heartbeat)) (code group.Code) {
	h := &group.Heartbeat{MemberID: a.MemberID, Generation: a.Generation}
	for _, f := range change {
		f(h)
	}
	w.input(func(t *group.Turn) { code = w.table.Heartbeat(t, "g", h) })
	return code
}

func (w *world) leave(leavers ...group.Leaver) []group.Leaver {
	w.input(func(t *group.Turn) { w.table.Leave(t, "g", leavers) })
	return leavers
}

// commit commits an offset of t-0 and gives its code.
func (w *world) commit(change ...func(*group.Commit)) group.Code {
	c := &group.Commit{Generation: -1, Offsets: []group.CommitOffset{w.offset("t", 0, 7)}}
	for _, f := range change {
		f(c)
	}
	w.input(func(t *group.Turn) { w.table.Commit(t, "g", c) })
	return c.Offsets[0].Code
}

func (w *world) offset(topic string, index int32, offset int64) group.CommitOffset {
	return group.CommitOffset{
		Partition: group.Partition{Topic: topic, Index: index},
		Value:     entry.OffsetValue{Offset: offset, LeaderEpoch: 3, Metadata: "m", CommitMs: w.now.UnixMilli(), ExpireMs: -1},
	}
}

func by(a group.JoinAnswer) func(*group.Commit) {
	return func(c *group.Commit) { c.MemberID, c.Generation = a.MemberID, a.Generation }
}

func (w *world) group() *group.Group { return w.table.Get("g") }

// state is the group's state, Dead when there is none.
func (w *world) state() group.State {
	if g := w.group(); g != nil {
		return g.State()
	}
	return group.Dead
}

func (w *world) is(s group.State) {
	require.Equal(w.t, s.String(), w.state().String())
}

// members makes a stable group of n members in one generation and gives their answers, the
// leader's first.
func (w *world) members(n int, change ...func(*joining)) []group.JoinAnswer {
	first := w.joinedAs(w.join(change...))
	tokens := []group.Token{}
	for range n - 1 {
		tokens = append(tokens, w.join(change...))
	}
	answers := []group.JoinAnswer{first}
	if n > 1 {
		tokens = append([]group.Token{w.join(append(change, as(first.MemberID))...)}, tokens...)
		answers = nil
		for _, token := range tokens {
			answers = append(answers, w.joinedAs(token))
		}
	}
	w.is(group.Completing)
	w.settled(answers)
	w.is(group.Stable)
	return answers
}

// settled has all members sync.
func (w *world) settled(answers []group.JoinAnswer) {
	for _, a := range answers[1:] {
		w.sync(a)
	}
	w.sync(answers[0])
}

func newT(t *testing.T) *world {
	t.Helper()
	return newWorld(t)
}
