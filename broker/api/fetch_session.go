package api

import (
	"errors"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/broker/session"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/wait"
)

// newSession makes a session of the partitions that a request lists. It is in
// no cache yet.
func newSession(c *fetchCall) *session.Session {
	s := session.New(c.q.byID(), len(c.q.parts))
	setParts(c, s)
	return s
}

// updateSession makes the changes to a session that a request lists.
func updateSession(c *fetchCall, s *session.Session) {
	for i := range c.q.forgotten {
		f := &c.q.forgotten[i]
		s.Forget(session.Key{Topic: string(f.topic), ID: f.id, Index: f.index})
	}
	setParts(c, s)
}

func setParts(c *fetchCall, s *session.Session) {
	for i := range c.q.parts {
		p := &c.q.parts[i]
		if c.q.byID() {
			s.Set(session.Key{ID: p.id, Index: p.index}, p.Asked)
		} else {
			s.SetNamed(p.topic, p.index, p.Asked)
		}
	}
}

// fetchSession answers from a session, or parks the answer. Afterwards neither
// session nor, when parked, the call are the caller's.
func (a *API) fetchSession(c *fetchCall, s *session.Session, r *server.Request) (server.Outcome, bool) {
	full := c.q.version < 7 || c.q.sessionEpoch <= 0
	if s.Len() == 0 {
		// The client gave up all its partitions: so the session ends.
		a.sessions.End(s.ID())
		s.Release()
		return 0, false
	}
	a.lookAtAll(c, s)
	a.fetchChanged(c, s, full)
	if c.enough() {
		c.finish(s)
		return 0, false
	}
	a.parkFetch(c, s, r, full)
	return server.Parked, true
}

// fetchChanged reads the partitions of a session that may have something new.
// full wants a row of every partition, also of those without news.
func (a *API) fetchChanged(c *fetchCall, s *session.Session, full bool) {
	for k := s.Watcher.Changed(); k != nil; {
		if c.left == 0 && !c.minOne && !full && c.q.replica < 0 {
			s.Watcher.Return(k)
			return
		}
		next := s.Watcher.Seen(k)
		p := k.Of.(*session.Part)
		if a.readPart(c, s, p, full) {
			s.Watcher.Mark(k)
		}
		k = next
	}
}

// readPart adds the row of one partition, unless it has nothing new. It returns
// whether the partition is to be looked at again by the next fetch, whatever
// happens.
func (a *API) readPart(c *fetchCall, s *session.Session, p *session.Part, full bool) (again bool) {
	row := c.addRow(&fetchPart{id: p.Key.ID, index: p.Key.Index})
	row.part = p
	if !s.ByID() {
		row.topic = p.Name()
	}
	if err := a.linkPart(c, s, p); err != nil {
		a.refuseRow(c, row, err)
		return true
	}
	more := a.readRow(c, row, p.Replica, p.Asked)
	// A follower must hear of the high watermark, and not only with the next
	// records: it may be the next leader, or have consumers of its own.
	c.urgent = c.urgent || c.q.replica >= 0 && p.HighWatermark != row.highWatermark
	if !full && !row.news() {
		c.out.rows = c.out.rows[:len(c.out.rows)-1]
	}
	return more || row.code != 0 || row.diverging != nil
}

// fetchWants is what a fetch waits for at a partition. Followers with consumers
// of their own want the high watermark too, as soon as it moves.
func (a *API) fetchWants(q *fetchRequest) wait.Want {
	switch {
	case q.replica < 0:
		return wait.Committed
	case a.Config.String("replica.selector.class") != "":
		return wait.WrittenOrCommitted
	}
	return wait.Written
}

// lookAtAll has every partition of a follower's session looked at now and then.
// That of others is only looked at when something happens; but a follower that
// asks for what is not there yet says with each fetch that it has everything,
// and counts as out of sync when it has not said so for replica.lag.time.max.ms.
func (a *API) lookAtAll(c *fetchCall, s *session.Session) {
	if c.q.replica >= 0 {
		s.MarkAll(a.Now(), a.Config.Duration("replica.lag.time.max.ms")/8)
	}
}

// linkPart finds the replica of a partition and has it tell the session of
// what happens, unless it does already.
func (a *API) linkPart(c *fetchCall, s *session.Session, p *session.Part) error {
	if p.Replica != nil {
		if _, err := p.Replica.Leader(-1); !errors.Is(err, partition.ErrUnknown) {
			return nil
		}
		s.Watcher.Unwatch(&p.Link) // deleted; there may be a new one
		p.Replica = nil
	}
	name := p.Name()
	if s.ByID() {
		name = nil
	}
	replica, err := a.find(name, p.Key.ID, p.Key.Index)
	if err != nil {
		return err
	}
	p.Replica = replica
	p.Link.Want = a.fetchWants(&c.q)
	s.Watcher.Watch(replica.Watchers(), &p.Link)
	return nil
}

// news says whether the row has what the client of an incremental session does
// not know.
func (r *fetchRow) news() bool {
	return r.code != 0 || r.bytes() > 0 || r.diverging != nil || r.preferred >= 0 ||
		r.part.HighWatermark != r.highWatermark || r.part.StartOffset != r.logStart
}

// finish notes what the answer tells the client, and gives the session back.
func (c *fetchCall) finish(s *session.Session) {
	for i := range c.out.rows {
		r := &c.out.rows[i]
		r.part.HighWatermark, r.part.StartOffset = r.highWatermark, r.logStart
	}
	if c.out.session = s.ID(); c.out.session == 0 {
		s.Discard()
		return
	}
	s.Release()
}
