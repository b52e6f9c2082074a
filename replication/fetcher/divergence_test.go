package fetcher_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/log"
)

// grow appends to a log what a story says: "0:ab 2:c" is two batches of one
// record each in epoch 0, and one in epoch 2. A batch that both logs have at the
// same place in the same epoch is the same.
func grow(t testing.TB, l *log.Log, story string) {
	t.Helper()
	for part := range strings.FieldsSeq(story) {
		var epoch int32
		digits, values, _ := strings.Cut(part, ":")
		_, err := fmt.Sscan(digits, &epoch)
		require.NoError(t, err)
		require.NoError(t, l.AssignEpoch(epoch))
		for _, v := range values {
			_, err := l.Append(batch(t, string(v)), log.AppendOptions{LeaderEpoch: epoch, ProduceVersion: 9})
			require.NoError(t, err)
		}
	}
}

// divergence is a leader's log, a follower's, and how far it must not go back.
type divergence struct {
	name             string
	leader, follower string
	epoch            int32 // of the leader
	high             int64 // of the follower
	least            int64 // the log never gets shorter
}

var divergences = []divergence{
	{name: "the follower is behind (nothing to truncate)", leader: "0:abc", follower: "0:a", epoch: 0, high: 1, least: 1},
	{name: "the follower is in step", leader: "0:abc", follower: "0:abc", epoch: 0, high: 3, least: 3},
	{name: "the follower is empty", leader: "0:ab 3:cd", follower: "", epoch: 3},
	// KIP-101, scenario 1: the high watermark was not known yet when the follower
	// restarted; truncating to it would have lost b.
	{name: "the high watermark is behind what is committed", leader: "0:ab 1:c", follower: "0:ab", epoch: 1, high: 1, least: 2},
	// KIP-101, scenario 2: after both crashed, each wrote something else at the same offset.
	{name: "both have another record at one offset", leader: "0:a 1:c", follower: "0:ab", epoch: 1, high: 1, least: 1},
	{name: "the same, the high watermark too far", leader: "0:a 1:c", follower: "0:ab", epoch: 1, high: 2, least: 1},
	{name: "the leader wrote nothing in its epoch", leader: "0:a 1:", follower: "0:ab", epoch: 1, high: 1, least: 1},
	// KIP-279: fast failovers leave epochs that the other has never seen.
	{name: "the follower led an epoch that the leader missed", leader: "0:a 2:cd", follower: "0:a 1:xyz", epoch: 2, high: 1, least: 1},
	{name: "each led epochs that the other missed", leader: "0:a 2:bc 4:d 5:e", follower: "0:a 1:x 3:yz", epoch: 5, high: 1, least: 1},
	{name: "they took turns", leader: "0:ab 2:c 4:d 6:e", follower: "0:ab 1:t 3:u 5:v", epoch: 6, high: 2, least: 2},
	{name: "a common epoch under two that are not", leader: "0:ab 3:cd 6:e", follower: "0:ab 3:c 4:xyz 5:w", epoch: 6, high: 2, least: 3},
	{name: "the follower is longer in the common epoch", leader: "0:ab 3:c 6:e", follower: "0:ab 3:cdefgh", epoch: 6, high: 2, least: 3},
	{name: "the follower's epochs are all unknown to the leader", leader: "5:abc", follower: "1:xy 2:z", epoch: 5, high: 0},
	{name: "the follower has only later epochs", leader: "0:ab 9:c", follower: "3:xyz", epoch: 9, high: 0},
	{name: "the follower began an epoch without writing", leader: "0:ab 2:c", follower: "0:ab 1:", epoch: 2, high: 2, least: 2},
	{name: "several begun without writing", leader: "0:ab 7:c", follower: "0:ab 1: 3: 5:", epoch: 7, high: 2, least: 2},
	// An unclean election: the leader's log ends before the follower's high watermark.
	{name: "the leader lacks what was committed", leader: "0:a 1:b", follower: "0:axyz", epoch: 1, high: 4, least: 1},
	{name: "the leader has nothing at all", leader: "1:", follower: "0:abc", epoch: 1, high: 3, least: 0},
}

