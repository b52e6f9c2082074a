package group

import (
	"bytes"
	"fmt"
	"time"

	"github.com/leatmq/leat/coordinator/group/entry"
	"github.com/leatmq/leat/log/record"
)

// Loader makes a table of what the log says, fed with its batches from start to end.
//
// An offset counts from its record on, if it is not part of a transaction; otherwise from the
// transaction's commit marker on, unless an offset that was written later has come meanwhile.
// The last record of a group counts. A group that has offsets and no record of its own is one
// that only ever stored offsets.
type Loader struct {
	table   *Table
	records record.Iterator
	groups  map[string][]byte // the last value of each group's own record
	topics  map[string]string // each topic's name once
	skipped Skipped
}

// Skipped is what a Loader did not read.
type Skipped struct {
	Kinds   map[entry.Kind]int // records of kinds that are not for classic groups
	Corrupt int                // records that cannot be read
	First   error              // why the first of them could not
}

// NewLoader makes a loader whose batches may inflate to so many bytes.
func NewLoader(maxInflated int) *Loader {
	return &Loader{
		table:   NewTable(),
		records: record.Iterator{MaxInflated: maxInflated},
		groups:  map[string][]byte{},
		topics:  map[string]string{},
		skipped: Skipped{Kinds: map[entry.Kind]int{}},
	}
}

// Replay takes the next whole batches of the log. Records that cannot be read are passed over;
// the error is that of a batch that cannot.
func (l *Loader) Replay(batches []byte) error {
	for len(batches) > 0 {
		b, rest, err := record.Next(batches)
		if err != nil {
			return fmt.Errorf("read batch: %w", err)
		}
		batches = rest
		if err := l.batch(b); err != nil {
			return fmt.Errorf("read batch at offset %d: %w", b.BaseOffset(), err)
		}
	}
	return nil
}

func (l *Loader) batch(b record.Batch) error {
	if err := l.records.Reset(b); err != nil {
		return err
	}
	if b.Control() {
		return l.marker(b)
	}
	producer := int64(-1)
	if b.Transactional() {
		producer = b.ProducerID()
	}
	for l.records.Next() {
		if err := l.record(l.records.Record(), producer); err != nil {
			l.skipped.Corrupt++
			if l.skipped.First == nil {
				l.skipped.First = fmt.Errorf("offset %d: %w", l.records.Record().Offset, err)
			}
		}
	}
	return l.records.Err()
}

func (l *Loader) marker(b record.Batch) error {
	if !l.records.Next() {
		return l.records.Err()
	}
	c, err := record.ParseControl(l.records.Record())
	if err != nil {
		return err
	}
	if c.Type == record.CommitMarker || c.Type == record.AbortMarker {
		l.table.decide(b.ProducerID(), c.Type == record.CommitMarker)
	}
	return nil
}

// decide is a transaction's marker.
func (tb *Table) decide(producer int64, commit bool) {
	for g := range tb.open[producer] {
		g.decide(producer, commit)
	}
	delete(tb.open, producer)
}

func (l *Loader) record(r *record.Record, producer int64) error {
	key, err := entry.ReadKey(r.Key)
	if err != nil {
		return err
	}
	switch key.Kind {
	case entry.OffsetOld, entry.Offset:
		return l.offset(r, key, producer)
	case entry.Group:
		l.groups[string(key.Group)] = bytes.Clone(r.Value)
	default:
		l.skipped.Kinds[key.Kind]++
	}
	return nil
}

func (l *Loader) offset(r *record.Record, key entry.Key, producer int64) error {
	p := Partition{l.topic(key.Topic), key.Partition}
	g := l.table.groups[string(key.Group)]
	if g == nil {
		g = l.table.obtain(string(key.Group))
	}
	if r.Value == nil {
		if producer >= 0 {
			g.open.remove(producer, p)
		} else {
			g.offsets.remove(p)
		}
		return nil
	}
	v, err := entry.ReadOffset(r.Value)
	if err != nil {
		return err
	}
	c := committed{v, r.Offset}
	if producer < 0 {
		g.offsets.put(p, c)
		return nil
	}
	g.open.put(producer, p, c)
	if l.table.open[producer] == nil {
		l.table.open[producer] = map[*Group]struct{}{}
	}
	l.table.open[producer][g] = struct{}{}
	return nil
}

func (l *Loader) topic(name []byte) string {
	if s, ok := l.topics[string(name)]; ok {
		return s
	}
	s := string(name)
	l.topics[s] = s
	return s
}

// Finish gives the table, in which the members' sessions begin now, and what was not read.
func (l *Loader) Finish(t *Turn) (*Table, Skipped) {
	tb := l.table
	for id, value := range l.groups {
		if value == nil {
			continue
		}
		v, err := entry.ReadGroup(value)
		if err != nil {
			l.skipped.Corrupt++
			l.skipped.First = fmt.Errorf("group %q: %w", id, err)
			continue
		}
		tb.obtain(id).restore(t, v)
	}
	for _, g := range tb.groups {
		t.group = g
		tb.settle(t)
	}
	return tb, l.skipped
}

// restore makes the group what its record says.
func (g *Group) restore(t *Turn, v entry.GroupValue) {
	g.protocolType, g.generation, g.sinceMs = v.ProtocolType, v.Generation, v.SinceMs
	if v.Protocol != nil {
		g.protocol, g.chosen = *v.Protocol, true
	}
	for i := range v.Members {
		g.restoreMember(t, &v.Members[i])
	}
	if v.Leader != nil {
		if m := g.members.byID[*v.Leader]; m != nil {
			g.leader = m
		}
	}
	if g.members.len() > 0 {
		g.phase = stable{}
	}
	g.topics = g.subscribed()
	if g.members.len() > t.Config.MaxSize {
		g.prepare(t, "rebalance: group is loaded with too many members", "")
	}
}

func (g *Group) restoreMember(t *Turn, v *entry.Member) {
	m := &member{
		id:         v.ID,
		instance:   v.InstanceID,
		clientID:   v.ClientID,
		clientHost: v.ClientHost,
		session:    time.Duration(v.SessionMs) * time.Millisecond,
		rebalance:  time.Duration(v.RebalanceMs) * time.Millisecond,
		protocols:  []Protocol{{g.protocol, bytes.Clone(v.Subscription)}},
		assignment: bytes.Clone(v.Assignment),
	}
	m.alarm.Value = cause{kind: sessionEnds, member: m}
	if g.members.byID[m.id] != nil || m.instance != nil && g.members.byInstance[*m.instance] != nil {
		return // the log names it twice
	}
	g.members.add(m)
	if g.leader == nil {
		g.leader = m
	}
	g.alive(t, m)
}
