package group

// State is what a group is doing.
type State int8

// The states, in the order of a group's life.
const (
	Empty      State = iota // no members; it may still have offsets
	Preparing               // waiting for the members to join
	Completing              // waiting for the leader's assignment
	Stable                  // the members have their assignment
	Dead                    // gone, or led elsewhere
)

// String is Kafka's name of the state.
func (s State) String() string {
	switch s {
	case Empty:
		return "Empty"
	case Preparing:
		return "PreparingRebalance"
	case Completing:
		return "CompletingRebalance"
	case Stable:
		return "Stable"
	default:
		return "Dead"
	}
}

// phase is what a group in one state does with its inputs. Each state has its own file.
type phase interface {
	state() State
	// rejoin is a JoinGroup by a member that the group knows.
	rejoin(g *Group, t *Turn, m *member, j *Join)
	// replaced is a JoinGroup by a static member that has lost its id: m has a new one already.
	replaced(g *Group, t *Turn, m *member, j *Join)
	// sync is a SyncGroup by a member, in its generation.
	sync(g *Group, t *Turn, m *member, s *Sync)
	// heartbeat is a Heartbeat by a member, in its generation.
	heartbeat(g *Group, t *Turn, m *member) Code
	// commit tells whether a member may commit now.
	commit(g *Group, t *Turn, m *member) Code
	// left is after a member has gone.
	left(g *Group, t *Turn)
}
