package check

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/leatmq/leat/tools/chaos/history"
)

// observation is an offset that was so at some instant between begin and end.
type observation struct {
	begin, end, offset int64
	what               string
}

// backwards finds observations that are lower than one that ended before they
// began.
func backwards(all []observation, each func(before, now observation)) {
	byEnd := slices.Clone(all)
	slices.SortFunc(byEnd, func(a, b observation) int { return cmp.Compare(a.end, b.end) })
	slices.SortFunc(all, func(a, b observation) int { return cmp.Compare(a.begin, b.begin) })
	highest := observation{offset: -1}
	for _, o := range all {
		for len(byEnd) > 0 && byEnd[0].end < o.begin {
			if byEnd[0].offset > highest.offset {
				highest = byEnd[0]
			}
			byEnd = byEnd[1:]
		}
		if o.what != "" && o.offset < highest.offset {
			each(highest, o)
		}
	}
}

// EndRegress finds ends of logs, last stable offsets and starts that went back in
// real time. An end below what had been acknowledged before it was asked for is
// only reported: whoever still believes in a leader that others have left may
// hear from it what was true then.
func EndRegress(x *Index) []Finding {
	f, stale := Finding{Name: "end-regress", Bad: true}, Finding{Name: "end-stale"}
	type series struct {
		key  int32
		text string
	}
	all := map[series][]observation{}
	for i := range x.Events {
		e := &x.Events[i]
		if e.Op != history.Ends || e.Type != history.OK {
			continue
		}
		for _, r := range e.Runs {
			s := series{r.Key, e.Text}
			all[s] = append(all[s], observation{e.Begin, e.Time, r.Offset, fmt.Sprintf("%s of %s by %s", e.Text, x.key(r.Key), e.Node)})
		}
	}
	for _, o := range all {
		backwards(slices.Clone(o), func(before, now observation) {
			f.add("%s was %d at %s, after it had been %d at %s (%s)", now.what, now.offset, at(now.begin), before.offset, at(before.end), before.what)
		})
	}
	sent := map[int32][]observation{}
	for i := range x.Sends {
		if s := &x.Sends[i]; s.Outcome == history.OK && s.Txn == 0 && x.strong(s) {
			sent[s.Key] = append(sent[s.Key], observation{s.Invoke, s.Done, s.Offset + 1, ""})
		}
	}
	for k, o := range all {
		if k.text == "end" {
			backwards(append(o, sent[k.key]...), func(before, now observation) {
				if before.what == "" {
					stale.add("%s was %d at %s, after a record below %d had been acknowledged at %s", now.what, now.offset, at(now.begin), before.offset, at(before.end))
				}
			})
		}
	}
	return []Finding{f, stale}
}

// committed is a group's partition.
type committed struct {
	group string
	key   int32
}

// resent is how long a commit lasts at least that a library has sent twice: less
// than the shortest timeout of a request. The first attempt may still be on its
// way, and arrive after later commits.
const resent = int64(time.Second)

// CommitRegress finds committed offsets that were read back lower than they had
// been read before or committed (nobody having committed lower since), and commits
// below an earlier one. What is lower than it was committed, while something is
// broken, is only reported: whoever still believes in a coordinator that others
// have left hears from it what was true then.
func CommitRegress(x *Index) []Finding {
	lost, stale, lowered := Finding{Name: "commit-lost", Bad: true}, Finding{Name: "commit-stale"}, Finding{Name: "commit-lowered"}
	calms := Calms(x)
	commits, fetches := map[committed][]observation{}, map[committed][]observation{}
	for i := range x.Events {
		e := &x.Events[i]
		if e.Type == history.Fail || e.Op != history.Commit && e.Op != history.Fetched {
			continue
		}
		for _, r := range e.Runs {
			c := committed{e.Group, r.Key}
			switch {
			case e.Op == history.Fetched && e.Type == history.OK:
				fetches[c] = append(fetches[c], observation{e.Begin, e.Time, r.Offset, "x"})
			case e.Op == history.Commit && e.Type == history.OK:
				commits[c] = append(commits[c], observation{e.Begin, e.Time, r.Offset, "x"})
			case e.Op == history.Commit:
				commits[c] = append(commits[c], observation{e.Begin, never, r.Offset, ""})
			}
		}
	}
	for c, fs := range fetches {
		report := func(f *Finding) func(before, now observation) {
			return func(before, now observation) {
				if !loweredBetween(commits[c], before, now) {
					f.add("group %s on %s had %d at %s; at %s it was %d", c.group, x.key(c.key), before.offset, at(before.end), at(now.begin), now.offset)
				}
			}
		}
		backwards(slices.Clone(fs), report(&lost))
		var quiet, rest []observation // what was read in peace, and while something was broken
		for _, o := range fs {
			if peaceful(calms, o.begin) {
				quiet = append(quiet, o)
			} else {
				rest = append(rest, o)
			}
		}
		for _, o := range commits[c] {
			quiet, rest = append(quiet, observation{o.begin, o.end, o.offset, ""}), append(rest, observation{o.begin, o.end, o.offset, ""})
		}
		backwards(quiet, report(&lost))
		backwards(rest, report(&stale))
	}
	for c, cs := range commits {
		backwards(cs, func(before, now observation) {
			lowered.add("group %s on %s: %d was committed by %s, then %d by %s", c.group, x.key(c.key), before.offset, at(before.end), now.offset, at(now.end))
		})
	}
	return []Finding{lost, stale, lowered}
}

