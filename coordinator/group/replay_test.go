package group_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/group/entry"
	"github.com/leatmq/leat/log/record"
)

// loadGolden makes a table of a partition that Kafka wrote.
func loadGolden(t *testing.T, dir string, now time.Time) (*world, group.Skipped) {
	data, err := os.ReadFile(filepath.Join("../../log/testdata/golden", dir, "00000000000000000000.log"))
	require.NoError(t, err)
	w := newT(t)
	w.now = now
	l := group.NewLoader(1 << 20)
	require.NoError(t, l.Replay(data))
	w.turn.Begin(w.now, &w.config)
	var skipped group.Skipped
	w.table, skipped = l.Finish(&w.turn)
	w.settle()
	return w, skipped
}

// shown is all that a table has, in words.
func shown(tb *group.Table) map[string]string {
	out := map[string]string{}
	for g := range tb.All() {
		d := g.Describe()
		s := fmt.Sprintf("%s %s %d %s", d.State, d.ProtocolType, g.Generation(), d.Protocol)
		for _, m := range d.Members {
			s += fmt.Sprintf(" [%s %s %d %d]", m.ClientID, m.ClientHost, len(m.Metadata), len(m.Assignment))
		}
		for p, v := range g.Offsets() {
			s += fmt.Sprintf(" %s-%d:%d/%d%q", p.Topic, p.Index, v.Offset, v.LeaderEpoch, v.Metadata)
		}
		out[g.ID()] = s
	}
	return out
}

// As Kafka's own tools describe these groups at the end of the recording.
func TestGoldenPartitionIsLoaded(t *testing.T) {
	w, skipped := loadGolden(t, "main/__consumer_offsets-0", begin)
	require.Zero(t, skipped.Corrupt)
	require.Equal(t, map[string]string{
		"g-simple":     `Empty  0  parts-0:6/-1"ä" parts-1:4/-1"some metadata" parts-2:5/0"with epoch"`,
		"g-range":      `Empty consumer 2  parts-0:9/0"" parts-1:9/0"" parts-2:9/0""`,
		"g-coop":       `Empty consumer 2  parts-0:9/0"" parts-1:9/0"" parts-2:9/0""`,
		"g-rr":         `Empty consumer 3  parts-0:9/0"" parts-1:9/0"" parts-2:9/0""`,
		"g-static":     `Stable consumer 2 range [c-g-static /127.0.0.1 39 49] [c2 /127.0.0.1 39 25] codec-none-0:30/0"" parts-0:9/0"" parts-1:9/0"" parts-2:9/0""`,
		"g-deloffsets": `Empty  0  parts-1:2/-1""`,
		"g-txn":        `Empty  0  parts-0:3/-1"in txn 2"`,
	}, shown(w.table))

	static := w.table.Get("g-static").Describe()
	require.Equal(t, "inst-1", *static.Members[slices.IndexFunc(static.Members, func(m group.MemberDescription) bool {
		return m.ClientID == "c-g-static"
	})].InstanceID)
	w.pass(time.Hour)
	require.Equal(t, group.Empty, w.table.Get("g-static").State(), "sessions begin with the loading")
}

func TestGoldenPartitionsOfOtherBrokersAreLoaded(t *testing.T) {
	for dir, groups := range map[string]int{
		"legacy/__consumer_offsets-0":           0, // all expired and deleted
		"cluster/broker-0/__consumer_offsets-0": 1,
	} {
		w, skipped := loadGolden(t, dir, begin)
		require.Zero(t, skipped.Corrupt, dir)
		require.Equal(t, groups, w.table.Len(), dir)
	}
}

// batchOf makes a batch of records.
func batchOf(t *testing.T, base int64, producer int64, records ...group.Record) []byte {
	s := record.Spec{BaseOffset: base}
	if producer >= 0 {
		s.Attributes = record.Transactional
		s.Producer = &record.Producer{ID: producer}
	}
	var all []record.Record
	for _, r := range records {
		all = append(all, record.Record{Key: r.Key, Value: r.Value})
	}
	b, err := record.Build(s, all...)
	require.NoError(t, err)
	return b
}

