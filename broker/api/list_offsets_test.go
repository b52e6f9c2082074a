package api_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// list makes a request for partition 0 of a topic.
func list(topic string, timestamp int64) *kmsg.ListOffsetsRequest {
	q := kmsg.NewPtrListOffsetsRequest()
	q.ReplicaID = -1
	t := kmsg.NewListOffsetsRequestTopic()
	t.Topic = topic
	p := kmsg.NewListOffsetsRequestTopicPartition()
	p.Timestamp, p.MaxNumOffsets = timestamp, 100
	t.Partitions = append(t.Partitions, p)
	q.Topics = append(q.Topics, t)
	return q
}

func listed(a *kmsg.ListOffsetsResponse) kmsg.ListOffsetsResponseTopicPartition {
	return a.Topics[0].Partitions[0]
}

// timed appends batches of one record with the given timestamps.
func (n *node) timed(name string, timestamps ...int64) {
	n.t.Helper()
	c := n.connect()
	for _, ts := range timestamps {
		q := produce(name, 1, batchOf{values: []string{"x"}, timestamp: ts}.bytes())
		require.Zero(n.t, produced(ask[*kmsg.ProduceResponse](c, 9, q)).ErrorCode)
	}
}

func TestListOffsets(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	n.timed("t", 100, 300, 200)
	n.lead("t", 0, 3, n.log("t", 0).Config())
	n.timed("t", 400, 300)
	n.topic("empty", 1)
	c := n.connect()
	type want struct{ offset, timestamp, epoch int64 }
	for _, x := range []struct {
		topic     string
		timestamp int64
		since     int16
		want      want
	}{
		{"t", -1, 1, want{5, -1, 3}},
		{"t", -2, 1, want{0, -1, 0}},
		{"t", -3, 7, want{3, 400, 3}},
		{"t", -4, 8, want{0, -1, 0}},
		{"t", -5, 9, want{-1, -1, -1}},
		{"t", -6, 99, want{}},
		{"t", 0, 1, want{0, 100, 0}},
		{"t", 101, 1, want{1, 300, 0}},
		{"t", 301, 1, want{3, 400, 3}},
		{"t", 401, 1, want{-1, -1, -1}},
		{"empty", -1, 1, want{0, -1, 0}},
		{"empty", -2, 1, want{0, -1, 0}},
		{"empty", -3, 7, want{-1, -1, -1}},
		{"empty", 5, 1, want{-1, -1, -1}},
	} {
		for version := int16(1); version <= 9; version++ {
			row := listed(ask[*kmsg.ListOffsetsResponse](c, version, list(x.topic, x.timestamp)))
			if version < x.since {
				require.Equal(t, kerr.UnsupportedVersion.Code, row.ErrorCode, "%+v at version %d", x, version)
				require.EqualValues(t, -1, row.Offset)
				continue
			}
			require.Zero(t, row.ErrorCode)
			require.Equal(t, want{x.want.offset, x.want.timestamp, row64(version, row.LeaderEpoch, x.want.epoch)},
				want{row.Offset, row.Timestamp, int64(row.LeaderEpoch)}, "%+v at version %d", x, version)
		}
	}
}

// row64 is the epoch to expect: versions before 4 have none.
func row64(version int16, got int32, want int64) int64 {
	if version < 4 {
		return int64(got)
	}
	return want
}

func TestListOffsetsByIsolation(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	n.fill("t", 0, 2)
	n.open("t", 7)
	n.fill("t", 0, 1)
	q := list("t", -1)
	require.EqualValues(t, 4, listed(ask[*kmsg.ListOffsetsResponse](n.connect(), 2, q)).Offset)
	q.IsolationLevel = 1
	require.EqualValues(t, 2, listed(ask[*kmsg.ListOffsetsResponse](n.connect(), 2, q)).Offset)
	q.IsolationLevel = 9
	require.Equal(t, kerr.UnknownServerError.Code, listed(ask[*kmsg.ListOffsetsResponse](n.connect(), 2, q)).ErrorCode)
}

// Version 0 lists the segments, newest first, behind the end of the log.
func TestListOffsetsOfSegments(t *testing.T) {
	n := start(t)
	n.topic("t", 1, "segment.bytes", "200")
	n.fill("t", 0, 5)
	c := n.connect()
	get := func(timestamp int64, most int32) []int64 {
		q := list("t", timestamp)
		q.Topics[0].Partitions[0].MaxNumOffsets = most
		row := listed(ask[*kmsg.ListOffsetsResponse](c, 0, q))
		require.Zero(t, row.ErrorCode)
		return row.OldStyleOffsets
	}
	all := get(-1, 100)
	require.EqualValues(t, 5, all[0])
	require.EqualValues(t, 0, all[len(all)-1])
	require.Greater(t, len(all), 2)
	require.Equal(t, all[:2], get(-1, 2))
	require.Equal(t, []int64{0}, get(-2, 100))
	require.Empty(t, get(-1, 0))
	require.Empty(t, get(5, 100), "nothing was written in 1970")
}

func TestListOffsetsErrors(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	n.elsewhere("far", 1)
	n.lead("t", 0, 4, n.log("t", 0).Config())
	c := n.connect()
	at := func(epoch int32) *kmsg.ListOffsetsRequest {
		q := list("t", -1)
		q.Topics[0].Partitions[0].CurrentLeaderEpoch = epoch
		return q
	}
	twice := list("t", -1)
	twice.Topics[0].Partitions = append(twice.Topics[0].Partitions, twice.Topics[0].Partitions[0])
	for name, x := range map[string]struct {
		q    *kmsg.ListOffsetsRequest
		code *kerr.Error
	}{
		"unknown":     {list("nope", -1), kerr.UnknownTopicOrPartition},
		"elsewhere":   {list("far", -1), kerr.NotLeaderForPartition},
		"older epoch": {at(3), kerr.FencedLeaderEpoch},
		"newer epoch": {at(5), kerr.UnknownLeaderEpoch},
		"twice":       {twice, kerr.InvalidRequest},
	} {
		a := ask[*kmsg.ListOffsetsResponse](c, 5, x.q)
		for _, row := range a.Topics[0].Partitions {
			require.Equal(t, x.code.Code, row.ErrorCode, name)
			require.EqualValues(t, -1, row.Offset)
			require.EqualValues(t, -1, row.Timestamp)
		}
	}
	require.Zero(t, listed(ask[*kmsg.ListOffsetsResponse](c, 5, at(4))).ErrorCode)
}
