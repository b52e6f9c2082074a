package producer_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/producer"
)

const pid = 7

// data is a batch of producer 7 with sequences first..last.
func data(epoch int16, first, last int32) producer.BatchInfo {
	return producer.BatchInfo{ProducerID: pid, Epoch: epoch, FirstSequence: first, LastSequence: last, Timestamp: 1000}
}

func txnData(epoch int16, first, last int32) producer.BatchInfo {
	b := data(epoch, first, last)
	b.Transactional = true
	return b
}

// at gives a batch its place in the log.
func at(b producer.BatchInfo, offset int64) producer.BatchInfo {
	b.FirstOffset = offset
	b.LastOffset = offset + int64(b.LastSequence-b.FirstSequence)
	return b
}

func marker(epoch int16, coordinator int32, offset int64, commit bool) producer.Marker {
	return producer.Marker{ProducerID: pid, Epoch: epoch, CoordinatorEpoch: coordinator, Offset: offset, Timestamp: 2000, Commit: commit}
}

// history is what a table has seen: BatchInfo and Marker values.
func history(events ...any) *producer.Table {
	t := producer.New()
	for _, e := range events {
		switch e := e.(type) {
		case producer.BatchInfo:
			t.Apply(e)
		case producer.Marker:
			t.ApplyMarker(e)
		}
	}
	return t
}

// TestCheck has every row of the rules for a single batch of a client.
func TestCheck(t *testing.T) {
	const top = math.MaxInt32
	tests := []struct {
		name    string
		history []any
		batch   producer.BatchInfo
		want    error
	}{
		{"not idempotent", nil, producer.BatchInfo{ProducerID: -1, Epoch: -1, FirstSequence: -1, LastSequence: -1}, nil},
		{"unknown producer from 0", nil, data(0, 0, 4), nil},
		{"unknown producer, any sequence: its state expired or was deleted", nil, data(3, 17, 20), nil},

		{"next sequence", []any{at(data(0, 0, 4), 10)}, data(0, 5, 5), nil},
		{"gap", []any{at(data(0, 0, 4), 10)}, data(0, 6, 6), producer.ErrOutOfOrder},
		{"overlap", []any{at(data(0, 0, 4), 10)}, data(0, 4, 6), producer.ErrOutOfOrder},
		{"same first, other last", []any{at(data(0, 0, 4), 10)}, data(0, 0, 3), producer.ErrOutOfOrder},
		{"same last, other first", []any{at(data(0, 0, 4), 10)}, data(0, 1, 4), producer.ErrOutOfOrder},
		{"wrap to 0", []any{at(data(0, top-4, top), 10)}, data(0, 0, 0), nil},
		{"no wrap to 1", []any{at(data(0, top-4, top), 10)}, data(0, 1, 1), producer.ErrOutOfOrder},
		{"wrap inside the last batch", []any{wrapped()}, data(0, 2, 2), nil},
		{"back to 0 without wrap", []any{at(data(0, 0, 4), 10), at(data(0, 5, 5), 15)}, data(0, 0, 0), producer.ErrOutOfOrder},

		{"older epoch", []any{at(data(3, 0, 4), 10)}, data(2, 5, 5), producer.ErrInvalidEpoch},
		{"newer epoch from 0", []any{at(data(3, 0, 4), 10)}, data(4, 0, 0), nil},
		{"newer epoch, not from 0", []any{at(data(3, 0, 4), 10)}, data(4, 5, 5), producer.ErrOutOfOrder},
		{"newer epoch that goes on in sequence", []any{at(data(3, 0, 4), 10)}, data(5, 5, 9), producer.ErrOutOfOrder},

		{"only a marker of this epoch was seen: from 0", []any{marker(3, 1, 10, true)}, data(3, 0, 0), nil},
		{"only a marker of this epoch was seen: not from 5", []any{marker(3, 1, 10, true)}, data(3, 5, 5), producer.ErrOutOfOrder},
		{"a marker of the same epoch keeps the sequence", []any{at(txnData(3, 0, 4), 10), marker(3, 1, 15, true)}, txnData(3, 5, 5), nil},
		{"a marker of a newer epoch ends the sequence", []any{at(txnData(3, 0, 4), 10), marker(4, 1, 15, false)}, txnData(4, 0, 5), nil},
		{"a marker of a newer epoch fences", []any{at(txnData(3, 0, 4), 10), marker(4, 1, 15, false)}, txnData(3, 5, 5), producer.ErrInvalidEpoch},

		{"plain batch in a transaction", []any{at(txnData(0, 0, 4), 10)}, data(0, 5, 5), producer.ErrInvalidTxnState},
		{"plain batch after the transaction", []any{at(txnData(0, 0, 4), 10), marker(0, 1, 15, true)}, data(0, 5, 5), nil},
		{"transaction goes on", []any{at(txnData(0, 0, 4), 10)}, txnData(0, 5, 5), nil},
		{"transaction after plain batches", []any{at(data(0, 0, 4), 10)}, txnData(0, 5, 5), nil},
		{"wrong sequence is said before the wrong state", []any{at(txnData(0, 0, 4), 10)}, data(0, 9, 9), producer.ErrOutOfOrder},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := history(tt.history...)
			before := table.States()
			v, err := table.Check([]producer.BatchInfo{tt.batch}, producer.Client)
			require.ErrorIs(t, err, tt.want)
			require.False(t, v.Duplicate)
			require.Equal(t, before, table.States(), "Check changes nothing")
		})
	}
}

