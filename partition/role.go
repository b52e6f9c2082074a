package partition

import (
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/partition/isr"
)

// lead makes this broker the leader at the state's epoch.
func (r *Replica) lead(s State) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.leader.Load()
	skip, err := r.accept(s, old != nil)
	if skip || err != nil {
		return err
	}
	if old != nil && s.LeaderEpoch == old.epoch {
		r.partitionEpoch = s.PartitionEpoch
		old.commit(assignment(s))
		return nil
	}
	defer r.lost() // when there is a new leader to look at
	// An old leadership takes no records any more, but can be read until there
	// is a new one.
	before := r.retire()
	err = r.Log().AssignEpoch(s.LeaderEpoch)
	if err == nil {
		err = r.secure()
	}
	if err != nil {
		r.forget()
		return err
	}
	l := &Leader{replica: r, epoch: s.LeaderEpoch, begin: r.Log().EndOffset()}
	if l.first = l; old != nil {
		l.first = old.first
	}
	l.progress = isr.Lead(assignment(s), isr.Log{End: l.begin, High: r.clampedHigh()}, r.set.o.Now(), before)
	l.mu.Lock()
	c := l.conditions()
	l.raise(&c)
	l.note()
	l.mu.Unlock()
	r.epoch.Store(s.LeaderEpoch)
	r.partitionEpoch = s.PartitionEpoch
	r.leader.Store(l)
	return nil
}

// follow makes this broker a follower at the state's epoch.
func (r *Replica) follow(s State) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	old := r.follower.Load()
	skip, err := r.accept(s, old != nil)
	if skip || err != nil {
		return err
	}
	r.partitionEpoch = s.PartitionEpoch
	if old != nil && s.LeaderEpoch == old.epoch {
		return nil
	}
	defer r.lost() // when there is a new role to look at
	r.retire()
	r.leader.Store(nil)
	err = r.mend()
	if err == nil {
		err = r.secure()
	}
	if err != nil {
		r.forget()
		return err
	}
	r.high.Store(r.clampedHigh())
	r.epoch.Store(s.LeaderEpoch)
	r.follower.Store(&Follower{replica: r, epoch: s.LeaderEpoch, leader: s.Leader})
	return nil
}

// accept decides whether an order is obeyed, and makes the log the topic's if
// it is. same says that the replica has the role already that the order is
// about. An order that is older than the present state in its partition epoch
// alone is skipped.
func (r *Replica) accept(s State, same bool) (skip bool, err error) {
	present, had := r.epoch.Load(), r.TopicID()
	switch {
	case s.TopicID != [16]byte{} && had != [16]byte{} && s.TopicID != had:
		return false, ErrInconsistentID
	case s.LeaderEpoch < present, s.LeaderEpoch == present && present >= 0 && !same:
		return false, ErrStaleEpoch
	case s.PartitionEpoch < r.partitionEpoch:
		return true, nil
	}
	r.moves(&s)
	r.Log().Configure(s.Config)
	return false, r.Log().SetTopicID(s.TopicID)
}

// retire ends the role, if there is one: when it returns nothing that was begun
// in it is under way. It returns how far the followers of a leader had come; nil
// for one that has not led. The leadership can still be found.
func (r *Replica) retire() *isr.Progress {
	if f := r.follower.Swap(nil); f != nil {
		f.retire()
	}
	if l := r.leader.Load(); l != nil {
		return l.retire()
	}
	return nil
}

// forget makes the replica, whose role has been retired, one without a role,
// that takes any order.
func (r *Replica) forget() {
	r.leader.Store(nil)
	r.moving.Store(nil)
	r.epoch.Store(-1)
	r.partitionEpoch = -1
}

// stop ends the role, if there is one, and wakes whoever waits on it.
func (r *Replica) stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.retire()
	r.forget()
	r.lost()
}

// remove makes the replica refuse everything: it is about to be deleted.
func (r *Replica) remove() {
	r.gone.Store(true)
	r.stop()
}

// clampedHigh is the high watermark, no further than the log reaches.
func (r *Replica) clampedHigh() int64 {
	lg := r.Log()
	return max(lg.StartOffset(), min(r.high.Load(), lg.EndOffset()))
}

// secure brings to the disk what the log has found after a kill, or was given in another
// role, where it counts only then: a leader shows it from now on, and tells whoever sends
// it again that it is safe; a follower acknowledges it with its first fetch.
func (r *Replica) secure() error {
	lg := r.Log()
	end := lg.EndOffset()
	if r.set.o.GroupCommit || end-lg.RecoveryPoint() >= lg.Config().FlushMessages {
		return lg.Sync(end)
	}
	return nil
}

// configure gives the log a new configuration. A smaller min.insync.replicas
// may let the high watermark move.
func (r *Replica) configure(c log.Config) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.Log().Configure(c)
	if l := r.leader.Load(); l != nil {
		if t, ok := l.enter(); ok {
			l.leave(&t)
		}
	}
}

func assignment(s State) isr.Assignment {
	return isr.Assignment{Self: s.Leader, Replicas: s.Replicas, ISR: s.ISR, PartitionEpoch: s.PartitionEpoch}
}
