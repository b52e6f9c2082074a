package group

// leave is one member's part of a LeaveGroup.
func (g *Group) leave(t *Turn, l *Leaver) Code {
	if l.MemberID == "" {
		if l.InstanceID == nil {
			return UnknownMember
		}
		m := g.members.byInstance[*l.InstanceID]
		if m == nil {
			return UnknownMember
		}
		t.note(g, "removed: instance was told to leave", m.id)
		g.remove(t, m)
		return None
	}
	if g.pending[l.MemberID] != nil {
		g.forgetPending(l.MemberID)
		g.tryComplete(t)
		return None
	}
	m, c := g.current(l.MemberID, l.InstanceID)
	if c != None {
		return c
	}
	t.note(g, "left", m.id)
	g.remove(t, m)
	return None
}

// remove takes a member out of the group, which may begin or end a rebalance.
func (g *Group) remove(t *Turn, m *member) {
	g.dismiss(t, m, UnknownMember)
	g.drop(m)
	g.phase.left(g, t)
}

// dismiss answers what a member has parked, with an error.
func (g *Group) dismiss(t *Turn, m *member, c Code) {
	if m.join != 0 {
		id := m.id
		if c == UnknownMember {
			id = "" // so that it comes again as a new one
		}
		g.answerJoin(t, m, JoinAnswer{Code: c, MemberID: id, Generation: -1})
	}
	if m.sync != 0 {
		t.refuseSync(m.sync, c)
		m.sync = 0
	}
}

// drop takes a member that has nothing parked out of the group and does nothing else.
func (g *Group) drop(m *member) {
	g.synced(m)
	g.members.remove(m)
	g.alarms.Clear(&m.alarm)
	if g.leader == m {
		g.leader = g.members.first
	}
}
