package group_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/group/entry"
)

func (w *world) delete() (code group.Code) {
	code = -99
	w.input(func(t *group.Turn) { w.table.Delete(t, "g", func(c group.Code) { code = c }) })
	return code
}

// deleteOffsets deletes offsets of partitions 0 of topics, and gives the group's code and theirs.
func (w *world) deleteOffsets(topics ...string) (group.Code, []group.Code) {
	var all []group.DeletedOffset
	for _, topic := range topics {
		all = append(all, group.DeletedOffset{Partition: group.Partition{Topic: topic}})
	}
	var of group.Code
	w.input(func(t *group.Turn) { of = w.table.DeleteOffsets(t, "g", all) })
	var codes []group.Code
	for _, o := range all {
		codes = append(codes, o.Code)
	}
	return of, codes
}

func (w *world) expire() {
	w.input(func(t *group.Turn) { w.table.Expire(t, "g") })
}

// erased are the keys that the last input deleted, in words.
func (w *world) erased() (names []string) {
	for _, r := range w.wrote {
		require.Nil(w.t, r.Value)
		k, err := entry.ReadKey(r.Key)
		require.NoError(w.t, err)
		names = append(names, k.Kind.String()+" "+string(k.Group)+" "+string(k.Topic))
	}
	return names
}

func TestDeleteGroup(t *testing.T) {
	w := newT(t)
	require.Equal(t, group.GroupNotFound, w.delete())

	m := w.members(1)
	w.commit(by(m[0]))
	require.Equal(t, group.NonEmptyGroup, w.delete())
	w.join()
	require.Equal(t, group.NonEmptyGroup, w.delete(), "rebalancing")
	w.pass(10 * time.Minute)
	w.is(group.Empty)

	w.fault = group.Unavailable
	require.Equal(t, group.CoordinatorNotAvailable, w.delete())
	w.is(group.Empty)
	require.Equal(t, group.None, w.delete())
	require.Equal(t, []string{"OffsetCommit g t", "GroupMetadata g "}, w.erased())
	w.is(group.Dead)
	require.Zero(t, w.reload().table.Len())
}

func TestDeleteGroupThatOnlyStoredOffsets(t *testing.T) {
	w := newT(t)
	w.commit()
	require.Equal(t, group.None, w.delete())
	require.Equal(t, []string{"OffsetCommit g t"}, w.erased(), "it never had a record of its own")
}

func TestDeleteOffsets(t *testing.T) {
	w := newT(t)
	of, _ := w.deleteOffsets("t")
	require.Equal(t, group.GroupNotFound, of)

	m := w.members(1)
	w.commit(by(m[0]), func(c *group.Commit) { c.Offsets = append(c.Offsets, w.offset("u", 0, 1), w.offset("v", 0, 1)) })
	of, codes := w.deleteOffsets("t", "u", "none", "u")
	require.Equal(t, group.None, of)
	require.Equal(t, []group.Code{group.SubscribedToTopic, group.None, group.None, group.None}, codes)
	require.Equal(t, []string{"OffsetCommit g u"}, w.erased())

	w.fault = group.Unavailable
	_, codes = w.deleteOffsets("v", "t")
	require.Equal(t, []group.Code{group.CoordinatorNotAvailable, group.SubscribedToTopic}, codes)

	w.leave(group.Leaver{MemberID: m[0].MemberID})
	of, codes = w.deleteOffsets("t")
	require.Equal(t, group.None, of)
	require.Equal(t, []group.Code{group.None}, codes)
	w.is(group.Empty)
	w.deleteOffsets("v")
	require.Equal(t, []string{"OffsetCommit g v", "GroupMetadata g "}, w.erased())
	w.is(group.Dead)
}

func TestDeleteOffsetsOfOtherTypes(t *testing.T) {
	w := newT(t)
	w.members(1, ofType("connect"))
	of, _ := w.deleteOffsets("t")
	require.Equal(t, group.NonEmptyGroup, of)
}

func TestDeleteOffsetsOfUnreadableSubscription(t *testing.T) {
	w := newT(t)
	w.members(1, saying("range"))
	_, codes := w.deleteOffsets("t")
	require.Equal(t, []group.Code{group.SubscribedToTopic}, codes, "it may read any topic")
}

