package partition

import "slices"

// reassignment is how the replicas of a partition are being changed, as the last
// order said.
type reassignment struct{ adding, removing []int32 }

// moves takes over what an order says of a reassignment.
func (r *Replica) moves(s *State) {
	if len(s.Adding)+len(s.Removing) == 0 {
		r.moving.Store(nil)
		return
	}
	r.moving.Store(&reassignment{adding: s.Adding, removing: s.Removing})
}

// Reassigning says whether the partition's replicas are being changed, as far as
// the last order knew.
func (r *Replica) Reassigning() bool { return r.moving.Load() != nil }

// Adds says whether a reassignment under way adds a broker's replica.
func (r *Replica) Adds(broker int32) bool {
	m := r.moving.Load()
	return m != nil && slices.Contains(m.adding, broker)
}
