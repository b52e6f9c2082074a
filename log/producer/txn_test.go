package producer_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/producer"
)

// by gives a batch or marker another producer.
func by(id int64, b producer.BatchInfo) producer.BatchInfo {
	b.ProducerID = id
	return b
}

func end(id, offset int64, commit bool) producer.Marker {
	m := marker(0, 1, offset, commit)
	m.ProducerID = id
	return m
}

func unstable(t *testing.T, table *producer.Table, want int64) {
	t.Helper()
	got, ok := table.FirstUnstable()
	if want < 0 {
		require.False(t, ok, "first unstable offset %d", got)
		return
	}
	require.True(t, ok)
	require.Equal(t, want, got)
}

func TestFirstUnstable(t *testing.T) {
	table := producer.New()
	unstable(t, table, -1)
	table.Apply(by(1, at(txnData(0, 0, 4), 10)))
	table.Apply(by(2, at(txnData(0, 0, 4), 15)))
	table.Apply(by(1, at(txnData(0, 5, 9), 20)))
	unstable(t, table, 10)

	c, ok := table.ApplyMarker(end(1, 25, true))
	require.True(t, ok)
	require.Equal(t, producer.Completed{ProducerID: 1, First: 10, Last: 25, LastStable: 15}, c)
	unstable(t, table, 10) // the marker is not yet replicated
	table.Replicated(25)
	unstable(t, table, 10)
	table.Replicated(26)
	unstable(t, table, 15)

	c, ok = table.ApplyMarker(end(2, 26, false))
	require.True(t, ok)
	require.Equal(t, producer.Completed{ProducerID: 2, First: 15, Last: 26, LastStable: 27, Aborted: true}, c)
	table.Apply(by(1, at(txnData(0, 10, 10), 30)))
	unstable(t, table, 15)
	table.Replicated(27)
	unstable(t, table, 30)
}

func TestMarkerWithoutTransaction(t *testing.T) {
	table := producer.New()
	_, ok := table.ApplyMarker(end(1, 5, false))
	require.False(t, ok, "nothing to note in the index")
	unstable(t, table, -1)
	require.Equal(t, []producer.State{{
		ProducerID: 1, LastSequence: -1, LastOffset: -1, LastTimestamp: 2000, CoordinatorEpoch: 1, TxnFirstOffset: -1,
	}}, table.States())
}

func TestOpenTxn(t *testing.T) {
	table := history(by(1, at(data(0, 0, 0), 1)), by(2, at(txnData(4, 0, 0), 2)))
	require.False(t, table.HasOpenTxn(1, 0))
	require.False(t, table.HasOpenTxn(2, 3))
	require.True(t, table.HasOpenTxn(2, 4))
	require.False(t, table.HasOpenTxn(3, 0))
	require.Equal(t, int64(1000), table.OldestTxnTimestamp())
	table.ApplyMarker(producer.Marker{ProducerID: 2, Epoch: 4, Offset: 3})
	require.Equal(t, producer.NoTimestamp, table.OldestTxnTimestamp())
}

func TestExpire(t *testing.T) {
	table := history(by(1, at(data(0, 0, 0), 1)), by(2, at(txnData(0, 0, 0), 2)))
	require.Zero(t, table.Expire(1000+999, 1000))
	require.Equal(t, 1, table.Expire(1000+1000, 1000))
	require.Equal(t, 1, table.Len(), "one with an open transaction stays")
	_, err := table.Check([]producer.BatchInfo{by(1, data(0, 17, 17))}, producer.Client)
	require.NoError(t, err, "an expired producer may go on")
	table.ApplyMarker(end(2, 3, true))
	require.Equal(t, 1, table.Expire(1<<40, 1000))
	require.Zero(t, table.Len())
}

func TestLoadOpensTransactions(t *testing.T) {
	before := history(by(1, at(txnData(0, 0, 4), 10)), by(2, at(data(0, 0, 4), 15)), by(3, at(txnData(0, 0, 4), 5)))
	states, err := producer.DecodeSnapshot(producer.EncodeSnapshot(before.States()))
	require.NoError(t, err)
	table := producer.New()
	table.Load(states)
	require.Equal(t, before.States(), table.States())
	unstable(t, table, 5)
	v, err := table.Check([]producer.BatchInfo{by(2, data(0, 0, 4))}, producer.Client)
	require.NoError(t, err)
	require.Equal(t, producer.Verdict{Duplicate: true, FirstOffset: 15, LastOffset: 19, Timestamp: 1000}, v)

	table.Reset()
	require.Zero(t, table.Len())
	unstable(t, table, -1)
}
