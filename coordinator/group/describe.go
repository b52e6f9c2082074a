package group

// Summary is what ListGroups tells of a group.
type Summary struct {
	ID           string
	ProtocolType string // empty for a group that only ever stored offsets
	State        State
	Members      int
}

// Summary tells of the group in short.
func (g *Group) Summary() Summary {
	return Summary{g.id, g.protocolType, g.State(), g.members.len()}
}

// Description is what DescribeGroups tells of a group.
type Description struct {
	Summary
	Protocol string // empty unless the group is stable
	Members  []MemberDescription
}

// MemberDescription is a member of a Description. Its bytes must not be changed; they are
// empty unless the group is stable.
type MemberDescription struct {
	ID         string
	InstanceID *string
	ClientID   string
	ClientHost string
	Metadata   []byte
	Assignment []byte
}

// Describe tells of the group and its members.
func (g *Group) Describe() Description {
	d := Description{Summary: g.Summary()}
	settled := g.State() == Stable
	if settled {
		d.Protocol = g.protocol
	}
	for m := range g.members.all() {
		of := MemberDescription{ID: m.id, InstanceID: m.instance, ClientID: m.clientID, ClientHost: m.clientHost}
		if settled {
			of.Metadata = m.metadata(g.protocol)
			of.Assignment = m.assignment
		}
		d.Members = append(d.Members, of)
	}
	return d
}
