package control_test

import (
	stdcontext "context"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/replication/channel"
)

// TestWaitsForRegistration: what comes before this broker has registered may be
// meant for its life before this one, so it is not obeyed before that is known.
func TestWaitsForRegistration(t *testing.T) {
	r := newRig(t)
	r.epoch = -1
	r.registered = func(stdcontext.Context) error {
		require.Empty(t, r.told)
		r.epoch = 7
		return nil
	}
	stale := kerr.StaleBrokerEpoch.Code
	old := metadata([]int32{0}, told("a", idA, 0, 0))
	require.Equal(t, stale, r.control.UpdateMetadata(context(), old).ErrorCode)
	q := many(1)
	q.BrokerEpoch = 6
	r.epoch = -1
	require.Equal(t, stale, r.control.LeaderAndISR(context(), q).ErrorCode)
	require.Empty(t, r.set.All())
	q.BrokerEpoch, r.epoch = 7, -1
	require.Zero(t, r.control.LeaderAndISR(context(), q).ErrorCode)
	require.Len(t, r.set.All(), 1)

	r.registered = func(stdcontext.Context) error { return stdcontext.Canceled }
	require.Equal(t, stale, r.control.LeaderAndISR(context(), q).ErrorCode)
	require.Equal(t, stale, r.control.UpdateMetadata(context(), old).ErrorCode)
	require.Equal(t, stale, r.stop(a0, 1, true))
}

// TestDeletedWhileAway: a broker whose session had expired when a topic was
// deleted learns of it from the whole picture alone, and deletes what it has.
func TestDeletedWhileAway(t *testing.T) {
	r := newRig(t)
	r.tell(t, whole(metadata([]int32{0, 1}, told("a", idA, 0, 0))))
	require.Zero(t, r.order(role{topic: "a", id: idA}))
	require.Zero(t, r.order(role{topic: "b", id: idB}))

	r.epoch = 2
	q := whole(metadata([]int32{0, 1}, told("b", idB, 0, 0)))
	q.BrokerEpoch = 2
	r.tell(t, q)
	require.Zero(t, r.stop(a0, -2, true))
	_, err := r.set.Get(a0)
	require.Error(t, err)
	require.Equal(t, kerr.FencedLeaderEpoch.Code, r.stop(checkpoint.Partition{Topic: "b"}, -2, true), "nobody said that it goes")
}

// TestReplacedWhileAway: a broker that was away when another one got its replica
// does not lead any more when it hears of that.
func TestReplacedWhileAway(t *testing.T) {
	r := newRig(t)
	r.tell(t, metadata([]int32{0, 1, 2}))
	require.Zero(t, r.order(role{topic: "a", id: idA}))
	require.Zero(t, r.order(role{topic: "a", id: idA, number: 1, leader: 1}))
	require.Zero(t, r.order(role{topic: "b", id: idB}))
	moved, kept := told("a", idA, 3, 1, 1), told("b", idB, 3, 1)
	for i := range moved.PartitionStates {
		moved.PartitionStates[i].Replicas = []int32{1, 2}
	}
	r.tell(t, metadata([]int32{0, 1, 2}, moved, kept))
	part, _ := r.part(a0)
	require.Equal(t, "stopped", part)
	require.NotContains(t, r.fetching, checkpoint.Partition{Topic: "a", Index: 1})
	part, _ = r.part(checkpoint.Partition{Topic: "b"})
	require.Equal(t, "leads", part, "it has a replica still, and is told of its role")
	require.Contains(t, r.told, "resigned a-0 at 3")
	require.Equal(t, kerr.StaleControllerEpoch.Code, r.order(role{topic: "a", id: idA, epoch: 3}))
	require.Zero(t, r.order(role{topic: "a", id: idA, epoch: 4}), "it is given back")
}

// TestLateNews: what was sent again on another connection, and was followed by
// newer news there, changes nothing when the first sending comes through.
func TestLateNews(t *testing.T) {
	r := newRig(t)
	first, second := metadata([]int32{0, 1}), metadata([]int32{0, 1, 2})
	channel.Number(first, 1)
	channel.Number(second, 2)
	r.tell(t, first)
	r.tell(t, second)
	r.tell(t, first)
	require.Len(t, r.control.Image().Brokers(), 3)

	next := metadata([]int32{0}) // of another controller
	next.ControllerEpoch = 2
	channel.Number(next, 1)
	r.tell(t, next)
	require.Len(t, r.control.Image().Brokers(), 1)
	next = metadata([]int32{0, 1}) // of one that does not number them
	next.ControllerEpoch = 2
	r.tell(t, next)
	require.Len(t, r.control.Image().Brokers(), 2)
}

// TestDamagedLeader: a leader whose records are damaged has none when it is asked
// what it has, if another replica can lead, and comes back as its follower.
func TestDamagedLeader(t *testing.T) {
	r := newRig(t)
	r.tell(t, metadata([]int32{0, 1}))
	lead := role{topic: "a", id: idA, epoch: 1, version: 1}
	require.Zero(t, r.order(lead))
	r.control.Damaged(a0, 1)
	require.Equal(t, 1, r.probes, "the controller is to ask")
	alone := lead
	alone.replicas = []int32{0}
	require.Equal(t, kerr.StaleControllerEpoch.Code, r.order(alone), "nobody else has the records")
	require.Equal(t, kerr.KafkaStorageError.Code, r.order(lead))
	require.Zero(t, r.stop(a0, 2, false))
	require.Equal(t, 2, r.probes, "it can have the replica again")
	follow := role{topic: "a", id: idA, leader: 1, epoch: 2, version: 2}
	require.Zero(t, r.order(follow))
	require.Contains(t, r.fetching, a0)
	require.Equal(t, kerr.StaleControllerEpoch.Code, r.order(follow))
	require.Equal(t, 2, r.probes)

	require.Zero(t, r.order(role{topic: "a", id: idA, epoch: 3, version: 3}), "it is well")
	require.Equal(t, kerr.StaleControllerEpoch.Code, r.order(role{topic: "a", id: idA, epoch: 3, version: 3}))
	require.Zero(t, r.stop(a0, 4, false))
	require.Equal(t, kerr.StaleControllerEpoch.Code, r.order(role{topic: "a", id: idA, leader: 1, epoch: 4, version: 4}), "stopped is stopped")
}

