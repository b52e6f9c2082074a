package api_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Requests are counted while they wait, by what they wait for, and no longer.
func TestWaitingIsCounted(t *testing.T) {
	n := startWith(t, options{cluster: of(told())})
	n.replicated("t", "min.insync.replicas", "2")
	counts := func(produce, fetch, deletion int) {
		t.Helper()
		want := map[string]int{"Produce": produce, "Fetch": fetch, "DeleteRecords": deletion, "Rebalance": 0, "ElectLeader": 0}
		require.EventuallyWithT(t, func(t *assert.CollectT) { assert.Equal(t, want, n.api.Waiting()) }, patience, tick)
	}
	counts(0, 0, 0)
	follower, producer, consumer, admin := n.connect(), n.connect(), n.connect(), n.connect()
	poll := fetch("t", 0)
	poll.MaxWaitMillis = 60_000
	poll.SetVersion(11)
	consumer.send(poll)
	counts(0, 1, 0)
	write := produce("t", -1, batch(3))
	write.TimeoutMillis = 60_000
	write.SetVersion(9)
	producer.send(write)
	counts(1, 1, 0)
	follower.follow("t", 0)
	follower.follow("t", 3)
	counts(0, 0, 0)
	require.Zero(t, receive[*kmsg.ProduceResponse](producer, write).Topics[0].Partitions[0].ErrorCode)
	require.Zero(t, receive[*kmsg.FetchResponse](consumer, poll).Topics[0].Partitions[0].ErrorCode)

	remove := deleteUpTo("t", -1)
	remove.TimeoutMillis = 60_000
	remove.SetVersion(2)
	admin.send(remove)
	counts(0, 0, 1)
	n.lead("t", 0, 2, n.log("t", 0).Config())
	receive[*kmsg.DeleteRecordsResponse](admin, remove)
	counts(0, 0, 0)
}
