package sim

import (
	"fmt"
	"time"

	"github.com/leatmq/leat/coordinator/group"
)

// member is a consumer of the group "m", whose members share the partitions of
// the topic.
type member struct {
	w          *world
	n          int
	id         string
	generation int32 // 0: in none
	owned      []int
	asked      int // requests sent
}

// try does what is next, again and again: join, or say that it is alive and
// commit.
func (m *member) try() {
	m.asked++
	asked, w := m.asked, m.w
	r := w.guess(len(w.parts) - 1)
	w.send(clientID, r.b.id, func() {
		switch {
		case r.group == nil:
		case m.generation == 0:
			m.join(r.group, asked)
		default:
			m.beat(r.group)
		}
	})
	patience := w.between(200*time.Millisecond, 600*time.Millisecond)
	if m.generation == 0 {
		patience = 4 * time.Second
	}
	w.after(patience, func() {
		if m.asked == asked {
			m.try()
		}
	})
}

// hear has something done with an answer, if it is to the last request.
func (m *member) hear(c *coordinator, asked int, do func()) {
	m.w.send(c.r.b.id, clientID, func() {
		if m.asked == asked {
			do()
		}
	})
}

func (m *member) join(c *coordinator, asked int) {
	c.last++
	j := &group.Join{
		Token: c.last, MemberID: m.id, Unique: fmt.Sprintf("%d-%d-%d", m.n, asked, c.r.epoch), ClientID: "m", ClientHost: "h",
		Session: 3 * time.Second, Rebalance: 3 * time.Second, ProtocolType: "consumer",
		Protocols: []group.Protocol{{Name: "range", Metadata: []byte{0, 0, 0, 0, 0, 1, 0, 1, 't', 0xff, 0xff, 0xff, 0xff}}},
	}
	c.joins[j.Token] = func(a group.JoinAnswer) {
		m.hear(c, asked, func() {
			if a.Code != group.None {
				m.lost(a.Code)
				return
			}
			m.id = a.MemberID
			m.sync(c, a)
		})
	}
	c.input(func(t *group.Turn) { c.table.Join(t, "m", j) }, func() {})
}

// sync shares the partitions out, as the leader, and learns its own.
func (m *member) sync(c *coordinator, joined group.JoinAnswer) {
	m.asked++
	asked, w := m.asked, m.w
	s := &group.Sync{MemberID: m.id, Generation: joined.Generation}
	for i, other := range joined.Members {
		var owned []byte
		for p := i; p < len(w.parts)-1; p += len(joined.Members) {
			owned = append(owned, byte(p))
		}
		s.Assignments = append(s.Assignments, group.Assignment{MemberID: other.ID, Bytes: owned})
	}
	w.send(clientID, c.r.b.id, func() {
		if c.dead {
			return
		}
		c.last++
		s.Token = c.last
		c.syncs[s.Token] = func(a group.SyncAnswer) {
			m.hear(c, asked, func() { m.synced(a, joined.Generation) })
		}
		c.input(func(t *group.Turn) { c.table.Sync(t, "m", s) }, func() {})
	})
	w.after(4*time.Second, func() {
		if m.asked == asked {
			m.try()
		}
	})
}

func (m *member) synced(a group.SyncAnswer, generation int32) {
	if a.Code != group.None {
		m.lost(a.Code)
		return
	}
	m.generation, m.owned = generation, nil
	m.w.tell("member %d is in generation %d and reads %v", m.n, generation, a.Assignment)
	for _, p := range a.Assignment {
		m.owned = append(m.owned, int(p))
		m.w.checker.owns(m.w, m, int(p))
	}
	m.try()
}

// beat is a heartbeat, and a commit of what it reads.
func (m *member) beat(c *coordinator) {
	w, asked, generation := m.w, m.asked, m.generation
	var code group.Code
	c.input(func(t *group.Turn) {
		code = c.table.Heartbeat(t, "m", &group.Heartbeat{MemberID: m.id, Generation: generation})
	}, func() {
		m.hear(c, asked, func() { m.lost(code) })
	})
	for _, p := range m.owned {
		offset := w.checker.progress[p] + 1
		q := commitOf(int32(p), offset)
		q.MemberID, q.Generation = m.id, generation
		c.commit("m", q, func(code group.Code) {
			w.send(c.r.b.id, clientID, func() {
				if code == group.None {
					w.checker.progress[p] = max(w.checker.progress[p], offset)
				}
			})
		})
	}
}

// lost is what an error does to a member.
func (m *member) lost(code group.Code) {
	switch code {
	case group.None, group.NotCoordinator, group.CoordinatorNotAvailable, group.LoadInProgress:
		return
	case group.UnknownMember:
		m.id = ""
	}
	m.generation, m.owned = 0, nil
	m.asked++
	asked := m.asked
	m.w.after(m.w.between(10*time.Millisecond, 300*time.Millisecond), func() {
		if m.asked == asked {
			m.try()
		}
	})
}
