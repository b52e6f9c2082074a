package group

// Join is a JoinGroup. The answer is in the turn now, or in a later one's.
func (tb *Table) Join(t *Turn, id string, j *Join) {
	if j.Session < t.Config.MinSession || j.Session > t.Config.MaxSession {
		t.refuse(j, j.MemberID, InvalidSessionTimeout)
		return
	}
	if c := j.storable(id, t.Config.MaxMember); c != None {
		t.refuse(j, j.MemberID, c)
		return
	}
	if tb.groups[id] == nil && j.MemberID != "" {
		t.refuse(j, j.MemberID, UnknownMember)
		return
	}
	t.group = tb.obtain(id)
	t.group.join(t, j)
	tb.settle(t)
}

// storable tells whether a member like this can be written to the log and kept in memory.
func (j *Join) storable(group string, bound int) Code {
	total := size(j.Protocols)
	names := [...]string{group, j.MemberID, j.ClientID, j.ClientHost, j.ProtocolType}
	for _, s := range names {
		total += int64(len(s))
		if len(s) > longest-len(j.Unique)-1 {
			return InvalidRequest
		}
	}
	if j.InstanceID != nil {
		total += int64(len(*j.InstanceID))
		if len(*j.InstanceID) > longest-len(j.Unique)-1 {
			return InvalidRequest
		}
	}
	for i := range j.Protocols {
		if len(j.Protocols[i].Name) > longest {
			return InvalidRequest
		}
	}
	if total > int64(bound) {
		return MessageTooLarge
	}
	return None
}

// Sync is a SyncGroup. The answer is in the turn now or after Written, or in a later one's.
func (tb *Table) Sync(t *Turn, id string, s *Sync) {
	g := tb.groups[id]
	if g == nil {
		t.refuseSync(s.Token, UnknownMember)
		return
	}
	t.group = g
	m, c := g.current(s.MemberID, s.InstanceID)
	switch {
	case c != None:
	case s.Generation != g.generation:
		c = IllegalGeneration
	case s.ProtocolType != nil && *s.ProtocolType != g.protocolType,
		s.Protocol != nil && !(g.chosen && *s.Protocol == g.protocol):
		c = InconsistentProtocol
	}
	if c != None {
		t.refuseSync(s.Token, c)
		return
	}
	g.phase.sync(g, t, m, s)
	tb.settle(t)
}

// Heartbeat is a Heartbeat.
func (tb *Table) Heartbeat(t *Turn, id string, h *Heartbeat) Code {
	g := tb.groups[id]
	if g == nil {
		return UnknownMember
	}
	m, c := g.current(h.MemberID, h.InstanceID)
	switch {
	case c != None:
		return c
	case h.Generation != g.generation:
		return IllegalGeneration
	}
	t.group = g
	c = g.phase.heartbeat(g, t, m)
	tb.settle(t)
	return c
}

// Leave is a LeaveGroup; the answers are the leavers' codes.
func (tb *Table) Leave(t *Turn, id string, leavers []Leaver) {
	g := tb.groups[id]
	for i := range leavers {
		leavers[i].Code = UnknownMember
		if g != nil {
			t.group = g
			leavers[i].Code = g.leave(t, &leavers[i])
		}
	}
	tb.settle(t)
}

// Commit is an OffsetCommit; the answers are the offsets' codes.
func (tb *Table) Commit(t *Turn, id string, c *Commit) {
	g := tb.groups[id]
	switch {
	case len(id) > longest:
		c.fail(InvalidGroupID)
		return
	case g == nil && c.Generation >= 0:
		c.fail(IllegalGeneration)
		return
	case g == nil:
		g = tb.obtain(id)
	}
	t.group = g
	g.commit(t, c)
	tb.settle(t)
}
