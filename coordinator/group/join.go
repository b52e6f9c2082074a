package group

// join is a JoinGroup, after what can be judged without the group.
func (g *Group) join(t *Turn, j *Join) {
	m := g.members.byID[j.MemberID]
	switch {
	case !g.accepts(t, j, m):
		if m != nil {
			g.drop(m)
		}
		g.forgetPending(j.MemberID)
		t.note(g, "refused: group is full", j.MemberID)
		t.refuse(j, "", GroupFull)
	case !g.supports(j.ProtocolType, j.Protocols):
		t.refuse(j, j.MemberID, InconsistentProtocol)
	case j.MemberID == "":
		g.joinNew(t, j)
	default:
		g.joinKnown(t, j)
	}
	g.tryComplete(t)
}

// accepts tells whether the group is small enough. While it rebalances those are counted that
// are waiting, so that a group which had grown over the bound keeps the first to come back.
func (g *Group) accepts(t *Turn, j *Join, m *member) bool {
	more := size(j.Protocols)
	if m != nil {
		more -= size(m.protocols)
	} else if j.MemberID == "" {
		more += overhead
	}
	if more > 0 && more > t.Room {
		return false
	}
	switch g.State() {
	case Preparing:
		return m != nil && m.join != 0 || g.members.joining < t.Config.MaxSize
	case Completing, Stable:
		return m != nil || g.members.len() < t.Config.MaxSize
	default:
		return true
	}
}

func (g *Group) joinNew(t *Turn, j *Join) {
	switch {
	case j.InstanceID != nil:
		id := *j.InstanceID + "-" + j.Unique
		if m := g.members.byInstance[*j.InstanceID]; m != nil {
			g.replace(t, m, id, j)
			return
		}
		g.admit(t, id, j)
	case j.IDRequired:
		id := j.ClientID + "-" + j.Unique
		g.promise(t, id, j.Session)
		t.refuse(j, id, MemberIDRequired)
	default:
		g.admit(t, j.ClientID+"-"+j.Unique, j)
	}
}

func (g *Group) joinKnown(t *Turn, j *Join) {
	if g.pending[j.MemberID] != nil && j.InstanceID == nil {
		g.admit(t, j.MemberID, j)
		return
	}
	m, c := g.current(j.MemberID, j.InstanceID)
	if c != None {
		t.refuse(j, j.MemberID, c)
		return
	}
	g.phase.rejoin(g, t, m, j)
}

// current finds the member that a request says it is from. A static member's instance must be
// held by the very member id, else a younger one has taken its place.
func (g *Group) current(memberID string, instanceID *string) (*member, Code) {
	if instanceID != nil {
		holder := g.members.byInstance[*instanceID]
		switch {
		case holder == nil:
			return nil, UnknownMember
		case holder.id != memberID:
			return nil, FencedInstance
		}
		return holder, None
	}
	if m := g.members.byID[memberID]; m != nil {
		return m, None
	}
	return nil, UnknownMember
}

// admit makes a new member, and its coming a rebalance.
func (g *Group) admit(t *Turn, id string, j *Join) {
	m := &member{
		id:         id,
		instance:   j.InstanceID,
		clientID:   j.ClientID,
		clientHost: j.ClientHost,
		session:    j.Session,
		rebalance:  j.Rebalance,
		protocols:  copyProtocols(j.Protocols),
		join:       j.Token,
		fresh:      true,
	}
	m.alarm.Value = cause{kind: sessionEnds, member: m}
	g.forgetPending(id)
	if g.State() == Preparing && g.initial {
		g.newcomer = true
	}
	if g.members.len() == 0 {
		g.protocolType = j.ProtocolType
	}
	g.members.add(m)
	g.members.joining++
	if g.leader == nil {
		g.leader = m
	}
	g.alarms.Set(&m.alarm, t.Now.Add(newMemberPatience))
	if g.State() != Preparing {
		g.prepare(t, "rebalance: new member", id)
	}
}

// park makes a member say what it says now, and its request wait.
func (g *Group) park(t *Turn, m *member, j *Join) {
	g.members.change(m, copyProtocols(j.Protocols))
	m.session, m.rebalance = j.Session, j.Rebalance
	if m.join != 0 {
		g.answerJoin(t, m, JoinAnswer{Code: RebalanceInProgress, MemberID: m.id, Generation: -1})
	}
	m.join = j.Token
	g.members.joining++
}

// answerJoin answers m's parked JoinGroup.
func (g *Group) answerJoin(t *Turn, m *member, a JoinAnswer) {
	a.Token = m.join
	m.join = 0
	g.members.joining--
	t.Joined = append(t.Joined, a)
}

// welcome tells a member of the generation, and the leader of all members.
func (g *Group) welcome(m *member) JoinAnswer {
	a := JoinAnswer{
		MemberID:     m.id,
		Generation:   g.generation,
		ProtocolType: g.protocolType,
		Protocol:     g.protocol,
		Leader:       g.leader.id,
	}
	if m == g.leader {
		a.Members = g.joined()
	}
	return a
}

func (g *Group) joined() []JoinedMember {
	all := make([]JoinedMember, 0, g.members.len())
	for m := range g.members.all() {
		all = append(all, JoinedMember{m.id, m.instance, m.metadata(g.protocol)})
	}
	return all
}
