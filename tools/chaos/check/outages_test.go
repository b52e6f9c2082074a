package check_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/tools/chaos/check"
	"github.com/leatmq/leat/tools/chaos/history"
)

// broken is a minute of records, one each 100 ms to each partition, with a fault
// from 10 s to 15 s in which partition 0 takes nothing; it comes back after a
// while.
func broken(back time.Duration) *tape {
	t := newTape()
	n := int64(0)
	for at := int64(0); at < 60e9; at += 100e6 {
		switch at {
		case 10e9:
			t.put(history.Event{Type: history.Invoke, Op: history.Fault, Value: 1, Text: "kill", Node: "b1"})
		case 15e9:
			t.put(history.Event{Type: history.OK, Op: history.Heal, Value: 1, Text: "kill", Node: "b1"})
			t.put(history.Event{Type: history.OK, Op: history.Calm})
		}
		t.now = at
		n++
		t.send(idempotent, 1, 1000+n, n)
		if at < 10e9 || at >= 15e9+int64(back) {
			t.send(idempotent, 0, 5000+n, n)
		}
	}
	return t
}

func TestOutagesAreMeasuredByPartition(t *testing.T) {
	all := check.Outages(check.NewIndex(&broken(2 * time.Second).History))
	require.Len(t, all, 1)
	require.Equal(t, "kill", all[0].Kind)
	require.InDelta(t, 7.1, all[0].Gaps[0].Seconds(), 0.02)
	require.InDelta(t, 0.1, all[0].Gaps[1].Seconds(), 0.02)
	s := check.Summarise(all)
	require.Equal(t, 1, s[0].Faults)
	require.InDelta(t, 7.1, s[0].Max.Seconds(), 0.02)
}

func TestWritesThatStayAwayAreFound(t *testing.T) {
	f, all := check.SlowResumes(check.NewIndex(&broken(2*time.Second).History), 15*time.Second)
	require.Zero(t, f.Count)
	require.InDelta(t, 2.1, all[0].Delays[0].Seconds(), 0.05)

	f, _ = check.SlowResumes(check.NewIndex(&broken(20*time.Second).History), 15*time.Second)
	require.Equal(t, 1, f.Count)
	require.Contains(t, f.Examples[0], "a-0")

	f, _ = check.SlowResumes(check.NewIndex(&broken(time.Hour).History), 15*time.Second)
	require.Equal(t, 1, f.Count)
	require.Contains(t, f.Examples[0], "never")
}

func TestTheNextFaultLeavesTheQuestionOpen(t *testing.T) {
	tape := broken(20 * time.Second)
	tape.now = 20e9
	tape.put(history.Event{Type: history.Invoke, Op: history.Fault, Value: 2, Text: "kill"})
	f, _ := check.SlowResumes(check.NewIndex(&tape.History), 15*time.Second)
	require.Zero(t, f.Count)
}

func TestARunThatProvesNothingIsNotValid(t *testing.T) {
	tape := good()
	require.Equal(t, []string{"not everything was read back at the end"}, check.Valid(check.NewIndex(&tape.History), 1))
	tape.put(history.Event{Type: history.OK, Op: history.Final})
	require.Empty(t, check.Valid(check.NewIndex(&tape.History), 1))
	require.Len(t, check.Valid(check.NewIndex(&tape.History), 1e6), 1)
	for n := range int64(100) {
		tape.invoke(other, 0, 10+n)
	}
	require.Len(t, check.Valid(check.NewIndex(&tape.History), 1), 1)
}

func TestAHealthyClusterMustBeBusy(t *testing.T) {
	tape := broken(time.Second) // 20 records a second
	require.Equal(t, []string{"not everything was read back at the end"}, check.Valid(check.NewIndex(&tape.History), 1))
	tape.Events = slices.DeleteFunc(tape.Events, func(e history.Event) bool { return e.Time > 41e9 && e.Time < 49e9 })
	idle := check.Valid(check.NewIndex(&tape.History), 1)
	require.Len(t, idle, 3)
	require.Contains(t, idle[0], "of peace")
}

func TestAFaultEndsEveryPeaceBeforeIt(t *testing.T) {
	tape := broken(time.Second)
	tape.put(history.Event{Type: history.OK, Op: history.Calm})
	tape.put(history.Event{Type: history.Invoke, Op: history.Fault, Value: 2, Text: "kill"})
	fault := tape.now
	tape.send(idempotent, 0, 9999, 9999)
	calms := check.Calms(check.NewIndex(&tape.History))
	require.Len(t, calms, 2)
	require.Equal(t, []int64{fault, fault}, []int64{calms[0][1], calms[1][1]})
}

// large is n records written by a few processes, and read by three.
func large(n int64) *tape {
	t := newTape()
	const keys = 2
	t.assign(reader)
	for i := range n {
		t.send(int32(idempotent+2*(i%2)), int32(i%keys), i+1, i/keys)
		if i%1000 == 999 {
			from := (i - 999) / keys
			for _, p := range []int32{reader, member, member2} {
				var runs []history.Run
				for key := range int64(keys) {
					r := history.Run{Key: int32(key), Offset: from}
					for o := from; o < from+1000/keys; o++ {
						j := o*keys + key
						r.Values = append(r.Values, check.Value(int32(idempotent+2*(j%2)), j+1))
					}
					runs = append(runs, r)
				}
				t.poll(p, runs...)
			}
		}
	}
	return t
}

func TestALargeGoodHistoryIsGood(t *testing.T) { require.Empty(t, names(large(20_000))) }

// BenchmarkMillion checks a million sends, each read three times.
func BenchmarkMillion(b *testing.B) {
	tape := large(1_000_000)
	b.ReportAllocs()
	for b.Loop() {
		x := check.NewIndex(&tape.History)
		for _, f := range check.All(x) {
			if f.Count > 0 {
				b.Fatal(fmt.Sprint(f))
			}
		}
	}
}
