package fetcher

import (
	"maps"
	"slices"
	"time"

	"github.com/leatmq/leat/log/checkpoint"
)

// takeChanges does what the inbox says. It returns false when the loop has
// nothing left to follow; then the fetcher has forgotten it.
func (l *loop) takeChanges() bool {
	for {
		l.f.mu.Lock()
		if len(l.inbox) == 0 {
			left := len(l.parts) > 0
			if !left && l.f.loops[l.key] == l {
				delete(l.f.loops, l.key)
			}
			l.f.mu.Unlock()
			return left
		}
		changes := maps.Clone(l.inbox)
		clear(l.inbox)
		select {
		case <-l.kick:
		default:
		}
		l.f.mu.Unlock()
		for id, a := range changes {
			l.apply(id, a)
		}
	}
}

// apply does one change.
func (l *loop) apply(id checkpoint.Partition, a *assignment) {
	p := l.parts[id]
	if p != nil && p.a == a {
		l.revive(p)
		return
	}
	if p != nil {
		l.remove(p)
	}
	if a != nil {
		l.add(a)
	}
}

// add begins to follow a partition.
func (l *loop) add(a *assignment) {
	p := &part{
		a: a, leaderEpoch: a.Epoch, place: len(l.order),
		key: partKey{topic: a.Partition.Topic, id: a.TopicID, index: a.Partition.Index},
	}
	l.parts[a.Partition] = p
	l.byName[nameKey{topic: p.key.topic, index: p.key.index}] = p
	if p.key.id == [16]byte{} {
		l.noID++
	} else {
		l.byID[idKey{id: p.key.id, index: p.key.index}] = p
	}
	l.order = append(l.order, p)
	l.actives++
	l.start(p)
}

// start gets the right to change the log, and looks where it is.
func (l *loop) start(p *part) {
	var err error
	if p.replica == nil {
		p.replica, err = l.f.o.Replica(p.a.Partition, p.leaderEpoch)
	}
	if err == nil {
		err = p.begin()
	}
	if err != nil {
		l.hurt(p, err)
		return
	}
	p.begun = true
	l.change(p)
}

// remove ends the following of a partition.
func (l *loop) remove(p *part) {
	l.leave(p)
	l.calm(p)
	l.actives--
	delete(l.parts, p.a.Partition)
	delete(l.byName, nameKey{topic: p.key.topic, index: p.key.index})
	if p.key.id == [16]byte{} {
		l.noID--
	} else {
		delete(l.byID, idKey{id: p.key.id, index: p.key.index})
	}
	last := l.order[len(l.order)-1]
	l.order[p.place], last.place = last, p.place
	l.order[len(l.order)-1] = nil
	l.order = l.order[:len(l.order)-1]
	if l.first >= len(l.order) {
		l.first = 0
	}
	if p.changed {
		l.changed = slices.DeleteFunc(l.changed, func(o *part) bool { return o == p })
	}
}

// revive has a part look at its log anew, whatever it was about. Saying what the
// log knows already makes it drop what it has found to be damaged.
func (l *loop) revive(p *part) {
	l.calm(p)
	p.failures = 0
	if p.replica != nil {
		if err := p.replica.Advance(p.replica.HighWatermark(), p.replica.StartOffset()); err != nil {
			l.hurt(p, err)
			return
		}
	}
	l.start(p)
}

// calm makes a part active.
func (l *loop) calm(p *part) {
	switch p.state {
	case active:
		return
	case resting:
		l.rested = slices.DeleteFunc(l.rested, func(o *part) bool { return o == p })
	case failed:
		p.a.failed.Store(false)
	}
	p.state = active
	l.actives++
}

// suspend has a part be fetched no more until the time; the leader's session
// forgets it meanwhile.
func (l *loop) suspend(p *part, until time.Time) {
	l.leave(p)
	p.state, p.resume = resting, until
	l.rested = append(l.rested, p)
	l.actives--
}

// wakeRested makes those active that have rested long enough.
func (l *loop) wakeRested(now time.Time) {
	if len(l.rested) == 0 {
		return
	}
	l.rested = slices.DeleteFunc(l.rested, func(p *part) bool {
		if p.resume.After(now) {
			return false
		}
		p.state = active
		l.actives++
		l.waking = append(l.waking, p)
		return true
	})
	for _, p := range l.waking {
		if !p.begun {
			l.start(p)
		} else if err := p.secure(); err != nil {
			l.hurt(p, err)
		} else {
			l.change(p)
		}
	}
	clear(l.waking)
	l.waking = l.waking[:0]
}

// untilResume is how long the first of those resting still rests.
func (l *loop) untilResume(now time.Time) time.Duration {
	wait := forever
	for _, p := range l.rested {
		wait = min(wait, p.resume.Sub(now))
	}
	return wait
}

// throttle has parts wait that bring in more than they may. Who is in sync never
// waits (KIP-73).
func (l *loop) throttle(now time.Time) {
	q := l.f.o.Quota
	if q == nil {
		return
	}
	wait := min(q.Wait(now), time.Second) // the rate may be changed meanwhile
	if wait == 0 {
		return
	}
	for _, p := range l.order {
		if p.state == active && !p.inSync() && q.Holds(p.key.topic, p.key.index) {
			l.suspend(p, now.Add(wait))
		}
	}
}