// wrapped is a batch of four records with sequences max-1, max, 0, 1.
func wrapped() producer.BatchInfo {
	b := data(0, math.MaxInt32-1, 1)
	b.FirstOffset, b.LastOffset = 20, 23
	return b
}

func TestDuplicates(t *testing.T) {
	table := producer.New()
	var all []producer.BatchInfo
	offset := int64(100)
	for i := range int32(7) {
		b := at(data(0, i*10, i*10+9), offset)
		b.Timestamp = int64(i)
		table.Apply(b)
		all = append(all, b)
		offset = b.LastOffset + 3 // others write in between
	}
	for i, b := range all {
		v, err := table.Check([]producer.BatchInfo{b}, producer.Client)
		if i < 2 {
			require.ErrorIs(t, err, producer.ErrOutOfOrder, "batch %d is no longer among the last five", i)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, producer.Verdict{Duplicate: true, FirstOffset: b.FirstOffset, LastOffset: b.LastOffset, Timestamp: b.Timestamp}, v)
	}

	again := data(0, 60, 69)
	again.Epoch = 1
	_, err := table.Check([]producer.BatchInfo{again}, producer.Client)
	require.ErrorIs(t, err, producer.ErrOutOfOrder, "the same sequences in another epoch are no duplicate")

	table.Apply(at(data(1, 0, 0), offset))
	_, err = table.Check([]producer.BatchInfo{all[6]}, producer.Client)
	require.ErrorIs(t, err, producer.ErrInvalidEpoch, "a new epoch forgets the old one's batches")
}

func TestDuplicateAcrossTheWrap(t *testing.T) {
	table := history(wrapped())
	v, err := table.Check([]producer.BatchInfo{wrapped()}, producer.Client)
	require.NoError(t, err)
	require.True(t, v.Duplicate)
	require.Equal(t, int64(20), v.FirstOffset)
}

func TestDuplicateInsideTransaction(t *testing.T) {
	table := history(at(txnData(0, 0, 4), 10))
	v, err := table.Check([]producer.BatchInfo{txnData(0, 0, 4)}, producer.Client)
	require.NoError(t, err)
	require.True(t, v.Duplicate)
}

func TestOrigins(t *testing.T) {
	table := history(at(data(3, 0, 4), 10))
	gap, old := []producer.BatchInfo{data(3, 50, 50)}, []producer.BatchInfo{data(2, 0, 0)}

	_, err := table.Check(gap, producer.Coordinator)
	require.NoError(t, err, "a coordinator's sequences are not checked")
	_, err = table.Check(old, producer.Coordinator)
	require.ErrorIs(t, err, producer.ErrInvalidEpoch, "its epochs are")
	v, err := table.Check([]producer.BatchInfo{data(3, 0, 4)}, producer.Coordinator)
	require.NoError(t, err)
	require.False(t, v.Duplicate, "nor is it told of duplicates")

	for _, b := range [][]producer.BatchInfo{gap, old} {
		_, err = table.Check(b, producer.Replication)
		require.NoError(t, err, "what a leader accepted is accepted")
	}
	require.NoError(t, table.CheckMarker(marker(1, 0, 0, true), producer.Replication))
}

// TestReplicatedOldEpoch: a copy follows the leader's log, whatever is in it.
func TestReplicatedOldEpoch(t *testing.T) {
	table := history(at(data(3, 0, 4), 10), at(data(2, 8, 9), 15))
	require.Equal(t, int16(2), table.States()[0].Epoch)
	require.Equal(t, int32(9), table.States()[0].LastSequence)
}

func TestCheckIsCumulative(t *testing.T) {
	other := func(b producer.BatchInfo) producer.BatchInfo { b.ProducerID = 8; return b }
	tests := []struct {
		name  string
		batch []producer.BatchInfo
		want  error
	}{
		{"in order", []producer.BatchInfo{data(0, 5, 5), data(0, 6, 9), data(0, 10, 10)}, nil},
		{"gap", []producer.BatchInfo{data(0, 5, 5), data(0, 7, 9)}, producer.ErrOutOfOrder},
		{"two producers interleaved", []producer.BatchInfo{data(0, 5, 5), other(data(0, 0, 0)), data(0, 6, 6), other(data(0, 1, 1))}, nil},
		{"gap behind another producer", []producer.BatchInfo{data(0, 5, 5), other(data(0, 0, 0)), data(0, 8, 8)}, producer.ErrOutOfOrder},
		{"epoch rises", []producer.BatchInfo{data(0, 5, 5), data(1, 0, 0), data(1, 1, 1)}, nil},
		{"epoch falls", []producer.BatchInfo{data(1, 0, 0), data(0, 5, 5)}, producer.ErrInvalidEpoch},
		{"transaction begins and a plain batch follows", []producer.BatchInfo{txnData(0, 5, 5), data(0, 6, 6)}, producer.ErrInvalidTxnState},
		{"without id in between", []producer.BatchInfo{data(0, 5, 5), {ProducerID: -1}, data(0, 6, 6)}, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			table := history(at(data(0, 0, 4), 10))
			_, err := table.Check(tt.batch, producer.Client)
			require.ErrorIs(t, err, tt.want)
		})
	}
}

