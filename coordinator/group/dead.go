package group

// dead is a group that is no more, or is led elsewhere.
type dead struct{}

func (dead) state() State { return Dead }

func (dead) rejoin(_ *Group, t *Turn, m *member, j *Join) {
	t.refuse(j, m.id, CoordinatorNotAvailable)
}

func (dead) replaced(_ *Group, t *Turn, m *member, j *Join) {
	t.refuse(j, m.id, CoordinatorNotAvailable)
}

func (dead) sync(_ *Group, t *Turn, _ *member, s *Sync) {
	t.refuseSync(s.Token, CoordinatorNotAvailable)
}

func (dead) heartbeat(*Group, *Turn, *member) Code { return CoordinatorNotAvailable }

func (dead) commit(*Group, *Turn, *member) Code { return CoordinatorNotAvailable }

func (dead) left(*Group, *Turn) {}

// retire ends the group here because its partition is led elsewhere: whoever waits must look
// for the new coordinator.
func (g *Group) retire(t *Turn) {
	for m := range g.members.all() {
		g.dismiss(t, m, NotCoordinator)
		g.drop(m)
	}
	for id := range g.pending {
		g.forgetPending(id)
	}
	g.alarms.Clear(&g.joinBy)
	g.alarms.Clear(&g.syncBy)
	g.phase = dead{}
}
