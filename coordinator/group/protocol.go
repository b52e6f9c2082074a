package group

// supports tells whether a member with these protocols fits in. Into an empty group everybody
// does who has any; otherwise its type must be the group's, and one of its protocols one that
// all members support.
func (g *Group) supports(protocolType string, protocols []Protocol) bool {
	if g.State() == Empty {
		return protocolType != "" && len(protocols) > 0
	}
	if protocolType != g.protocolType {
		return false
	}
	for i := range protocols {
		if g.members.supporters[protocols[i].Name] == g.members.len() {
			return true
		}
	}
	return false
}

// vote is the protocol of the next generation: of those that all support, the one that most
// members like best. Of equals it is the one whose voter joined first.
func (g *Group) vote() string {
	votes := map[string]int{}
	var best string
	for m := range g.members.all() {
		for i := range m.protocols {
			name := m.protocols[i].Name
			if g.members.supporters[name] != g.members.len() {
				continue
			}
			votes[name]++
			break
		}
	}
	for m := range g.members.all() {
		for i := range m.protocols {
			if name := m.protocols[i].Name; votes[name] > votes[best] {
				best = name
			}
		}
	}
	return best
}
