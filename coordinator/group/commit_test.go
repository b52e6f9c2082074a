package group_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/group/entry"
)

// committed is what the group has for t-0, -1 for nothing.
func (w *world) committed() int64 {
	if w.group() == nil {
		return -1
	}
	v, ok := w.group().Offset(group.Partition{Topic: "t"})
	if !ok {
		return -1
	}
	return v.Offset
}

func TestWhoMayCommit(t *testing.T) {
	anonymous := group.JoinAnswer{Generation: -1}
	text := func(s string) *string { return &s }
	for name, c := range map[string]struct {
		before func(w *world) group.JoinAnswer
		change func(*group.Commit)
		code   group.Code
	}{
		"nobody's group, no member":      {nil, func(*group.Commit) {}, group.None},
		"nobody's group, generation":     {nil, func(c *group.Commit) { c.Generation = 0 }, group.IllegalGeneration},
		"nobody's group, member":         {nil, func(c *group.Commit) { c.MemberID = "m" }, group.None},
		"empty group, no member":         {empty, func(*group.Commit) {}, group.None},
		"empty group, member":            {empty, func(c *group.Commit) { c.MemberID = "m" }, group.None},
		"empty group, instance":          {empty, func(c *group.Commit) { c.InstanceID = text("i") }, group.None},
		"empty group, generation":        {empty, func(c *group.Commit) { c.Generation = 1 }, group.UnknownMember},
		"stable, its member":             {stable, func(*group.Commit) {}, group.None},
		"stable, no member":              {stable, func(c *group.Commit) { *c = group.Commit{Generation: -1, Offsets: c.Offsets} }, group.UnknownMember},
		"stable, other member":           {stable, func(c *group.Commit) { c.MemberID = "m" }, group.UnknownMember},
		"stable, member w/o generation":  {stable, func(c *group.Commit) { c.Generation = -1 }, group.IllegalGeneration},
		"stable, older generation":       {stable, func(c *group.Commit) { c.Generation-- }, group.IllegalGeneration},
		"stable, unknown instance":       {stable, func(c *group.Commit) { c.InstanceID = text("i") }, group.UnknownMember},
		"stable, member then generation": {stable, func(c *group.Commit) { c.MemberID = "m"; c.Generation-- }, group.UnknownMember},
		"rebalancing, its member":        {preparing, func(*group.Commit) {}, group.None},
		"rebalancing, no member":         {preparing, func(c *group.Commit) { *c = group.Commit{Generation: -1, Offsets: c.Offsets} }, group.UnknownMember},
		"assignment awaited":             {completing, func(*group.Commit) {}, group.RebalanceInProgress},
		"assignment awaited, older":      {completing, func(c *group.Commit) { c.Generation-- }, group.IllegalGeneration},
	} {
		t.Run(name, func(t *testing.T) {
			w := newT(t)
			who := anonymous
			if c.before != nil {
				who = c.before(w)
			}
			groups := w.table.Len()
			require.Equal(t, c.code, w.commit(by(who), c.change))
			if c.code == group.None {
				require.EqualValues(t, 7, w.committed())
				return
			}
			require.EqualValues(t, -1, w.committed())
			require.Equal(t, groups, w.table.Len())
		})
	}
}

func empty(w *world) group.JoinAnswer {
	m := w.members(1)
	w.leave(group.Leaver{MemberID: m[0].MemberID})
	w.is(group.Empty)
	return group.JoinAnswer{Generation: -1}
}

func stable(w *world) group.JoinAnswer { return w.members(2)[1] }

func preparing(w *world) group.JoinAnswer {
	m := w.members(2)
	w.join()
	w.is(group.Preparing)
	return m[1]
}

func completing(w *world) group.JoinAnswer { return w.pair()[1] }

