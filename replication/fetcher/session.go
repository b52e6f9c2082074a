package fetcher

import (
	"math"
	"time"
)

// session is the fetch session with the leader (KIP-227): after a full fetch,
// which lists all partitions, only what has changed is told, either way.
//
//	full (id, 0) ──→ (id, 1) ──→ (id, 2) ──→ ...      the leader granted one
//	     ↑ └──────→ full (0, 0) ──→ ...               it did not
//	     └── any error, lost answer, or change of how topics are named
type session struct {
	id      int32
	epoch   int32 // of the next fetch; 0: a full one
	version int16 // of the requests in it
}

// restart has the next fetch be a full one. It closes the session before it.
func (s *session) restart() { s.epoch = 0 }

// proceed takes note that a fetch of this epoch was answered, under a session of
// that id. It returns false if that cannot be.
func (s *session) proceed(asked, id int32) bool {
	switch {
	case id == 0:
		s.id, s.epoch = 0, 0
	case asked == 0:
		s.id, s.epoch = id, 1
	case id != s.id:
		s.epoch = 0
		return false
	case asked == math.MaxInt32:
		s.epoch = 1
	default:
		s.epoch = asked + 1
	}
	return true
}

// compose makes the next request. Its answer may take as long as wait.
func (l *loop) compose(wait time.Duration) {
	version := l.version
	if l.noID > 0 {
		version = min(version, idVersion-1)
	}
	if version != l.session.version {
		l.session.restart()
		l.session.version = version
	}
	q := &l.req
	q.version = version
	q.replica, q.broker = l.f.o.BrokerID, l.f.o.BrokerEpoch()
	q.maxWaitMs = int32((max(wait, 0) + time.Millisecond - 1) / time.Millisecond)
	q.minBytes, q.maxBytes, q.partBytes = l.settings.MinBytes, l.settings.MaxBytes, l.settings.PartitionBytes
	q.session, q.epoch = l.session.id, l.session.epoch
	clear(q.parts)
	q.parts, q.forgotten = q.parts[:0], q.forgotten[:0]
	if q.epoch == 0 {
		l.listAll()
	} else {
		l.listChanged()
	}
	for _, p := range l.changed {
		p.changed = false
	}
	clear(l.changed)
	l.changed, l.gone = l.changed[:0], l.gone[:0]
}

// listAll puts all active parts into the request. Where the leader grants no
// session it serves them in this order until the answer is full, so each time
// another is the first.
func (l *loop) listAll() {
	for i := range l.order {
		p := l.order[(l.first+i)%len(l.order)]
		if p.session = p.state == active; p.session {
			p.told = p.at
			l.req.parts = append(l.req.parts, p)
		}
	}
}

// listChanged puts into the request what the leader's session does not know.
func (l *loop) listChanged() {
	for _, p := range l.changed {
		if p.state == active && (!p.session || p.told != p.at) {
			p.session, p.told = true, p.at
			l.req.parts = append(l.req.parts, p)
		}
	}
	for _, k := range l.gone {
		if p := l.find(&k); p == nil || !p.session {
			l.req.forgotten = append(l.req.forgotten, k)
		}
	}
}

// find returns the part that a key means to the leader's session; nil if there
// is none.
func (l *loop) find(k *partKey) *part {
	if l.session.version >= idVersion {
		return l.byID[idKey{id: k.id, index: k.index}]
	}
	return l.byName[nameKey{topic: k.topic, index: k.index}]
}

// partOf returns the part that a row of the answer is about, nil if the request
// was not about it, or not about it as it is now.
func (l *loop) partOf(w *row) *part {
	var p *part
	if l.ans.version >= idVersion {
		p = l.byID[idKey{id: w.id, index: w.index}]
	} else {
		p = l.byName[nameKey{topic: string(w.topic), index: w.index}]
	}
	if p == nil || !p.session || p.state != active || p.at.offset != p.told.offset {
		return nil
	}
	return p
}

// change has the leader's session be told about a part.
func (l *loop) change(p *part) {
	if !p.changed {
		p.changed = true
		l.changed = append(l.changed, p)
	}
}

// leave has the leader's session forget a part.
func (l *loop) leave(p *part) {
	if p.session {
		p.session = false
		l.gone = append(l.gone, p.key)
	}
}
