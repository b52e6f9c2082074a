package group

import "github.com/leatmq/leat/coordinator/group/entry"

// Commit is an OffsetCommit. The codes of its offsets are the answer; they are right after
// Written, or at once if the turn has no records.
type Commit struct {
	MemberID   string
	InstanceID *string
	Generation int32 // negative for who is not a member
	Offsets    []CommitOffset
}

// CommitOffset is one partition of a Commit.
type CommitOffset struct {
	Partition Partition
	Value     entry.OffsetValue
	Code      Code
}

// fail gives all offsets of the commit a code.
func (c *Commit) fail(code Code) {
	for i := range c.Offsets {
		c.Offsets[i].Code = code
	}
}

// commit asks for the offsets to be written, if the committer may.
func (g *Group) commit(t *Turn, c *Commit) {
	if code := g.mayCommit(t, c); code != None {
		c.fail(code)
		return
	}
	for i := range c.Offsets {
		o := &c.Offsets[i]
		if !fits(o.Value.Metadata, t.Config.MaxMetadata) {
			o.Code = MetadataTooLarge
			continue
		}
		o.Code = None
		t.recordOffset(g.id, o.Partition, o.Value)
	}
	if len(t.Records) > 0 {
		t.Numbered, t.write = true, c
	}
}

func (g *Group) mayCommit(t *Turn, c *Commit) Code {
	switch {
	case c.Generation < 0 && g.State() == Empty:
		return None
	case c.Generation < 0 && c.MemberID == "" && c.InstanceID == nil:
		return UnknownMember // only members commit to a group that has some
	}
	m, code := g.current(c.MemberID, c.InstanceID)
	if code != None {
		return code
	}
	if c.Generation != g.generation {
		return IllegalGeneration
	}
	return g.phase.commit(g, t, m)
}

func (c *Commit) written(t *Turn, w Appended) {
	g, at := t.group, w.Base
	for i := range c.Offsets {
		o := &c.Offsets[i]
		if o.Code != None {
			continue
		}
		if w.Fault != NoFault {
			o.Code = w.Fault.Committing()
			continue
		}
		g.offsets.put(o.Partition, committed{o.Value, at})
		at++
	}
}

// longest is the most bytes of a string in a record.
const longest = 1<<15 - 1

// fits tells whether a string has at most so many UTF-16 units, as Kafka counts them.
func fits(s string, units int) bool {
	if len(s) <= units {
		return len(s) <= longest
	}
	n := 0
	for _, r := range s {
		n++
		if r >= 0x10000 {
			n++
		}
	}
	return n <= units && len(s) <= longest
}