// TestDamagedLeaderElsewhere: nothing else makes a damaged replica lead while
// another one is in sync, and it is asked for when another one comes to be.
func TestDamagedLeaderElsewhere(t *testing.T) {
	r := newRig(t)
	r.tell(t, metadata([]int32{0, 1}))
	alone := role{topic: "a", id: idA, epoch: 1, version: 1, replicas: []int32{0}}
	require.Zero(t, r.order(alone))
	r.control.InSync(a0, []int32{0, 1})
	require.Zero(t, r.probes)
	r.control.Damaged(a0, 1)
	r.control.InSync(a0, []int32{0})
	require.Equal(t, 1, r.probes)
	r.control.InSync(a0, []int32{0, 1})
	require.Equal(t, 2, r.probes)
	alone.epoch, alone.version = 2, 2
	require.Zero(t, r.order(alone))
	require.Equal(t, kerr.KafkaStorageError.Code, r.order(role{topic: "a", id: idA, epoch: 3, version: 3}))
	part, _ := r.part(a0)
	require.Equal(t, "stopped", part)
	require.Zero(t, r.order(role{topic: "a", id: idA, leader: 1, epoch: 4, version: 4}), "as a follower it mends itself")
	require.Zero(t, r.order(role{topic: "a", id: idA, epoch: 5, version: 5}))

	b0 := checkpoint.Partition{Topic: "b"} // damage that the first leading finds out
	r.control.Damaged(b0, 1)
	require.Equal(t, kerr.KafkaStorageError.Code, r.order(role{topic: "b", id: idB, epoch: 1, version: 1}))
	require.Equal(t, 3, r.probes)
	require.Zero(t, r.stop(b0, 2, false))
	require.Equal(t, 4, r.probes)
	require.Zero(t, r.order(role{topic: "b", id: idB, leader: 1, epoch: 2, version: 2}))
}

// TestOrderThatFailed: what could not be done may be ordered again at the same
// epoch, also when the replica was stopped meanwhile.
func TestOrderThatFailed(t *testing.T) {
	r := newRig(t)
	r.tell(t, metadata([]int32{0, 1}))
	require.Zero(t, r.order(role{topic: "a", id: idA, epoch: 1, version: 1}))
	ended, cancel := stdcontext.WithCancel(t.Context())
	cancel()
	follow := role{topic: "a", id: idA, leader: 1, epoch: 2, version: 2}
	require.Equal(t, kerr.RequestTimedOut.Code, r.orderIn(ended, follow))
	require.Zero(t, r.stop(a0, 3, false))
	follow.epoch, follow.version = 3, 3
	require.Zero(t, r.order(follow))
	require.Contains(t, r.fetching, a0)
	require.Equal(t, kerr.StaleControllerEpoch.Code, r.order(follow), "once only")
}

// TestOrderBeforeTheOneThatFailed: one that comes late, on a connection that was
// given up, is not obeyed because the one after it could not be.
func TestOrderBeforeTheOneThatFailed(t *testing.T) {
	r := newRig(t)
	r.tell(t, metadata([]int32{0, 1}))
	lead := role{topic: "a", id: idA, epoch: 1, version: 1}
	require.Zero(t, r.order(lead))
	ended, cancel := stdcontext.WithCancel(t.Context())
	cancel()
	follow := role{topic: "a", id: idA, leader: 1, epoch: 2, version: 2}
	require.Equal(t, kerr.RequestTimedOut.Code, r.orderIn(ended, follow))
	require.Equal(t, kerr.StaleControllerEpoch.Code, r.order(lead))
	require.Zero(t, r.order(follow))
}

// TestDeletionTakenBack: an order about a deleted topic is an old one, unless a
// later controller gives it: then somebody has taken the deletion back.
func TestDeletionTakenBack(t *testing.T) {
	r := newRig(t)
	r.tell(t, metadata([]int32{0, 1}, told("a", idA, 0, 0)))
	lead := role{topic: "a", id: idA}
	require.Zero(t, r.order(lead))
	r.tell(t, metadata([]int32{0, 1}, told("a", idA, 0, -2)))
	require.Zero(t, r.stop(a0, -2, true))
	require.Equal(t, kerr.StaleControllerEpoch.Code, r.order(lead), "what was before the deletion")

	next := metadata([]int32{0, 1}, told("a", idA, 1, 0))
	next.ControllerEpoch = 2
	r.tell(t, next)
	require.NotNil(t, r.control.Image().Topic("a"))
	q := &kmsg.LeaderAndISRRequest{Version: 7, ControllerEpoch: 2, BrokerEpoch: r.epoch, TopicStates: []kmsg.LeaderAndISRRequestTopicState{
		{Topic: "a", TopicID: idA, PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{role{topic: "a", id: idA, epoch: 1, version: 1}.state()}},
	}}
	require.Zero(t, r.control.LeaderAndISR(context(), q).Topics[0].Partitions[0].ErrorCode)
	part, _ := r.part(a0)
	require.Equal(t, "leads", part)
}