func offsetRecord(partition int32, offset int64) group.Record {
	return group.Record{
		Key:   entry.AppendOffsetKey(nil, "g", "t", partition),
		Value: entry.AppendOffset(nil, entry.OffsetValue{Offset: offset, LeaderEpoch: -1, ExpireMs: -1}),
	}
}

func noOffset(partition int32) group.Record {
	return group.Record{Key: entry.AppendOffsetKey(nil, "g", "t", partition)}
}

func marker(t *testing.T, base, producer int64, commit bool) []byte {
	b, err := record.AppendMarker(nil, record.Marker{Commit: commit, ProducerID: producer})
	require.NoError(t, err)
	record.Batch(b).SetBaseOffset(base)
	return b
}

func TestTransactionalOffsets(t *testing.T) {
	for name, c := range map[string]struct {
		log      func(t *testing.T) [][]byte
		offset   int64 // of t-0, -1 for none
		unstable bool
	}{
		"open": {func(t *testing.T) [][]byte {
			return [][]byte{batchOf(t, 0, 5, offsetRecord(0, 1))}
		}, -1, true},
		"committed": {func(t *testing.T) [][]byte {
			return [][]byte{batchOf(t, 0, 5, offsetRecord(0, 1)), marker(t, 1, 5, true)}
		}, 1, false},
		"aborted": {func(t *testing.T) [][]byte {
			return [][]byte{batchOf(t, 0, 5, offsetRecord(0, 1)), marker(t, 1, 5, false)}
		}, -1, false},
		"another producer's marker": {func(t *testing.T) [][]byte {
			return [][]byte{batchOf(t, 0, 5, offsetRecord(0, 1)), marker(t, 1, 6, true)}
		}, -1, true},
		"aborted over a committed one": {func(t *testing.T) [][]byte {
			return [][]byte{batchOf(t, 0, -1, offsetRecord(0, 9)), batchOf(t, 1, 5, offsetRecord(0, 1)), marker(t, 2, 5, false)}
		}, 9, false},
		"plain commit in between stands": {func(t *testing.T) [][]byte {
			return [][]byte{batchOf(t, 0, 5, offsetRecord(0, 1)), batchOf(t, 1, -1, offsetRecord(0, 9)), marker(t, 2, 5, true)}
		}, 9, false},
		"plain commit before is replaced": {func(t *testing.T) [][]byte {
			return [][]byte{batchOf(t, 0, -1, offsetRecord(0, 9)), batchOf(t, 1, 5, offsetRecord(0, 1)), marker(t, 2, 5, true)}
		}, 1, false},
		"last of the transaction counts": {func(t *testing.T) [][]byte {
			return [][]byte{batchOf(t, 0, 5, offsetRecord(0, 1)), batchOf(t, 1, 5, offsetRecord(0, 2)), marker(t, 2, 5, true)}
		}, 2, false},
		"deleted in the transaction": {func(t *testing.T) [][]byte {
			return [][]byte{batchOf(t, 0, 5, offsetRecord(0, 1), noOffset(0)), marker(t, 2, 5, true)}
		}, -1, false},
		"two transactions": {func(t *testing.T) [][]byte {
			return [][]byte{
				batchOf(t, 0, 5, offsetRecord(0, 1)), batchOf(t, 1, 6, offsetRecord(0, 2)),
				marker(t, 2, 6, true), marker(t, 3, 5, true),
			}
		}, 2, false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newT(t)
			w.log = c.log(t)
			again := w.reload()
			require.Equal(t, c.offset, again.committed())
			g := again.group()
			require.Equal(t, c.unstable, g != nil && g.Unstable(group.Partition{Topic: "t"}))
			if c.unstable {
				again.expire()
				require.NotNil(t, again.group(), "a group with an open transaction stays")
				require.False(t, again.group().Unstable(group.Partition{Topic: "t", Index: 1}))
			}
		})
	}
}

