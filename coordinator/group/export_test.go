package group

import "fmt"

// Check tells of a group in the table that is not as the fields' comments promise.
func (tb *Table) Check() error {
	var bytes int64
	for id, g := range tb.groups {
		if id != g.id {
			return fmt.Errorf("group %q is at %q", g.id, id)
		}
		if err := g.check(); err != nil {
			return fmt.Errorf("group %q, %v: %w", id, g.State(), err)
		}
		if g.void() {
			return fmt.Errorf("group %q is kept for nothing", id)
		}
		at, some := g.deadline()
		if some != g.due.Set() || some && g.due.Due().After(at) {
			return fmt.Errorf("group %q is to be woken at %v, its table knows of %v", id, at, g.due.Due())
		}
		bytes += g.members.bytes
	}
	if bytes != tb.bytes {
		return fmt.Errorf("members hold %d bytes, counted are %d", bytes, tb.bytes)
	}
	return nil
}

func (g *Group) check() error {
	var joining, unsynced, n int
	var bytes int64
	supporters := map[string]int{}
	for m := range g.members.all() {
		n++
		if g.members.byID[m.id] != m || m.instance != nil && g.members.byInstance[*m.instance] != m {
			return fmt.Errorf("member %q cannot be found", m.id)
		}
		if m.join != 0 && m.sync != 0 {
			return fmt.Errorf("member %q waits twice", m.id)
		}
		if !m.waiting() && !m.alarm.Set() {
			return fmt.Errorf("member %q never expires", m.id)
		}
		if m.join != 0 {
			joining++
		}
		if m.unsynced && (g.State() == Completing || g.State() == Stable) {
			unsynced++
		}
		seen := map[string]bool{}
		for _, p := range m.protocols {
			if !seen[p.Name] {
				supporters[p.Name]++
			}
			seen[p.Name] = true
		}
		bytes += m.size()
	}
	for id := range g.pending {
		bytes += int64(overhead + len(id))
		if g.members.byID[id] != nil {
			return fmt.Errorf("member %q is pending", id)
		}
	}
	statics := 0
	for m := range g.members.all() {
		if m.instance != nil {
			statics++
		}
	}
	switch s := g.State(); {
	case n != g.members.len() || statics != len(g.members.byInstance):
		return fmt.Errorf("%d members, %d by id; %d static, %d by instance", n, g.members.len(), statics, len(g.members.byInstance))
	case (g.leader == nil) != (n == 0) || g.leader != nil && g.members.byID[g.leader.id] != g.leader:
		return fmt.Errorf("leader %v of %d members", g.leader, n)
	case joining != g.members.joining || s != Preparing && joining > 0:
		return fmt.Errorf("%d members join, counted are %d", joining, g.members.joining)
	case (s == Completing || s == Stable) && unsynced != g.unsynced:
		return fmt.Errorf("%d members have not synced, counted are %d", unsynced, g.unsynced)
	case (s == Completing || s == Stable) && (unsynced > 0) != g.syncBy.Set():
		return fmt.Errorf("%d members have not synced, time to is set: %v", unsynced, g.syncBy.Set())
	case (s == Preparing) != g.joinBy.Set():
		return fmt.Errorf("time to join is set: %v", g.joinBy.Set())
	case s == Preparing && !g.initial && joining == n && len(g.pending) == 0:
		return fmt.Errorf("all are there and it goes on waiting")
	case s == Empty && n > 0, (s == Completing || s == Stable) && n == 0:
		return fmt.Errorf("it has %d members", n)
	case bytes != g.members.bytes:
		return fmt.Errorf("members hold %d bytes, counted are %d", bytes, g.members.bytes)
	case fmt.Sprint(supporters) != fmt.Sprint(g.members.supporters) && len(supporters)+len(g.members.supporters) > 0:
		return fmt.Errorf("protocols are supported by %v, counted are %v", supporters, g.members.supporters)
	}
	return nil
}