func TestDivergingLogsBecomeOne(t *testing.T) {
	for _, c := range divergences {
		for version := int16(12); version <= 17; version += 5 {
			t.Run(fmt.Sprint(c.name, " v", version), func(t *testing.T) {
				inWorld(t, func(t *testing.T, w *world) {
					leader := w.nodes[1]
					leader.most = version
					x := leader.lead(p0, -1+1)
					if c.epoch > 0 { // begun by the story
						require.NoError(t, x.log.TruncateFullyAndStartAt(0))
					}
					grow(t, x.log, c.leader)
					x.epoch = c.epoch
					grow(t, w.log(p0), c.follower)
					require.NoError(t, w.order(p0, 1, c.epoch).Advance(c.high, 0))
					w.shortest = w.log(p0).EndOffset()
					w.follow(p0, 1, c.epoch)
					elapse(time.Second)
					w.same(p0, 1)
					require.GreaterOrEqual(t, w.shortest, min(c.least, w.log(p0).EndOffset()))
					leader.append(p0, "after", "wards")
					synctest.Wait()
					w.same(p0, 1)
				})
			})
		}
	}
}

// TestALogWithoutEpochs is of logs from before there were epochs: what is above
// the high watermark goes.
func TestALogWithoutEpochs(t *testing.T) {
	inWorld(t, func(t *testing.T, w *world) {
		leader := w.nodes[1]
		x := leader.lead(p0, 1)
		require.NoError(t, x.log.TruncateFullyAndStartAt(0))
		require.NoError(t, x.log.AssignEpoch(0))
		for _, v := range []string{"a", "b"} {
			_, err := x.log.Append(batch(t, v), log.AppendOptions{LeaderEpoch: -1, ProduceVersion: 9})
			require.NoError(t, err)
		}
		grow(t, x.log, "1:c")
		ours := w.log(p0)
		for _, v := range []string{"a", "b", "y", "z"} {
			_, err := ours.Append(batch(t, v), log.AppendOptions{LeaderEpoch: -1, ProduceVersion: 9})
			require.NoError(t, err)
		}
		require.EqualValues(t, -1, ours.LatestEpoch())
		require.NoError(t, w.order(p0, 1, 1).Advance(2, 0))
		w.follow(p0, 1, 1)
		synctest.Wait()
		require.Equal(t, contents(t, x.log), contents(t, ours))
	})
}

// TestHistoriesOfFailovers lets two brokers lead by turns, each missing some of
// what the other wrote; whoever follows in the end must have the leader's log,
// and must not have given up anything that both had.
func TestHistoriesOfFailovers(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		type entry struct {
			epoch int32
			value string
		}
		logs := [2][]entry{}
		common := func() int {
			n := 0
			for n < len(logs[0]) && n < len(logs[1]) && logs[0][n] == logs[1][n] {
				n++
			}
			return n
		}
		last, leads := int32(0), 0
		for epoch := range int32(rapid.IntRange(1, 8).Draw(rt, "epochs")) {
			last, leads = epoch, rapid.IntRange(0, 1).Draw(rt, "leader")
			if rapid.Bool().Draw(rt, "followed") { // from the beginning of this epoch
				logs[1-leads] = append([]entry(nil), logs[leads][:min(len(logs[leads]), common()+rapid.IntRange(0, 9).Draw(rt, "caught up"))]...)
			}
			for range rapid.IntRange(0, 3).Draw(rt, "appends") {
				logs[leads] = append(logs[leads], entry{epoch: epoch, value: string(rune('a' + len(logs[leads])%26))})
			}
		}
		story := func(l []entry) string {
			var b strings.Builder
			for _, e := range l {
				fmt.Fprintf(&b, "%d:%s ", e.epoch, e.value)
			}
			return b.String()
		}
		t.Run("", func(t *testing.T) {
			inWorld(t, func(t *testing.T, w *world) {
				x := w.nodes[1].lead(p0, 0)
				require.NoError(t, x.log.TruncateFullyAndStartAt(0))
				grow(t, x.log, story(logs[leads]))
				require.NoError(t, x.log.AssignEpoch(last))
				x.epoch = last
				grow(t, w.log(p0), story(logs[1-leads]))
				w.shortest = w.log(p0).EndOffset()
				w.follow(p0, 1, last)
				elapse(time.Second)
				w.same(p0, 1)
				require.GreaterOrEqual(t, w.shortest, int64(common()))
			})
			if t.Failed() {
				rt.Errorf("leader %s, follower %s", story(logs[leads]), story(logs[1-leads]))
			}
		})
	})
}
