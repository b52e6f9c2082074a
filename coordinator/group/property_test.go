package group_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/coordinator/group"
)

// crowd is a group with clients that do whatever comes to their mind, on requests that may be
// late, repeated or wrong.
type crowd struct {
	*world
	sound   bool // no append fails
	tokens  []group.Token
	ids     []string // that were ever given out
	highest int32    // generation
	leaders map[int32]string
}

func (c *crowd) anyID(r *rapid.T) string {
	return rapid.SampledFrom(append([]string{"", "stranger"}, c.ids...)).Draw(r, "member")
}

func anyInstance(r *rapid.T) *string {
	return rapid.SampledFrom([]*string{nil, nil, nil, instance("a"), instance("b")}).Draw(r, "instance")
}

func (c *crowd) anyGeneration(r *rapid.T) int32 {
	return c.highest + int32(rapid.SampledFrom([]int{0, 0, 0, 0, -1, 1}).Draw(r, "generation"))
}

func (c *crowd) anyFault(r *rapid.T) {
	if !c.sound && rapid.IntRange(0, 9).Draw(r, "fault") == 0 {
		c.fault = group.Fault(rapid.IntRange(1, 5).Draw(r, "kind"))
	}
}

// noFault takes back a fault that no append has met.
func (c *crowd) noFault() { c.fault = group.NoFault }

func (c *crowd) step(r *rapid.T) map[string]func(*rapid.T) {
	return map[string]func(*rapid.T){
		"join": func(r *rapid.T) {
			c.anyFault(r)
			c.tokens = append(c.tokens, c.join(func(j *joining) {
				j.MemberID, j.InstanceID = c.anyID(r), anyInstance(r)
				j.IDRequired = j.InstanceID == nil && rapid.Bool().Draw(r, "v4")
				j.MaySkip = rapid.Bool().Draw(r, "v9")
				j.Session = time.Duration(rapid.IntRange(6, 60).Draw(r, "session")) * time.Second
				j.Rebalance = time.Duration(rapid.IntRange(-1, 90).Draw(r, "rebalance")) * time.Second
				saying(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 4).Draw(r, "protocols")...)(j)
			}))
			c.noFault()
		},
		"sync": func(r *rapid.T) {
			c.anyFault(r)
			id := c.anyID(r)
			c.tokens = append(c.tokens, c.sync(group.JoinAnswer{MemberID: id, Generation: c.anyGeneration(r)}, func(s *group.Sync) {
				s.InstanceID = anyInstance(r)
				s.Assignments = []group.Assignment{{MemberID: id, Bytes: []byte("work")}}
			}))
			c.noFault()
		},
		"heartbeat": func(r *rapid.T) {
			c.heartbeat(group.JoinAnswer{MemberID: c.anyID(r), Generation: c.anyGeneration(r)})
		},
		"leave": func(r *rapid.T) {
			c.anyFault(r)
			c.leave(group.Leaver{MemberID: c.anyID(r), InstanceID: anyInstance(r)}, group.Leaver{MemberID: c.anyID(r)})
			c.noFault()
		},
		"commit": func(r *rapid.T) {
			c.anyFault(r)
			c.commit(func(o *group.Commit) {
				o.MemberID, o.Generation = c.anyID(r), rapid.SampledFrom([]int32{-1, c.highest}).Draw(r, "generation")
				o.Offsets[0].Partition.Index = int32(rapid.IntRange(0, 3).Draw(r, "partition"))
			})
			c.noFault()
		},
		"delete": func(r *rapid.T) {
			c.anyFault(r)
			if rapid.Bool().Draw(r, "all") {
				c.delete()
			} else {
				c.deleteOffsets("t")
			}
			c.noFault()
		},
		"pass": func(r *rapid.T) {
			c.pass(time.Duration(rapid.IntRange(0, 40_000).Draw(r, "ms")) * time.Millisecond)
		},
		"pass long": func(r *rapid.T) {
			c.pass(time.Duration(rapid.IntRange(0, 8*24).Draw(r, "hours")) * time.Hour)
			c.expire()
		},
		"": c.invariants,
	}
}

func (c *crowd) invariants(r *rapid.T) {
	require.NoError(r, c.table.Check())
	if g := c.group(); g != nil {
		require.True(r, g.Generation() >= c.highest, "the generation fell from %d to %d", c.highest, g.Generation())
		c.highest = g.Generation()
	} else {
		c.highest, c.leaders = 0, map[int32]string{}
	}
}

