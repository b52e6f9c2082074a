package group

// empty is a group without members. Whoever commits without being a member may.
type empty struct{}

func (empty) state() State { return Empty }

func (empty) rejoin(_ *Group, t *Turn, m *member, j *Join) { t.refuse(j, m.id, UnknownMember) }

func (empty) replaced(_ *Group, t *Turn, m *member, j *Join) { t.refuse(j, m.id, UnknownMember) }

func (empty) sync(_ *Group, t *Turn, _ *member, s *Sync) { t.refuseSync(s.Token, UnknownMember) }

func (empty) heartbeat(*Group, *Turn, *member) Code { return UnknownMember }

func (empty) commit(*Group, *Turn, *member) Code { return None }

func (empty) left(*Group, *Turn) {}
