package group

import (
	"time"

	"github.com/leatmq/leat/coordinator/deadline"
)

// newMemberPatience is how long a member that has never been answered may wait to join. It
// may not know its id, and so cannot be told from one that gave up and came again.
const newMemberPatience = 5 * time.Minute

// alarm is a deadline of a group.
type alarm = deadline.Entry[cause]

// cause is what an alarm is about.
type cause struct {
	kind   kind
	member *member // of sessionEnds
	id     string  // of promiseEnds
}

type kind uint8

const (
	joinsEnd    kind = iota // the members' time to join is up
	syncsEnd                // the members' time to sync is up
	sessionEnds             // a member has not been heard of
	promiseEnds             // a member that was given an id has not come back with it
)

// deadline is a time before which tick has nothing to do.
func (g *Group) deadline() (time.Time, bool) { return g.alarms.Next() }

// tick does what is due, up to the first record that must be written.
func (g *Group) tick(t *Turn) {
	for t.write == nil {
		a := g.alarms.Pop(t.Now)
		if a == nil {
			return
		}
		switch a.Value.kind {
		case joinsEnd:
			g.complete(t)
		case syncsEnd:
			g.expireSyncs(t)
		case sessionEnds:
			g.expireMember(t, a.Value.member)
		case promiseEnds:
			g.forgetPending(a.Value.id)
			g.tryComplete(t)
		}
	}
}

// alive begins the member's session anew.
func (g *Group) alive(t *Turn, m *member) { g.alarms.Set(&m.alarm, t.Now.Add(m.session)) }

// expireMember removes a member whose session has ended. One that waits is alive; its session
// begins anew with the answer.
func (g *Group) expireMember(t *Turn, m *member) {
	if m.waiting() && !m.fresh {
		return
	}
	t.note(g, "removed: session timed out", m.id)
	g.remove(t, m)
}

// expireSyncs removes the members that joined but did not ask for their assignment.
func (g *Group) expireSyncs(t *Turn) {
	for m := range g.members.all() {
		if m.unsynced {
			t.note(g, "removed: did not sync", m.id)
			g.dismiss(t, m, UnknownMember)
			g.drop(m)
		}
	}
	g.prepare(t, "rebalance: members did not sync", "")
}

// promise gives an id to who has yet to join with it (KIP-394).
func (g *Group) promise(t *Turn, id string, session time.Duration) {
	if g.pending == nil {
		g.pending = map[string]*alarm{}
	}
	a := &alarm{Value: cause{kind: promiseEnds, id: id}}
	g.pending[id] = a
	g.members.bytes += int64(overhead + len(id))
	g.alarms.Set(a, t.Now.Add(session))
}

// forgetPending drops an id that was given out, if it was.
func (g *Group) forgetPending(id string) {
	a := g.pending[id]
	if a == nil {
		return
	}
	delete(g.pending, id)
	g.members.bytes -= int64(overhead + len(id))
	g.alarms.Clear(a)
}
