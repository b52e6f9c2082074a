package group

import "time"

// replace gives a static member that has lost its id a new one (KIP-345). Whoever still uses
// the old id is fenced. A stable group whose protocol stays what it is goes on as it is, once
// the new id is written; otherwise there is a rebalance.
func (g *Group) replace(t *Turn, m *member, id string, j *Join) {
	g.dismiss(t, m, FencedInstance)
	leader := g.leader.id
	r := replacement{
		token: j.Token, maySkip: j.MaySkip, member: m, leader: leader,
		id: m.id, protocols: m.protocols, session: m.session, rebalance: m.rebalance,
	}
	g.members.rename(m, id)
	g.alive(t, m)
	if g.State() != Stable {
		g.phase.replaced(g, t, m, j)
		return
	}
	g.members.change(m, copyProtocols(j.Protocols))
	if g.vote() != g.protocol {
		g.phase.replaced(g, t, m, j)
		return
	}
	m.session, m.rebalance = j.Session, j.Rebalance
	g.alive(t, m)
	t.note(g, "static member is back", id)
	given := make(map[*member][]byte, g.members.len())
	for m := range g.members.all() {
		given[m] = m.assignment
	}
	t.recordGroup(g.id, g.stored(given))
	t.write = &r
}

// replacement is the record of a static member's new id in a stable group.
type replacement struct {
	token   Token
	maySkip bool
	member  *member
	leader  string // the leader's id before

	// What the member was, for when it cannot be written.
	id                 string
	protocols          []Protocol
	session, rebalance time.Duration
}

func (r *replacement) written(t *Turn, w Appended) {
	g, m := t.group, r.member
	if w.Fault != NoFault {
		g.members.rename(m, r.id)
		g.members.change(m, r.protocols)
		m.session, m.rebalance = r.session, r.rebalance
		g.alive(t, m)
		t.Joined = append(t.Joined, JoinAnswer{
			Token: r.token, Code: w.Fault.Assigning(), Generation: g.generation,
			ProtocolType: g.protocolType, Protocol: g.protocol, Leader: r.leader,
		})
		return
	}
	a := g.welcome(m)
	a.Token = r.token
	switch {
	case r.maySkip:
		a.SkipAssignment = m == g.leader
	default:
		// Told that it leads, an older client would assign anew, and nobody would listen.
		a.Leader, a.Members = r.leader, nil
	}
	t.Joined = append(t.Joined, a)
}
