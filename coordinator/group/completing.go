package group

import (
	"bytes"

	"github.com/leatmq/leat/coordinator/group/entry"
)

// completing is a group whose members have joined and whose leader has yet to say who does
// what. Members that ask meanwhile are parked.
type completing struct{}

func (completing) state() State { return Completing }

// rejoin by who says nothing new is answered again: the first answer may have been lost.
func (completing) rejoin(g *Group, t *Turn, m *member, j *Join) {
	if m.says(j.Protocols) {
		a := g.welcome(m)
		a.Token = j.Token
		t.Joined = append(t.Joined, a)
		return
	}
	g.park(t, m, j)
	g.prepare(t, "rebalance: member joins with other protocols", m.id)
}

// replaced needs another rebalance: the leader may be about to assign to the old id.
func (completing) replaced(g *Group, t *Turn, m *member, j *Join) {
	g.park(t, m, j)
	g.prepare(t, "rebalance: static member joins again", m.id)
}

func (completing) sync(g *Group, t *Turn, m *member, s *Sync) {
	if m.sync != 0 {
		t.refuseSync(m.sync, RebalanceInProgress)
	}
	m.sync = s.Token
	g.synced(m)
	if m == g.leader {
		g.storeAssignment(t, s)
	}
}

func (completing) heartbeat(g *Group, t *Turn, m *member) Code {
	g.alive(t, m)
	return None
}

// commit is refused: the member has the new generation already, but not yet an assignment in
// which the partition would be its own.
func (completing) commit(*Group, *Turn, *member) Code { return RebalanceInProgress }

func (completing) left(g *Group, t *Turn) { g.prepare(t, "rebalance: member left", "") }

// storeAssignment asks for the leader's assignment to be written.
func (g *Group) storeAssignment(t *Turn, s *Sync) {
	given := make(map[*member][]byte, len(s.Assignments))
	for i := range s.Assignments {
		if m := g.members.byID[s.Assignments[i].MemberID]; m != nil {
			given[m] = s.Assignments[i].Bytes
		}
	}
	t.recordGroup(g.id, g.stored(given))
	t.write = assignment{given}
}

// assignment is the record of a group whose leader has said who does what.
type assignment struct {
	given map[*member][]byte // nothing for members that the leader left out
}

func (a assignment) written(t *Turn, w Appended) {
	g := t.group
	if w.Fault != NoFault {
		g.cancelSyncs(t, w.Fault.Assigning())
		g.prepare(t, "rebalance: assignment could not be written", g.leader.id)
		return
	}
	g.enter(t, stable{})
	t.note(g, "stable", "")
	for m := range g.members.all() {
		g.members.assign(m, bytes.Clone(a.given[m]))
		if m.sync != 0 {
			g.answerSync(t, m, None)
		}
	}
}

// cancelSyncs takes all assignments back and answers those that wait for theirs.
func (g *Group) cancelSyncs(t *Turn, c Code) {
	for m := range g.members.all() {
		g.members.assign(m, nil)
		if m.sync != 0 {
			g.answerSync(t, m, c)
		}
	}
}

// answerSync answers m's parked SyncGroup, and counts its session from now.
func (g *Group) answerSync(t *Turn, m *member, c Code) {
	if c != None {
		t.refuseSync(m.sync, c)
	} else {
		t.Synced = append(t.Synced, g.assigned(m, m.sync))
	}
	m.sync = 0
	g.alive(t, m)
}

func (g *Group) assigned(m *member, token Token) SyncAnswer {
	return SyncAnswer{Token: token, ProtocolType: g.protocolType, Protocol: g.protocol, Assignment: m.assignment}
}

// synced notes that a member has asked for its assignment.
func (g *Group) synced(m *member) {
	if !m.unsynced {
		return
	}
	m.unsynced = false
	g.unsynced--
	if g.unsynced == 0 {
		g.alarms.Clear(&g.syncBy)
	}
}

// stored is the group as it is written to the log, with the assignments given.
func (g *Group) stored(given map[*member][]byte) entry.GroupValue {
	v := entry.GroupValue{ProtocolType: g.protocolType, Generation: g.generation, SinceMs: g.sinceMs}
	if g.chosen {
		v.Protocol = &g.protocol
	}
	if g.leader != nil {
		v.Leader = &g.leader.id
	}
	v.Members = make([]entry.Member, 0, g.members.len())
	for m := range g.members.all() {
		v.Members = append(v.Members, m.stored(g.protocol, given[m]))
	}
	return v
}
