package coordinator

// Waiting is how many requests wait for other members.
func (g *Groups) Waiting() (n int) {
	for _, sh := range g.shards.All() {
		if sh.Again() == nil {
			n += len(sh.Machine.waiting)
			sh.Leave()
		}
	}
	return n
}
