package group

// dead is a group that is no more, or is led elsewhere. Its table drops it within the same
// turn, so that no input ever meets it; Kafka, whose inputs can, answers
// COORDINATOR_NOT_AVAILABLE then.
type dead struct{ memberless }

func (dead) state() State { return Dead }

// retire ends the group here because its partition is led elsewhere: whoever waits must look
// for the new coordinator.
func (g *Group) retire(t *Turn) {
	for m := range g.members.all() {
		g.dismiss(t, m, NotCoordinator)
		g.drop(m)
	}
	g.phase = dead{}
}
