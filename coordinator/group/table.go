package group

import (
	"iter"
	"time"

	"github.com/leatmq/leat/coordinator/deadline"
)

// Table has the groups of one partition of __consumer_offsets.
//
// Between two inputs each group in it has its next deadline in the heap, is counted in bytes,
// and is worth keeping: a group of which nothing would be lost is dropped.
type Table struct {
	groups map[string]*Group
	due    deadline.Heap[*Group]
	bytes  int64 // of all members
	// open are the groups with offsets of transactions that are not decided, by producer id.
	open map[int64]map[*Group]struct{}
}

// NewTable makes a table without groups.
func NewTable() *Table {
	return &Table{groups: map[string]*Group{}, open: map[int64]map[*Group]struct{}{}}
}

// Len is how many groups there are.
func (tb *Table) Len() int { return len(tb.groups) }

// Get finds a group, or nil.
func (tb *Table) Get(id string) *Group { return tb.groups[id] }

// All yields the groups in no order.
func (tb *Table) All() iter.Seq[*Group] {
	return func(yield func(*Group) bool) {
		for _, g := range tb.groups {
			if !yield(g) {
				return
			}
		}
	}
}

// Bytes is about how many bytes the members of all groups hold.
func (tb *Table) Bytes() int64 { return tb.bytes }

// Deadline is a time before which Tick has nothing to do, false for never.
func (tb *Table) Deadline() (time.Time, bool) { return tb.due.Next() }

// Tick does what is due in one group, and tells whether there was one. After it has been
// written, there may be more.
func (tb *Table) Tick(t *Turn) bool {
	e := tb.due.Pop(t.Now)
	if e == nil {
		return false
	}
	t.group = e.Value
	t.group.tick(t)
	tb.settle(t)
	return true
}

// Written tells how appending the turn's records went.
func (tb *Table) Written(t *Turn, a Appended) {
	w := t.write
	t.write = nil
	t.dropRecords()
	w.written(t, a)
	tb.settle(t)
}

// settle keeps the table's promises about the turn's group, unless that waits for a write.
func (tb *Table) settle(t *Turn) {
	g := t.group
	if g == nil || t.write != nil {
		return
	}
	if g.void() {
		delete(tb.groups, g.id)
		tb.due.Clear(&g.due)
		tb.bytes -= g.counted
		return
	}
	tb.bytes += g.members.bytes - g.counted
	g.counted = g.members.bytes
	if at, ok := g.deadline(); ok {
		tb.due.Set(&g.due, at)
	} else {
		tb.due.Clear(&g.due)
	}
}

// obtain finds a group or makes it.
func (tb *Table) obtain(id string) *Group {
	g := tb.groups[id]
	if g == nil {
		g = newGroup(id)
		g.due.Value = g
		tb.groups[id] = g
	}
	return g
}

// Retire ends all groups because the partition is led elsewhere: whoever waits is answered
// NotCoordinator.
func (tb *Table) Retire(t *Turn) {
	for _, g := range tb.groups {
		g.retire(t)
	}
	*tb = *NewTable()
}
