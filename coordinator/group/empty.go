package group

// empty is a group without members. Whoever commits without being a member may.
type empty struct{ memberless }

func (empty) state() State { return Empty }

// memberless is what a state without members does with inputs of members: nobody can send
// one, as a group finds the member before it asks its state.
type memberless struct{}

func (memberless) rejoin(_ *Group, t *Turn, m *member, j *Join)   { t.refuse(j, m.id, UnknownMember) }
func (memberless) replaced(_ *Group, t *Turn, m *member, j *Join) { t.refuse(j, m.id, UnknownMember) }
func (memberless) sync(_ *Group, t *Turn, _ *member, s *Sync)     { t.refuseSync(s.Token, UnknownMember) }
func (memberless) heartbeat(*Group, *Turn, *member) Code          { return UnknownMember }
func (memberless) commit(*Group, *Turn, *member) Code             { return UnknownMember }
func (memberless) left(*Group, *Turn)                             {}