// newCrowd makes a crowd that looks at each answer.
func newCrowd(r *rapid.T) *crowd {
	c := &crowd{world: newWorld(r), leaders: map[int32]string{}}
	c.seen = func(a group.JoinAnswer) {
		if a.MemberID != "" {
			c.ids = append(c.ids, a.MemberID)
		}
		if a.Code == group.None {
			c.welcomed(r, a)
		}
	}
	return c
}

// welcomed looks at an answer to a JoinGroup that was let in.
func (c *crowd) welcomed(r *rapid.T, a group.JoinAnswer) {
	if g := c.group(); g == nil || g.Generation() > a.Generation {
		return // more happened at the same instant
	}
	require.Equal(r, c.group().Generation(), a.Generation)
	if len(a.Members) == 0 {
		require.True(r, a.MemberID != a.Leader, "a leader is told who is there")
		return
	}
	require.Equal(r, a.Leader, a.MemberID, "only the leader is told who is there")
	in := map[string]bool{}
	for _, m := range c.group().Describe().Members {
		in[m.ID] = true
	}
	for _, m := range a.Members {
		require.True(r, in[m.ID], "%s is told of, and is no member", m.ID)
	}
	if other, ok := c.leaders[a.Generation]; ok && other != a.Leader && !a.SkipAssignment {
		require.False(r, in[other], "generation %d is led by %s and %s", a.Generation, other, a.Leader)
	}
	c.leaders[a.Generation] = a.Leader
}

// end lets all clients fall silent: then everybody must have been answered.
func (c *crowd) end(r *rapid.T) {
	for range 4 {
		c.pass(time.Hour)
	}
	for _, token := range c.tokens {
		_, joined := c.joined[token]
		_, synced := c.synced[token]
		require.True(r, joined != synced, "request %d was never answered", token)
	}
	require.NoError(r, c.table.Check())
	require.Contains(r, []group.State{group.Empty, group.Dead}, c.state())
	require.Zero(r, c.table.Bytes())
}

func TestGroupKeepsItsPromises(t *testing.T) {
	for _, delay := range []time.Duration{0, 3 * time.Second} {
		t.Run(fmt.Sprint("initial delay ", delay), rapid.MakeCheck(func(r *rapid.T) {
			c := newCrowd(r)
			c.config.InitialDelay = delay
			c.config.MaxSize = rapid.IntRange(2, 6).Draw(r, "size")
			r.Repeat(c.step(r))
			c.end(r)
		}))
	}
}

// What is loaded is what was known, whenever no member is on its way.
func TestLogSaysWhatTheGroupKnows(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := newCrowd(r)
		c.sound = true
		steps := c.step(r)
		steps[""] = func(r *rapid.T) {
			c.invariants(r)
			again := c.reload()
			if s := c.state(); s == group.Stable || s == group.Empty && c.group().Generation() > 0 {
				require.Equal(r, shown(c.table), shown(again.table))
				return
			}
			if c.group() == nil {
				require.Zero(r, again.table.Len())
				return
			}
			for p, v := range c.group().Offsets() {
				got, ok := again.group().Offset(p)
				require.True(r, ok)
				require.Equal(r, v, got)
			}
		}
		r.Repeat(steps)
	})
}

func TestManyPendingMembersFitInMemory(t *testing.T) {
	w := newT(t)
	w.room = 256 << 20
	const members = 100_000
	for i := range members {
		w.input(func(turn *group.Turn) {
			turn.Room = w.room - w.table.Bytes()
			w.table.Join(turn, "g", &group.Join{
				Token: group.Token(i + 1), Unique: fmt.Sprintf("%036d", i), ClientID: "client", IDRequired: true,
				Session: time.Minute, ProtocolType: "consumer", Protocols: []group.Protocol{{Name: "range"}},
			})
		})
	}
	require.Less(t, w.table.Bytes(), int64(100<<20))
	require.Equal(t, group.MemberIDRequired, w.joined[members].Code)
	w.pass(time.Minute)
	require.Zero(t, w.table.Len())
	require.Zero(t, w.table.Bytes())
}

func TestPendingMembersWithLongNamesAreBounded(t *testing.T) {
	w := newT(t)
	w.room = 1 << 20
	long := string(make([]byte, 30_000))
	refused := 0
	for range 100 {
		w.last++
		w.input(func(turn *group.Turn) {
			turn.Room = w.room - w.table.Bytes()
			w.table.Join(turn, "g", &group.Join{
				Token: w.last, Unique: fmt.Sprint(w.last), ClientID: long, IDRequired: true,
				Session: time.Minute, ProtocolType: "consumer", Protocols: []group.Protocol{{Name: "range"}},
			})
		})
		if w.joined[w.last].Code == group.GroupFull {
			refused++
		}
	}
	require.Less(t, w.table.Bytes(), int64(1<<20+40_000))
	require.Positive(t, refused)
}