// Each offset's time is up at a certain moment and not before.
func TestExpiry(t *testing.T) {
	const keep = 7 * 24 * time.Hour
	commit := func(change ...func(*group.Commit)) func(*world) {
		return func(w *world) { require.Equal(w.t, group.None, w.commit(change...)) }
	}
	expiring := func(at time.Duration) func(*group.Commit) {
		return func(c *group.Commit) { c.Offsets[0].Value.ExpireMs = begin.Add(at).UnixMilli() }
	}
	withMembers := func(w *world) {
		m := w.members(1, reading("other"), session(30*time.Minute))
		w.commit(by(m[0]))
	}
	for name, c := range map[string]struct {
		before  func(*world)
		expires time.Duration // 0: never
		alive   bool          // its members send heartbeats
	}{
		"never had members":           {commit(), keep, false},
		"says itself when, sooner":    {commit(expiring(time.Hour)), time.Hour, false},
		"says itself when, later":     {commit(expiring(2 * keep)), 2 * keep, false},
		"members have left":           {func(w *world) { withMembers(w); w.pass(time.Hour) }, keep + 30*time.Minute, false},
		"members read other topics":   {withMembers, keep, true},
		"members read the topic":      {func(w *world) { m := w.members(1, session(30*time.Minute)); w.commit(by(m[0])) }, 0, true},
		"of a type that is not known": {func(w *world) { m := w.members(1, ofType("connect"), session(30*time.Minute)); w.commit(by(m[0])) }, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			w := newT(t)
			c.before(w)
			end := begin.Add(c.expires)
			if c.expires == 0 {
				end = begin.Add(10 * keep)
			}
			w.live(end.Add(-time.Millisecond), c.alive)
			w.expire()
			require.EqualValues(t, 7, w.committed())
			w.live(end, c.alive)
			w.expire()
			if c.expires == 0 {
				require.EqualValues(t, 7, w.committed())
				return
			}
			require.EqualValues(t, -1, w.committed())
			require.Contains(t, w.erased(), "OffsetCommit g t")
			require.Equal(t, !c.alive, w.group() == nil, "an empty group that has no offsets goes")
		})
	}
}

// live lets time go by until then, with or without heartbeats.
func (w *world) live(until time.Time, alive bool) {
	for alive && w.now.Before(until) {
		d := w.group().Describe()
		w.heartbeat(group.JoinAnswer{MemberID: d.Members[0].ID, Generation: w.group().Generation()})
		w.pass(min(20*time.Minute, until.Sub(w.now)))
	}
	w.pass(until.Sub(w.now))
}

func TestExpiryTakesOnlyWhatIsOld(t *testing.T) {
	w := newT(t)
	w.commit()
	w.pass(6 * 24 * time.Hour)
	w.commit(func(c *group.Commit) { c.Offsets = []group.CommitOffset{w.offset("u", 0, 1)} })
	w.pass(24 * time.Hour)
	w.expire()
	require.Equal(t, []string{"OffsetCommit g t"}, w.erased())
	w.is(group.Empty)
}

func TestEmptyGroupWithoutOffsetsGoes(t *testing.T) {
	w := newT(t)
	m := w.members(1)
	w.leave(group.Leaver{MemberID: m[0].MemberID})
	w.expire()
	require.Equal(t, []string{"GroupMetadata g "}, w.erased())
	w.is(group.Dead)
}

func TestDeletedTopicsAreForgotten(t *testing.T) {
	w := newT(t)
	m := w.members(1)
	forget := func() {
		w.input(func(t *group.Turn) {
			w.table.ForgetTopics(t, "g", []group.DeletedTopic{{Name: "t", AtMs: begin.UnixMilli()}, {Name: "x", AtMs: begin.UnixMilli()}})
		})
	}
	w.commit(by(m[0]), func(c *group.Commit) { c.Offsets = append(c.Offsets, w.offset("t", 5, 1), w.offset("u", 0, 1)) })
	forget()
	require.Equal(t, []string{"OffsetCommit g t", "OffsetCommit g t"}, w.erased())
	w.is(group.Stable)

	w.pass(time.Second)
	w.commit(by(m[0]))
	forget()
	require.EqualValues(t, 7, w.committed(), "it is for a new topic of that name")
	w.input(func(t *group.Turn) { w.table.ForgetTopics(t, "none", nil) })
}

func TestOpenTransactionsForgetDeletedTopics(t *testing.T) {
	w := newT(t)
	w.log = [][]byte{batchOf(t, 0, 5, offsetRecord(0, 1))}
	w = w.reload()
	require.True(t, w.group().Unstable(group.Partition{Topic: "t"}))
	w.input(func(t *group.Turn) {
		w.table.ForgetTopics(t, "g", []group.DeletedTopic{{Name: "t", AtMs: begin.UnixMilli()}})
	})
	require.Zero(t, w.table.Len())
}
