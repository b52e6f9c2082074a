package group

import "time"

// preparing is a group that waits until its members have joined again. It ends when all have,
// and no id that was given out is missing, or when their time is up.
type preparing struct{}

func (preparing) state() State { return Preparing }

func (preparing) rejoin(g *Group, t *Turn, m *member, j *Join) { g.park(t, m, j) }

func (preparing) replaced(g *Group, t *Turn, m *member, j *Join) { g.park(t, m, j) }

func (preparing) sync(_ *Group, t *Turn, _ *member, s *Sync) {
	t.refuseSync(s.Token, RebalanceInProgress)
}

func (preparing) heartbeat(g *Group, t *Turn, m *member) Code {
	g.alive(t, m)
	return RebalanceInProgress
}

// commit lets members finish what they had: they learn of the rebalance by their heartbeats.
func (preparing) commit(g *Group, t *Turn, m *member) Code {
	g.alive(t, m)
	return None
}

func (preparing) left(g *Group, t *Turn) { g.tryComplete(t) }

// leastWait is how long a group waits at least for members none of whom has come, whatever
// timeouts they asked for.
const leastWait = time.Second

// prepare begins a rebalance, on account of a member or of none.
func (g *Group) prepare(t *Turn, event, memberID string) {
	t.note(g, event, memberID)
	if g.State() == Completing {
		g.cancelSyncs(t, RebalanceInProgress)
	}
	g.alarms.Clear(&g.syncBy)
	timeout := g.members.rebalanceTimeout()
	if g.State() != Empty {
		g.enter(t, preparing{})
		g.alarms.Set(&g.joinBy, t.Now.Add(timeout))
		g.tryComplete(t)
		return
	}
	g.enter(t, preparing{})
	delay := t.Config.InitialDelay
	g.initial, g.newcomer = true, false
	g.delay, g.remaining = delay, max(timeout-delay, 0)
	if delay <= 0 {
		g.complete(t)
		return
	}
	g.alarms.Set(&g.joinBy, t.Now.Add(delay))
}

// tryComplete ends the wait if everybody is there.
func (g *Group) tryComplete(t *Turn) {
	if g.State() == Preparing && !g.initial && g.members.joining == g.members.len() && len(g.pending) == 0 {
		g.complete(t)
	}
}

// complete ends the wait with those who are there.
func (g *Group) complete(t *Turn) {
	if g.initial && g.newcomer && g.remaining > 0 {
		g.newcomer = false
		delay := min(t.Config.InitialDelay, g.remaining)
		g.remaining = max(g.remaining-g.delay, 0)
		g.delay = delay
		g.alarms.Set(&g.joinBy, t.Now.Add(delay))
		return
	}
	g.initial = false
	g.alarms.Clear(&g.joinBy)
	for m := range g.members.all() {
		if m.join == 0 && m.instance == nil {
			t.note(g, "removed: has not joined the rebalance", m.id)
			g.drop(m)
		}
	}
	switch {
	case g.members.len() == 0:
		g.becomeEmpty(t)
	case g.elect():
		g.nextGeneration(t)
	default:
		g.alarms.Set(&g.joinBy, t.Now.Add(max(g.members.rebalanceTimeout(), leastWait)))
	}
}

// elect keeps the leader if it has joined, else takes the first member who has. It is false
// when nobody has.
func (g *Group) elect() bool {
	if g.leader.join != 0 {
		return true
	}
	for m := range g.members.all() {
		if m.join != 0 {
			g.leader = m
			return true
		}
	}
	return false
}

// nextGeneration answers all who wait to join: from now on the leader's assignment is awaited.
func (g *Group) nextGeneration(t *Turn) {
	g.generation++
	g.protocol, g.chosen = g.vote(), true
	g.topics = g.subscribed()
	g.enter(t, completing{})
	t.note(g, "members joined", "")
	for m := range g.members.all() {
		if m.join != 0 {
			g.answerJoin(t, m, g.welcome(m))
		}
		m.fresh, m.unsynced = false, true
		g.alive(t, m)
	}
	g.unsynced = g.members.len()
	g.alarms.Set(&g.syncBy, t.Now.Add(g.members.rebalanceTimeout()))
}

// becomeEmpty is the next generation of a group that all have left. The log is told, but if
// it cannot be, the group is empty all the same.
func (g *Group) becomeEmpty(t *Turn) {
	g.generation++
	g.protocol, g.chosen = "", false
	g.topics = g.subscribed()
	g.unsynced = 0
	g.enter(t, empty{})
	t.note(g, "empty", "")
	t.recordGroup(g.id, g.stored(nil))
	t.write = emptied{}
}

// emptied is the record of a group without members.
type emptied struct{}

func (emptied) written(t *Turn, a Appended) {
	if a.Fault != NoFault {
		t.note(t.group, "could not be written as empty", "")
	}
}
