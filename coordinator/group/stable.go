package group

// stable is a group whose members do what they were assigned.
type stable struct{}

func (stable) state() State { return Stable }

// rejoin by the leader is always a wish for a new assignment, for it may know of changes that
// its protocols do not show, as of new partitions. Others who say nothing new are told the
// generation again.
func (stable) rejoin(g *Group, t *Turn, m *member, j *Join) {
	switch {
	case m == g.leader:
		g.park(t, m, j)
		g.prepare(t, "rebalance: leader joins again", m.id)
	case !m.says(j.Protocols):
		g.park(t, m, j)
		g.prepare(t, "rebalance: member joins with other protocols", m.id)
	default:
		a := g.welcome(m)
		a.Token, a.Members = j.Token, nil
		t.Joined = append(t.Joined, a)
	}
}

func (stable) replaced(g *Group, t *Turn, m *member, j *Join) {
	g.park(t, m, j)
	g.prepare(t, "rebalance: static member joins with other protocols", m.id)
}

func (stable) sync(g *Group, t *Turn, m *member, s *Sync) {
	g.synced(m)
	t.Synced = append(t.Synced, g.assigned(m, s.Token))
	g.alive(t, m)
}

func (stable) heartbeat(g *Group, t *Turn, m *member) Code {
	g.alive(t, m)
	return None
}

func (stable) commit(g *Group, t *Turn, m *member) Code {
	g.alive(t, m)
	return None
}

func (stable) left(g *Group, t *Turn) { g.prepare(t, "rebalance: member left", "") }
