// Package group is the machine of classic consumer groups: what each request and each expired
// timer does to a group, what must be written to __consumer_offsets for it, and who is
// answered what. It is pure: no clock, goroutine, lock or I/O; time is an argument.
//
//	                       first member joins
//	          ┌───────┐ ─────────────────────────▶ ┌────────────────────┐ ◀──────────────┐
//	(new) ──▶ │ Empty │                            │ PreparingRebalance │                │
//	          └───────┘ ◀───────────────────────── └────────────────────┘ ◀───┐          │
//	              │        nobody is left              │ all are back, or     │          │
//	              │                                    │ time is up:          │ a member │ a member
//	              │                                    ▼ next generation      │ joins or │ joins or
//	   no offsets │                        ┌─────────────────────┐            │ goes     │ goes
//	   are left,  │                        │ CompletingRebalance │ ───────────┘          │
//	   or deleted │                        └─────────────────────┘                       │
//	              ▼                                    │ the leader's assignment         │
//	          ┌──────┐                                 ▼ is written                      │
//	          │ Dead │                             ┌────────┐                            │
//	          └──────┘                             │ Stable │ ───────────────────────────┘
//	                                               └────────┘
//
// A Table has the groups of one partition of __consumer_offsets. Its caller makes a Turn for
// each input, gives it to a method, appends the Turn's Records if there are any, tells Written
// how that went, and passes on the answers:
//
//	input ──▶ Table ──▶ Turn.Records ──▶ (append) ──▶ Table.Written ──▶ Turn.Joined, Turn.Synced
//
// Nothing that an input would change in what the log says is changed before Written. Requests
// of members that must wait, to join and to sync, are parked under a Token, and each Token is
// answered exactly once.
//
// Protocols, subscriptions and assignments are the members' own business and are looked into
// only to learn which topics a group reads.
package group

import (
	"time"

	"github.com/leatmq/leat/coordinator/deadline"
)

// Group is one group. Only its Table uses it; others may ask what it knows between two turns.
type Group struct {
	id      string
	phase   phase
	sinceMs int64 // when it came into its state, in milliseconds since 1970; -1 unknown

	generation   int32  // 0 before the first; never falls
	protocolType string // empty while it has had no member
	protocol     string // chosen for the generation
	chosen       bool   // false before the first generation and in one without members
	members      roster
	leader       *member // nil exactly when there are no members
	topics       topics  // which the members of the generation read

	pending  map[string]*alarm // ids given out to members that have not come back yet
	unsynced int               // members that have not synced in this generation
	alarms   deadline.Heap[cause]
	rebalance
	syncBy alarm // when those that have not synced are removed

	offsets offsets
	open    transactions

	due     deadline.Entry[*Group] // in the table's heap
	counted int64                  // its bytes that the table has counted
}

// rebalance is how long the members have to come back.
type rebalance struct {
	joinBy    alarm
	initial   bool          // the group was empty: it waits for more members, whoever is there
	newcomer  bool          // another member joined during the initial wait
	delay     time.Duration // the initial wait that is running
	remaining time.Duration // what is left of the longest initial wait
}

func newGroup(id string) *Group {
	g := &Group{id: id, phase: empty{}, sinceMs: -1}
	g.joinBy.Value = cause{kind: joinsEnd}
	g.syncBy.Value = cause{kind: syncsEnd}
	return g
}

// ID is the group's id.
func (g *Group) ID() string { return g.id }

// State is what the group is doing.
func (g *Group) State() State { return g.phase.state() }

// Generation is how many assignments the group has had, 0 before the first.
func (g *Group) Generation() int32 { return g.generation }

// enter changes the state.
func (g *Group) enter(t *Turn, p phase) {
	g.phase = p
	g.sinceMs = t.Now.UnixMilli()
}

// void tells that nothing would be lost if the group were forgotten.
func (g *Group) void() bool {
	return g.State() == Dead || g.State() == Empty && g.generation == 0 &&
		len(g.pending) == 0 && g.offsets.empty() && len(g.open) == 0
}