func TestCheckMarker(t *testing.T) {
	table := history(at(txnData(3, 0, 4), 10), marker(3, 5, 15, true))
	for _, tt := range []struct {
		name string
		m    producer.Marker
		want error
	}{
		{"same coordinator", marker(3, 5, 20, true), nil},
		{"newer coordinator", marker(3, 6, 20, true), nil},
		{"older coordinator", marker(3, 4, 20, true), producer.ErrCoordinatorFenced},
		{"newer epoch", marker(4, 5, 20, true), nil},
		{"older epoch", marker(2, 5, 20, true), producer.ErrInvalidEpoch},
		{"unknown producer", producer.Marker{ProducerID: 99}, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			require.ErrorIs(t, table.CheckMarker(tt.m, producer.Coordinator), tt.want)
		})
	}
}

func TestVerification(t *testing.T) {
	check := func(table *producer.Table, b producer.BatchInfo, g producer.Guard) error {
		b.Guard = g
		_, err := table.Check([]producer.BatchInfo{b}, producer.Client)
		return err
	}
	table := producer.New()
	require.NoError(t, check(table, txnData(0, 0, 0), 0), "not required")
	table.RequireVerification(true)
	require.ErrorIs(t, check(table, txnData(0, 0, 0), 0), producer.ErrInvalidTxnState, "no guard")
	_, err := table.Check([]producer.BatchInfo{txnData(0, 0, 0)}, producer.Coordinator)
	require.NoError(t, err, "a coordinator knows")

	g, needed := table.BeginVerification(txnData(0, 3, 3), 50)
	require.True(t, needed)
	require.ErrorIs(t, check(table, txnData(0, 3, 3), g+1), producer.ErrInvalidTxnState, "another guard")
	require.NoError(t, check(table, txnData(0, 3, 3), g))
	require.ErrorIs(t, check(table, txnData(0, 4, 4), g), producer.ErrOutOfOrder, "a batch before it waits too")
	same, _ := table.BeginVerification(txnData(0, 1, 2), 50)
	require.Equal(t, g, same, "batches that wait together share a guard")
	require.ErrorIs(t, check(table, txnData(0, 3, 3), g), producer.ErrOutOfOrder)
	require.NoError(t, check(table, txnData(0, 1, 2), g))

	table.Apply(at(txnData(0, 1, 2), 10))
	require.NoError(t, check(table, txnData(0, 3, 3), 0), "the transaction is open")
	_, needed = table.BeginVerification(txnData(0, 3, 3), 60)
	require.False(t, needed)

	table.ApplyMarker(marker(0, 1, 13, false))
	require.ErrorIs(t, check(table, txnData(0, 3, 3), g), producer.ErrInvalidTxnState, "a late batch opens no transaction")

	g2, _ := table.BeginVerification(txnData(0, 3, 3), 70)
	require.NotEqual(t, g, g2)
	g3, _ := table.BeginVerification(txnData(1, 9, 9), 80)
	require.Equal(t, g2, g3)
	require.NoError(t, check(table, txnData(1, 0, 0), g3), "a newer epoch brings its own lowest sequence")

	table.Expire(2070, 2000)
	require.ErrorIs(t, check(table, txnData(1, 0, 0), g3), producer.ErrInvalidTxnState, "an old question is forgotten")
}

func TestCheckDoesNotAllocate(t *testing.T) {
	table := history(at(data(0, 0, 4), 10))
	next, dup := data(0, 5, 5), data(0, 0, 4)
	require.Zero(t, testing.AllocsPerRun(100, func() {
		for _, b := range []producer.BatchInfo{next, dup} {
			one := [1]producer.BatchInfo{b}
			if _, err := table.Check(one[:], producer.Client); err != nil {
				t.Fatal(err)
			}
		}
	}))
	var seq int32 = 5
	for range 5 {
		table.Apply(at(data(0, seq, seq), int64(seq)))
		seq++
	}
	require.Zero(t, testing.AllocsPerRun(100, func() {
		table.Apply(at(data(0, seq, seq), int64(seq)))
		seq++
	}), "nor does Apply, once five batches are known")
}

func TestLastSequence(t *testing.T) {
	const top = math.MaxInt32
	require.Equal(t, int32(4), producer.LastSequence(0, 4))
	require.Equal(t, int32(top), producer.LastSequence(top-4, 4))
	require.Equal(t, int32(0), producer.LastSequence(top, 1))
	require.Equal(t, int32(1), producer.LastSequence(top-1, 3))
}