func TestLoadingPassesOver(t *testing.T) {
	log := batchOf(t, 0, -1,
		group.Record{Key: []byte{0, 3, 0, 1, 'g'}, Value: []byte("newer protocol")},
		group.Record{Key: []byte{0, 3, 0, 1, 'h'}},
		group.Record{Key: []byte{0, 99}, Value: []byte("unheard of")},
		group.Record{Key: nil, Value: []byte("no key")},
		group.Record{Key: []byte{0, 1, 0}, Value: []byte("short key")},
		group.Record{Key: entry.AppendOffsetKey(nil, "g", "t", 0), Value: []byte{0, 9}},
		group.Record{Key: entry.AppendGroupKey(nil, "broken"), Value: []byte{0, 3, 0}},
		group.Record{Key: entry.AppendOffsetKey(nil, "g", "t", 1), Value: offsetRecord(1, 4).Value},
	)
	l := group.NewLoader(1 << 20)
	require.NoError(t, l.Replay(log))
	w := newT(t)
	w.turn.Begin(w.now, &w.config)
	table, skipped := l.Finish(&w.turn)
	require.Equal(t, map[entry.Kind]int{3: 2, 99: 1}, skipped.Kinds)
	require.Equal(t, 4, skipped.Corrupt)
	require.Error(t, skipped.First)
	require.Equal(t, map[string]string{"g": `Empty  0  t-1:4/-1""`}, shown(table))
}

func TestBatchThatCannotBeReadFailsTheLoading(t *testing.T) {
	b := batchOf(t, 0, -1, offsetRecord(0, 1))
	b[len(b)-1] ^= 0xff
	l := group.NewLoader(1 << 20)
	require.Error(t, l.Replay(b[:len(b)-5]))
}

func TestLaterRecordsCount(t *testing.T) {
	w := newT(t)
	m := w.members(2)
	w.commit(by(m[0]))
	w.commit(by(m[0]), func(c *group.Commit) { c.Offsets[0].Value.Offset = 8 })
	require.Equal(t, shown(w.table), shown(w.reload().table))

	w.leave(group.Leaver{MemberID: m[0].MemberID}, group.Leaver{MemberID: m[1].MemberID})
	require.Equal(t, shown(w.table), shown(w.reload().table))
	w.delete()
	require.Empty(t, shown(w.reload().table))
	w.commit()
	require.Equal(t, map[string]string{"g": `Empty  0  t-0:7/3"m"`}, shown(w.reload().table), "a new group of an old name")
}

func TestLoadedMembersGoOn(t *testing.T) {
	w := newT(t)
	lead, follow := w.statics()
	again := w.reload()
	require.Equal(t, group.None, again.heartbeat(lead))
	require.Equal(t, group.None, again.commit(by(follow)))
	a := again.joinedAs(again.join(v9, static("lead")))
	require.True(t, a.SkipAssignment)
	require.Len(t, a.Members, 2)
	again.pass(10 * time.Second)
	again.is(group.Empty)
}

func TestLoadedGroupWithTooManyMembersRebalances(t *testing.T) {
	w := newT(t)
	w.members(3)
	w.config.MaxSize = 2
	w.reload().is(group.Preparing)
}

func TestLoadedRecordThatNamesAMemberTwice(t *testing.T) {
	protocol := "range"
	m := entry.Member{ID: "m", SessionMs: 10000, Subscription: subscription("t")}
	value := entry.AppendGroup(nil, entry.GroupValue{
		ProtocolType: "consumer", Generation: 4, Protocol: &protocol, Leader: &m.ID, Members: []entry.Member{m, m},
	})
	w := newT(t)
	w.log = [][]byte{batchOf(t, 0, -1, group.Record{Key: entry.AppendGroupKey(nil, "g"), Value: value})}
	require.Len(t, w.reload().group().Describe().Members, 1)
}

func TestGroupsAreYieldedOnce(t *testing.T) {
	w := newT(t)
	w.join(to("a"))
	w.join(to("b"))
	require.Equal(t, []string{"a", "b"}, slices.Sorted(maps.Keys(shown(w.table))))
	n := 0
	for range w.table.All() {
		n++
		break
	}
	require.Equal(t, 1, n)
}