// loweredBetween tells whether somebody may have committed what now was read, after
// before.
func loweredBetween(commits []observation, before, now observation) bool {
	return slices.ContainsFunc(commits, func(o observation) bool {
		late := o.end-o.begin >= resent
		return o.offset <= now.offset && (late || o.end > before.begin) && o.begin < now.end
	})
}

// peaceful tells whether nothing has been broken for long at an instant.
func peaceful(calms [][2]int64, t int64) bool {
	return slices.ContainsFunc(calms, func(c [2]int64) bool { return t >= c[0]+int64(settled) && t < c[1] })
}

// GroupSkips finds records below a group's committed offset that no member of
// the group was ever given.
func GroupSkips(x *Index) []Finding {
	f := Finding{Name: "group-skip", Bad: true}
	highest := map[committed]int64{}
	for i := range x.Events {
		if e := &x.Events[i]; e.Op == history.Commit && e.Type == history.OK {
			for _, r := range e.Runs {
				c := committed{e.Group, r.Key}
				highest[c] = max(highest[c], r.Offset)
			}
		}
	}
	given := map[committed]map[int64]bool{}
	for i := range x.Polls {
		p := &x.Polls[i]
		if p.Group == "" {
			continue
		}
		for _, r := range p.Runs {
			c := committed{p.Group, r.Key}
			if given[c] == nil {
				given[c] = map[int64]bool{}
			}
			for j := range r.Values {
				given[c][r.Offset+int64(j)] = true
			}
		}
	}
	for c, up := range highest {
		for _, q := range x.Keys[c.key].Places {
			if q.Offset < up && q.Polled && !given[c][q.Offset] {
				f.add("group %s committed offset %d of %s; offset %d (%s) was never given to it", c.group, up, x.key(c.key), q.Offset, name(q.Value))
			}
		}
	}
	return []Finding{f}
}

// DoubleOwners finds a partition of a group that two live members committed
// offsets of by turns: A, B, A again without having been given it anew.
func DoubleOwners(x *Index) []Finding {
	f := Finding{Name: "double-owner", Bad: true}
	type owner struct {
		process int32
		since   int64
	}
	now := map[committed]owner{}
	given := map[committed]map[int32]int64{} // when a process was last given it
	for i := range x.Events {
		e := &x.Events[i]
		switch {
		case e.Op == history.Own && e.Text == "given":
			group := x.Clients[e.Process].Group
			for _, r := range e.Runs {
				c := committed{group, r.Key}
				if given[c] == nil {
					given[c] = map[int32]int64{}
				}
				given[c][e.Process] = e.Time
			}
		case e.Op == history.Commit && e.Type == history.OK:
			for _, r := range e.Runs {
				c := committed{e.Group, r.Key}
				o := now[c]
				if o.process != 0 && o.process != e.Process && e.Begin > o.since && given[c][e.Process] < given[c][o.process] {
					f.add("group %s: process %d committed %s at %s, after process %d, which was given it later, had done so at %s", c.group, e.Process,
						x.key(c.key), at(e.Begin), o.process, at(o.since))
				}
				now[c] = owner{e.Process, e.Time}
			}
		}
	}
	return []Finding{f}
}
