package group

import (
	"iter"
	"time"
)

// roster is the members of a group, in the order in which they joined.
type roster struct {
	byID        map[string]*member
	byInstance  map[string]*member
	supporters  map[string]int // by protocol: how many members support it
	first, last *member
	joining     int   // members with a parked JoinGroup
	bytes       int64 // of all members and pending ids
}

func (r *roster) len() int { return len(r.byID) }

// all yields the members; the one yielded may be removed.
func (r *roster) all() iter.Seq[*member] {
	return func(yield func(*member) bool) {
		for m := r.first; m != nil; {
			next := m.next
			if !yield(m) {
				return
			}
			m = next
		}
	}
}

func (r *roster) add(m *member) {
	if r.byID == nil {
		r.byID = map[string]*member{}
	}
	r.byID[m.id] = m
	if m.instance != nil {
		if r.byInstance == nil {
			r.byInstance = map[string]*member{}
		}
		r.byInstance[*m.instance] = m
	}
	m.prev = r.last
	if r.last != nil {
		r.last.next = m
	} else {
		r.first = m
	}
	r.last = m
	r.bytes += m.size()
	r.support(m, 1)
}

func (r *roster) remove(m *member) {
	delete(r.byID, m.id)
	if m.instance != nil {
		delete(r.byInstance, *m.instance)
	}
	if m.prev != nil {
		m.prev.next = m.next
	} else {
		r.first = m.next
	}
	if m.next != nil {
		m.next.prev = m.prev
	} else {
		r.last = m.prev
	}
	m.prev = nil // next stays, for who is on the way through
	r.bytes -= m.size()
	r.support(m, -1)
}

// rename gives a static member another id, in its place.
func (r *roster) rename(m *member, id string) {
	delete(r.byID, m.id)
	r.bytes += int64(len(id) - len(m.id))
	m.id = id
	r.byID[id] = m
}

// change makes a member say something else.
func (r *roster) change(m *member, protocols []Protocol) {
	r.support(m, -1)
	r.bytes += size(protocols) - size(m.protocols)
	m.protocols = protocols
	r.support(m, 1)
}

// assign gives a member something to do.
func (r *roster) assign(m *member, assignment []byte) {
	r.bytes += int64(len(assignment) - len(m.assignment))
	m.assignment = assignment
}

func (r *roster) support(m *member, by int) {
	if r.supporters == nil {
		r.supporters = map[string]int{}
	}
	for i := range m.protocols {
		name := m.protocols[i].Name
		if n := r.supporters[name] + by; n > 0 {
			r.supporters[name] = n
		} else {
			delete(r.supporters, name)
		}
	}
}

// rebalanceTimeout is the longest of the members', and not negative.
func (r *roster) rebalanceTimeout() (longest time.Duration) {
	for m := range r.all() {
		longest = max(longest, m.rebalance)
	}
	return longest
}
