package check

import (
	"github.com/leatmq/leat/tools/chaos/history"
)

// PollOrder finds reads that skipped records or went back: inside one poll, and
// from a poll of a process to its next while it kept its partitions. Partitions
// that a group moved in between are excused; from poll to poll in a group it is
// reported only.
func PollOrder(x *Index) []Finding {
	c := &pollOrder{
		x:       x,
		skips:   [3]Finding{{Name: "int-poll-skip", Bad: true}, {Name: "poll-skip", Bad: true}, {Name: "poll-skip-subscribed"}},
		returns: [3]Finding{{Name: "int-nonmonotonic-poll", Bad: true}, {Name: "nonmonotonic-poll", Bad: true}, {Name: "nonmonotonic-poll-subscribed"}},
		last:    map[int32]map[int32]int{},
	}
	for i := range x.Polls {
		c.poll(&x.Polls[i])
	}
	return append(c.skips[:], c.returns[:]...)
}

// The kinds of steps that PollOrder tells apart.
const (
	inside = iota
	between
	subscribed
)

type pollOrder struct {
	x              *Index
	skips, returns [3]Finding
	last           map[int32]map[int32]int // rank that a process read last of a key
}

func (c *pollOrder) poll(p *Poll) {
	last := c.last[p.Process]
	if last == nil || p.Assigned {
		last = map[int32]int{}
		c.last[p.Process] = last
	}
	for key := range p.Moved {
		delete(last, key)
	}
	if p.Outcome != history.OK {
		clear(last) // what it returned is not known to be all
		return
	}
	here := map[int32]bool{}
	for _, r := range p.Runs {
		part := &c.x.Keys[r.Key]
		rank := part.Rank(r.Offset)
		for i := range r.Values {
			if was, ok := last[r.Key]; ok {
				kind := inside
				if !here[r.Key] {
					if kind = between; p.Group != "" {
						kind = subscribed
					}
				}
				if kind == inside && p.Group != "" && c.x.before(p.Process, namesEpochs) {
					kind = subscribed // of several fetches, between which it may begin anew
				}
				if kind != inside || !p.Moved[r.Key] {
					c.step(p, r, [3]int{kind, was, rank + i})
				}
			}
			here[r.Key] = true
			last[r.Key] = rank + i
		}
	}
}

// step compares a rank with the one before it: kind, before, now.
func (c *pollOrder) step(p *Poll, r history.Run, s [3]int) {
	kind, was, now := s[0], s[1], s[2]
	offsets := c.x.Keys[r.Key].Offsets
	switch {
	case now > was+1:
		c.skips[kind].add("process %d at %s read offset %d of %s, then %d: %d records between them were skipped", p.Process, at(p.End), offsets[was],
			c.x.key(r.Key), offsets[now], now-was-1)
	case now < was+1:
		c.returns[kind].add("process %d at %s read offset %d of %s, then %d", p.Process, at(p.End), offsets[was], c.x.key(r.Key), offsets[now])
	}
}

// AbortedReads finds records in ok polls whose send, or whose transaction,
// certainly failed (G1a).
func AbortedReads(x *Index) []Finding {
	f := Finding{Name: "G1a", Bad: true}
	for key := range x.Keys {
		for _, q := range x.Keys[key].Places {
			i, sent := x.ByValue[q.Value]
			if !sent || !q.PolledOK {
				continue
			}
			if s := &x.Sends[i]; s.Outcome == history.Fail || s.Txn != 0 && x.Txns[s.Txn] == history.Fail {
				f.add("%s offset %d: %s was read; it failed at %s", x.key(int32(key)), q.Offset, name(q.Value), at(s.Done))
			}
		}
	}
	return []Finding{f}
}

// PrecommittedReads finds transactions that read what they wrote themselves:
// what is not committed nobody sees.
func PrecommittedReads(x *Index) []Finding {
	f := Finding{Name: "precommitted-read", Bad: true}
	for i := range x.Polls {
		p := &x.Polls[i]
		if p.Txn == 0 {
			continue
		}
		for _, r := range p.Runs {
			for j, v := range r.Values {
				if k, ok := x.ByValue[v]; ok && x.Sends[k].Txn == p.Txn {
					f.add("transaction %d read %s, its own, at %s offset %d", p.Txn, name(v), x.key(r.Key), r.Offset+int64(j))
				}
			}
		}
	}
	return []Finding{f}
}
