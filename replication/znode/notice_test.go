package znode_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/znode"
)

// The texts are what Kafka 3.9 and its tools write.
func TestNoticesAreKafkas(t *testing.T) {
	text := `{"version":1,"partitions":[{"topic":"t2","partition":1,"replicas":[0,2]}]}`
	moves, err := znode.DecodeReassign([]byte(text))
	require.NoError(t, err)
	require.Equal(t, []znode.Move{{Partition: znode.Partition{Topic: "t2", Partition: 1}, Replicas: []int32{0, 2}}}, moves)
	require.Equal(t, text, string(znode.EncodeReassign(moves)))

	text = `{"version":1,"partitions":[{"topic":"t1","partition":0},{"topic":"t2","partition":7}]}`
	list, err := znode.DecodePreferred([]byte(text))
	require.NoError(t, err)
	require.Equal(t, []znode.Partition{{Topic: "t1"}, {Topic: "t2", Partition: 7}}, list)
	require.Equal(t, text, string(znode.EncodePartitions(list)))
	list, err = znode.DecodeISRChange([]byte(text))
	require.NoError(t, err)
	require.Len(t, list, 2)

	text = `{"version":1,"broker":2,"event":1}`
	event, err := znode.DecodeLogDirEvent([]byte(text))
	require.NoError(t, err)
	require.Equal(t, znode.LogDirEvent{Broker: 2}, event)
	require.Equal(t, text, string(znode.EncodeLogDirEvent(event)))
}

// A hand-written node may say anything.
func TestNoticesThatAreOdd(t *testing.T) {
	moves, err := znode.DecodeReassign([]byte(`{"partitions":[{"topic":"t","partition":0},{"topic":"t","partition":0,"replicas":[1]}],"more":1}`))
	require.NoError(t, err)
	require.Equal(t, []znode.Move{{Partition: znode.Partition{Topic: "t"}, Replicas: []int32{}}}, moves, "an empty list is no cancellation")
	for _, bad := range []string{"", "[]", `{"partitions":1}`, `{"partitions":[{"topic":7}]}`} {
		_, err = znode.DecodeReassign([]byte(bad))
		require.ErrorIs(t, err, znode.ErrMalformed, bad)
		_, err = znode.DecodePreferred([]byte(bad))
		require.ErrorIs(t, err, znode.ErrMalformed, bad)
		_, err = znode.DecodeISRChange([]byte(bad))
		require.ErrorIs(t, err, znode.ErrMalformed, bad)
	}
	_, err = znode.DecodeLogDirEvent([]byte("{"))
	require.ErrorIs(t, err, znode.ErrMalformed)
}

// TestOriginalOrder: the order of before a reassignment is written down only
// where the assignment does not tell it.
func TestOriginalOrder(t *testing.T) {
	text := `{"partitions":{"0":[2,1,0]},"adding_replicas":{"0":[2]},"removing_replicas":{"0":[0]},"original_replicas":{"0":[0,1]},"version":3}`
	n, err := znode.DecodeTopic([]byte(text))
	require.NoError(t, err)
	require.Equal(t, []int32{0, 1}, n.Origin[0])
	require.Equal(t, text, string(znode.EncodeTopic(n)))
}