func TestCommitIsWrittenAsKafkaDoes(t *testing.T) {
	w := newT(t)
	var numbered bool
	c := &group.Commit{Generation: -1, Offsets: []group.CommitOffset{w.offset("t", 1, 5), w.offset("u", 2, 6)}}
	c.Offsets[1].Value.ExpireMs = 99
	w.turn.Begin(w.now, &w.config)
	w.table.Commit(&w.turn, "g", c)
	numbered = w.turn.Numbered
	w.settle()
	require.True(t, numbered)
	require.Equal(t, []group.Record{
		{Key: entry.AppendOffsetKey(nil, "g", "t", 1), Value: entry.AppendOffset(nil, c.Offsets[0].Value)},
		{Key: entry.AppendOffsetKey(nil, "g", "u", 2), Value: entry.AppendOffset(nil, c.Offsets[1].Value)},
	}, w.wrote)
	require.Equal(t, []byte{0, 3}, w.wrote[0].Value[:2])
	require.Equal(t, []byte{0, 1}, w.wrote[1].Value[:2], "with a time to expire at it is version 1")
}

func TestCommitThatCannotBeWritten(t *testing.T) {
	for fault, code := range map[group.Fault]group.Code{
		group.Unavailable: group.CoordinatorNotAvailable,
		group.NotLeader:   group.NotCoordinator,
		group.TooLarge:    group.InvalidCommitSize,
		group.Late:        group.TimedOut,
		group.Broken:      group.UnknownServerError,
	} {
		w := newT(t)
		w.fault = fault
		require.Equal(t, code, w.commit())
		require.EqualValues(t, -1, w.committed())
		require.Zero(t, w.table.Len(), "a group that was never written is not kept")
	}
}

func TestMetadataTooLarge(t *testing.T) {
	for name, c := range map[string]struct {
		metadata string
		fits     bool
	}{
		"4096":                       {strings.Repeat("x", 4096), true},
		"4097":                       {strings.Repeat("x", 4097), false},
		"4096 of two bytes each":     {strings.Repeat("ä", 4096), true},
		"2048 outside the first 64K": {strings.Repeat("😀", 2048), true},
		"2049 outside the first 64K": {strings.Repeat("😀", 2049), false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newT(t)
			c1 := &group.Commit{Generation: -1, Offsets: []group.CommitOffset{w.offset("t", 0, 1), w.offset("t", 1, 2)}}
			c1.Offsets[0].Value.Metadata = c.metadata
			w.input(func(turn *group.Turn) { w.table.Commit(turn, "g", c1) })
			require.Equal(t, group.None, c1.Offsets[1].Code, "the others are committed")
			if c.fits {
				require.Equal(t, group.None, c1.Offsets[0].Code)
				require.Len(t, w.wrote, 2)
				return
			}
			require.Equal(t, group.MetadataTooLarge, c1.Offsets[0].Code)
			require.Len(t, w.wrote, 1)
			require.EqualValues(t, -1, w.committed())
		})
	}
}

func TestCommitOfNothingButTooLarge(t *testing.T) {
	w := newT(t)
	require.Equal(t, group.MetadataTooLarge, w.commit(func(c *group.Commit) { c.Offsets[0].Value.Metadata = strings.Repeat("x", 4097) }))
	require.Empty(t, w.log)
	require.Zero(t, w.table.Len())
}

func TestAnyOffsetMayBeCommitted(t *testing.T) {
	w := newT(t)
	for _, o := range []int64{-1, -5, 1 << 62} {
		require.Equal(t, group.None, w.commit(func(c *group.Commit) { c.Offsets[0].Value.Offset = o }))
		require.Equal(t, o, w.committed())
	}
}

func TestOffsetsSurviveTheMembers(t *testing.T) {
	w := newT(t)
	m := w.members(1)
	w.commit(by(m[0]))
	w.pass(time.Hour)
	w.is(group.Empty)
	require.EqualValues(t, 7, w.committed())
	require.EqualValues(t, 7, w.reload().committed())
}
