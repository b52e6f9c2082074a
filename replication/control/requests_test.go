package control_test

import (
	"bufio"
	stdcontext "context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/vfs/crashfs"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/channel"
	"github.com/leatmq/leat/replication/fetcher"
	"github.com/leatmq/leat/replication/image"
)

// role is one partition of a LeaderAndIsr request.
type role struct {
	topic    string
	id       topic.ID
	number   int32
	leader   int32
	epoch    int32
	version  int32
	replicas []int32
}

func (r role) state() kmsg.LeaderAndISRRequestTopicPartition {
	replicas := r.replicas
	if replicas == nil {
		replicas = []int32{0, 1}
	}
	return kmsg.LeaderAndISRRequestTopicPartition{
		Partition: r.number, ControllerEpoch: 1, Leader: r.leader, LeaderEpoch: r.epoch, ISR: replicas,
		ZKVersion: r.version, Replicas: replicas, IsNew: r.epoch == 0,
	}
}

// lead orders a role and returns the code of the answer.
func (r *rig) order(o role) int16 { return r.orderIn(context(), o) }

// orderIn is order within a context.
func (r *rig) orderIn(ctx stdcontext.Context, o role) int16 {
	q := &kmsg.LeaderAndISRRequest{Version: 7, ControllerEpoch: 1, BrokerEpoch: r.epoch, TopicStates: []kmsg.LeaderAndISRRequestTopicState{
		{Topic: o.topic, TopicID: o.id, PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{o.state()}},
	}}
	a := r.control.LeaderAndISR(ctx, q)
	if a.ErrorCode != 0 {
		return a.ErrorCode
	}
	return a.Topics[0].Partitions[0].ErrorCode
}

// stop orders the end of a role and returns the code of the answer.
func (r *rig) stop(p checkpoint.Partition, epoch int32, remove bool) int16 {
	q := &kmsg.StopReplicaRequest{Version: 4, ControllerEpoch: 1, BrokerEpoch: r.epoch, Topics: []kmsg.StopReplicaRequestTopic{{
		Topic:           p.Topic,
		PartitionStates: []kmsg.StopReplicaRequestTopicPartitionState{{Partition: p.Index, LeaderEpoch: epoch, Delete: remove}},
	}}}
	a := r.control.StopReplica(context(), q)
	if a.ErrorCode != 0 {
		return a.ErrorCode
	}
	return a.Partitions[0].ErrorCode
}

// metadata is an UpdateMetadata request of brokers and topics.
func metadata(brokers []int32, topics ...kmsg.UpdateMetadataRequestTopicState) *kmsg.UpdateMetadataRequest {
	q := &kmsg.UpdateMetadataRequest{Version: 8, ControllerID: 1, ControllerEpoch: 1, BrokerEpoch: 1, TopicStates: topics}
	for _, id := range brokers {
		q.LiveBrokers = append(q.LiveBrokers, kmsg.UpdateMetadataRequestLiveBroker{
			ID:        id,
			Endpoints: []kmsg.UpdateMetadataRequestLiveBrokerEndpoint{{Host: "h", Port: 9000 + id, ListenerName: "IN", SecurityProtocol: 2}},
		})
	}
	return q
}

// told is a topic of an UpdateMetadata request whose partitions, from 0, have
// the given leaders, all at one epoch.
func told(name string, id topic.ID, epoch int32, leaders ...int32) kmsg.UpdateMetadataRequestTopicState {
	s := kmsg.UpdateMetadataRequestTopicState{Topic: name, TopicID: id}
	for p, leader := range leaders {
		s.PartitionStates = append(s.PartitionStates, kmsg.UpdateMetadataRequestTopicPartition{
			Partition: int32(p), ControllerEpoch: 1, Leader: leader, LeaderEpoch: epoch, ISR: []int32{0, 1}, ZKVersion: epoch, Replicas: []int32{0, 1},
		})
	}
	return s
}

func whole(q *kmsg.UpdateMetadataRequest) *kmsg.UpdateMetadataRequest {
	q.UnknownTags.Set(0, []byte{2})
	return q
}

func (r *rig) tell(t testing.TB, q *kmsg.UpdateMetadataRequest) {
	t.Helper()
	require.Zero(t, r.control.UpdateMetadata(context(), q).ErrorCode)
}

var (
	idA, idB = topic.ID{0xa}, topic.ID{0xb}
	a0       = checkpoint.Partition{Topic: "a", Index: 0}
)

// TestKafkasAnswers: what Kafka's controller sent to a broker of three, over its
// whole life, is answered as that broker did. It was restarted now and then;
// disks did not fail.
func TestKafkasAnswers(t *testing.T) {
	f, err := os.Open("testdata/broker-1.jsonl")
	require.NoError(t, err)
	defer func() { require.NoError(t, f.Close()) }()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	r := newRigOf(t, 1)
	for lines.Scan() {
		var x struct {
			N                       int
			Step, Request, Response string
			Key, Version            int16
		}
		require.NoError(t, json.Unmarshal(lines.Bytes(), &x))
		request, err := hex.DecodeString(x.Request)
		require.NoError(t, err)
		response, err := hex.DecodeString(x.Response)
		require.NoError(t, err)
		want := kmsg.ResponseForKey(x.Key)
		want.SetVersion(x.Version)
		require.NoError(t, want.ReadFrom(response[5:]))

		var got kmsg.Response
		switch q := kmsg.RequestForKey(x.Key).(type) {
		case *kmsg.LeaderAndISRRequest:
			q.SetVersion(x.Version)
			require.NoError(t, q.ReadFrom(request[12:]))
			if q.BrokerEpoch > r.epoch {
				r = restarted(t, q.BrokerEpoch)
			}
			got = r.control.LeaderAndISR(context(), q)
		case *kmsg.UpdateMetadataRequest:
			q.SetVersion(x.Version)
			require.NoError(t, q.ReadFrom(request[12:]))
			if q.BrokerEpoch > r.epoch {
				r = restarted(t, q.BrokerEpoch)
			}
			got = r.control.UpdateMetadata(context(), q)
			requireShown(t, r, q)
		case *kmsg.StopReplicaRequest:
			q.SetVersion(x.Version)
			require.NoError(t, channel.StopReplica{StopReplicaRequest: q}.ReadFrom(request[12:]))
			got = r.control.StopReplica(context(), q)
		}
		require.Equal(t, ordered(want), ordered(got), "%d: %s", x.N, x.Step)
	}
	require.NoError(t, lines.Err())
	require.Greater(t, r.epoch, int64(400))
}

// restarted is a broker at the next epoch; the partitions are new, so that every
// order is obeyed.
func restarted(t *testing.T, epoch int64) *rig {
	r := newRigOf(t, 1)
	r.epoch = epoch
	return r
}

// ordered is a response with its lists in a fixed order.
func ordered(r kmsg.Response) kmsg.Response {
	switch r := r.(type) {
	case *kmsg.LeaderAndISRResponse:
		slices.SortFunc(r.Topics, func(a, b kmsg.LeaderAndISRResponseTopic) int {
			return topic.ID(a.TopicID).Compare(topic.ID(b.TopicID))
		})
		for i := range r.Topics {
			slices.SortFunc(r.Topics[i].Partitions, func(a, b kmsg.LeaderAndISRResponseTopicPartition) int { return int(a.Partition - b.Partition) })
		}
	case *kmsg.StopReplicaResponse:
		slices.SortFunc(r.Partitions, func(a, b kmsg.StopReplicaResponsePartition) int {
			if a.Topic != b.Topic {
				return strings.Compare(a.Topic, b.Topic)
			}
			return int(a.Partition - b.Partition)
		})
	}
	return r
}

// requireShown: the picture has what a request told.
func requireShown(t *testing.T, r *rig, q *kmsg.UpdateMetadataRequest) {
	t.Helper()
	im := r.control.Image()
	require.Equal(t, q.ControllerID, im.Controller)
	require.Len(t, im.Brokers(), len(q.LiveBrokers))
	for _, s := range q.TopicStates {
		for _, p := range s.PartitionStates {
			shown := im.Partition(s.Topic, p.Partition)
			if p.Leader == -2 {
				require.Nil(t, shown)
				continue
			}
			require.Equal(t, p.Leader, shown.Leader)
			require.Equal(t, p.LeaderEpoch, shown.LeaderEpoch)
			require.Equal(t, p.ISR, shown.ISR)
			require.Equal(t, s.Topic, im.TopicByID(s.TopicID).Name)
		}
	}
}

func TestRequestsOfAnotherTime(t *testing.T) {
	r := newRig(t)
	r.epoch = 5
	require.Zero(t, r.order(role{topic: "a", id: idA}))
	ask := func(controllerEpoch int32, brokerEpoch int64) []int16 {
		l := r.control.LeaderAndISR(context(), &kmsg.LeaderAndISRRequest{Version: 7, ControllerEpoch: controllerEpoch, BrokerEpoch: brokerEpoch,
			TopicStates: []kmsg.LeaderAndISRRequestTopicState{{Topic: "b", PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{role{}.state()}}}})
		if l.ErrorCode != 0 {
			require.Equal(t, l.ErrorCode, l.Topics[0].Partitions[0].ErrorCode)
		}
		u := r.control.UpdateMetadata(context(), &kmsg.UpdateMetadataRequest{Version: 8, ControllerEpoch: controllerEpoch, BrokerEpoch: brokerEpoch})
		s := r.control.StopReplica(context(), &kmsg.StopReplicaRequest{Version: 4, ControllerEpoch: controllerEpoch, BrokerEpoch: brokerEpoch})
		return []int16{l.ErrorCode, u.ErrorCode, s.ErrorCode}
	}
	stale := kerr.StaleBrokerEpoch.Code
	require.Equal(t, []int16{stale, stale, stale}, ask(9, 4))
	require.Equal(t, []int16{0, 0, 0}, ask(1, -1))
	require.Equal(t, []int16{0, 0, 0}, ask(1, 6), "a registration that this broker does not know of yet")
	require.Equal(t, []int16{0, 0, 0}, ask(3, 5))
	stale = kerr.StaleControllerEpoch.Code
	require.Equal(t, []int16{stale, stale, stale}, ask(2, 5))
	require.Equal(t, []int16{0, 0, 0}, ask(3, 5))
}

func TestRolesAndEpochs(t *testing.T) {
	r := newRig(t)
	r.tell(t, metadata([]int32{0, 1}))
	require.Zero(t, r.order(role{topic: "a", id: idA, epoch: 3, version: 3}))
	stale := kerr.StaleControllerEpoch.Code
	for name, x := range map[string]struct {
		role
		code int16
	}{
		"again":             {role{topic: "a", id: idA, epoch: 3, version: 3}, stale},
		"older":             {role{topic: "a", id: idA, epoch: 2, version: 3}, stale},
		"another topic":     {role{topic: "a", id: idB, epoch: 4, version: 4}, kerr.InconsistentTopicID.Code},
		"older version":     {role{topic: "a", id: idA, epoch: 4, version: 2, leader: 1}, 0},
		"not among them":    {role{topic: "a", id: idA, epoch: 4, version: 4, replicas: []int32{1, 2}}, kerr.UnknownTopicOrPartition.Code},
		"not among them, 2": {role{topic: "b", id: idB, replicas: []int32{1, 2}}, kerr.UnknownTopicOrPartition.Code},
	} {
		require.Equal(t, x.code, r.order(x.role), name)
	}
	replica, err := r.set.Get(a0)
	require.NoError(t, err)
	_, err = replica.Leader(3)
	require.NoError(t, err, "nothing of it had an effect")
	require.Equal(t, []string{"led a-0 at 3"}, r.told)

	require.Zero(t, r.order(role{topic: "a", id: idA, leader: 1, epoch: 4, version: 4}))
	_, err = replica.Leader(-1)
	require.ErrorIs(t, err, partition.ErrNotLeader)
	require.Equal(t, fetcher.Following{Partition: a0, TopicID: idA, Leader: 1, Epoch: 4}, r.fetching[a0])
	require.Zero(t, r.order(role{topic: "a", id: idA, epoch: 5, version: 5}))
	require.Empty(t, r.fetching)
	require.Equal(t, []string{"led a-0 at 3", "resigned a-0 at 4", "led a-0 at 5"}, r.told)
}

// TestATopicGetsItsID: an order that only brings the id is no repetition.
func TestATopicGetsItsID(t *testing.T) {
	r := newRig(t)
	require.Zero(t, r.order(role{topic: "a", epoch: 3}))
	require.Zero(t, r.order(role{topic: "a", id: idA, epoch: 3}))
	replica, err := r.set.Get(a0)
	require.NoError(t, err)
	require.EqualValues(t, idA, replica.TopicID())
	require.Equal(t, kerr.StaleControllerEpoch.Code, r.order(role{topic: "a", id: idA, epoch: 3}))
}

// TestAFollowerWithoutItsLeader has its log, but fetches only when the picture
// shows the leader.
func TestAFollowerWithoutItsLeader(t *testing.T) {
	r := newRig(t)
	r.tell(t, metadata([]int32{0}))
	require.Zero(t, r.order(role{topic: "a", id: idA, leader: 1, epoch: 1, version: 1}))
	_, err := r.set.Get(a0)
	require.NoError(t, err)
	require.Empty(t, r.fetching)
	r.tell(t, metadata([]int32{0, 2}))
	require.Empty(t, r.fetching)
	r.tell(t, metadata([]int32{0, 1}))
	require.Equal(t, fetcher.Following{Partition: a0, TopicID: idA, Leader: 1, Epoch: 1}, r.fetching[a0])

	require.Zero(t, r.order(role{topic: "a", id: idA, leader: -1, epoch: 2, version: 2}))
	require.Empty(t, r.fetching, "nobody leads")
	require.Zero(t, r.order(role{topic: "a", id: idA, leader: 2, epoch: 3, version: 3}))
	require.Zero(t, r.order(role{topic: "a", id: idA, leader: 0, epoch: 4, version: 4}))
	r.tell(t, metadata([]int32{0, 1, 2}))
	require.Empty(t, r.fetching, "it leads by now")
}

func TestStopAndDelete(t *testing.T) {
	r := newRig(t)
	fenced := kerr.FencedLeaderEpoch.Code
	r.tell(t, metadata([]int32{0, 1}))
	require.Zero(t, r.order(role{topic: "a", id: idA, leader: 1, epoch: 4}))
	require.Equal(t, fenced, r.stop(a0, 3, true))
	require.NotEmpty(t, r.fetching)
	require.Zero(t, r.stop(a0, 4, false))
	require.Empty(t, r.fetching)
	replica, err := r.set.Get(a0)
	require.NoError(t, err, "the log stays")
	_, err = replica.Leader(-1)
	require.ErrorIs(t, err, partition.ErrNotLeader)
	require.Equal(t, kerr.StaleControllerEpoch.Code, r.order(role{topic: "a", id: idA, epoch: 4}), "what was before the stop")

	require.Zero(t, r.stop(a0, 5, true))
	_, err = r.set.Get(a0)
	require.ErrorIs(t, err, partition.ErrUnknown)
	require.Equal(t, kerr.StaleControllerEpoch.Code, r.order(role{topic: "a", id: idA, epoch: 5}), "what was before the deletion")
	require.Zero(t, r.order(role{topic: "a", id: idA, epoch: 6}), "it comes back")
	require.Zero(t, r.stop(a0, -1, true), "no epoch")
	require.Equal(t, []string{"resigned a-0 at 4", "resigned a-0 at 4", "left a-0", "led a-0 at 6", "left a-0"}, r.told)
}

// TestStopThenDeleteInOneRequest and the older forms of the request.
func TestFormsOfStop(t *testing.T) {
	r := newRig(t)
	for _, q := range []*kmsg.StopReplicaRequest{
		{Version: 4, Topics: []kmsg.StopReplicaRequestTopic{{Topic: "a", PartitionStates: []kmsg.StopReplicaRequestTopicPartitionState{
			{LeaderEpoch: -2}, {LeaderEpoch: -2, Delete: true}}}}},
		{Version: 1, DeletePartitions: true, Topics: []kmsg.StopReplicaRequestTopic{{Topic: "a", Partitions: []int32{0}}}},
		{Version: 0, DeletePartitions: true, Topics: []kmsg.StopReplicaRequestTopic{{Topic: "a", Partition: 0}}},
	} {
		id := topic.ID{byte(q.Version), 1}
		require.Zero(t, r.order(role{topic: "a", id: id}))
		r.tell(t, metadata([]int32{0, 1}, told("a", id, 0, -2)))
		q.ControllerEpoch, q.BrokerEpoch = 1, -1
		for _, p := range r.control.StopReplica(context(), q).Partitions {
			require.Equal(t, kmsg.StopReplicaResponsePartition{Topic: "a"}, p)
		}
		_, there := r.dirs.Get(a0)
		require.False(t, there)
	}
}

// TestDeletionOfWhatOnlyTheDiskHas: a log that this broker has no role for goes
// too.
func TestDeletionOfWhatOnlyTheDiskHas(t *testing.T) {
	r := newRig(t)
	require.NoError(t, r.set.Lead(a0, partition.State{TopicID: idA, Replicas: []int32{0}, ISR: []int32{0}}))
	r.set.Close()
	require.Zero(t, r.stop(a0, -2, true))
	_, there := r.dirs.Get(a0)
	require.False(t, there)
	require.Zero(t, r.stop(a0, -2, true), "again")
}

// TestALateDeletion: an order to delete a topic, sent again on another
// connection, comes when a new topic has the name. The new one stays. So does
// its role when an order about the old one comes late.
func TestALateDeletion(t *testing.T) {
	r := newRig(t)
	r.tell(t, metadata([]int32{0, 1}, told("a", idA, 0, 0)))
	require.Zero(t, r.order(role{topic: "a", id: idA}))
	require.Equal(t, kerr.FencedLeaderEpoch.Code, r.stop(a0, -2, true), "nobody said that the topic goes")
	r.tell(t, metadata([]int32{0, 1}, told("a", idA, 0, -2)))
	require.Nil(t, r.control.Image().Topic("a"))
	require.Zero(t, r.stop(a0, -2, true))

	stale := kerr.StaleControllerEpoch.Code
	require.Equal(t, stale, r.order(role{topic: "a", id: idA, epoch: 9}), "a deleted topic does not come back")
	r.tell(t, metadata([]int32{0, 1}, told("a", idA, 9, 0)))
	require.Nil(t, r.control.Image().Topic("a"))

	require.Zero(t, r.order(role{topic: "a", id: idB}))
	r.tell(t, metadata([]int32{0, 1}, told("a", idB, 0, 0)))
	require.Equal(t, kerr.FencedLeaderEpoch.Code, r.stop(a0, -2, true))
	require.Equal(t, stale, r.order(role{topic: "a", id: idA, epoch: 9}))
	r.tell(t, metadata([]int32{0, 1}, told("a", idA, 0, -2)))
	require.Equal(t, idB, r.control.Image().Topic("a").ID)
	replica, err := r.set.Get(a0)
	require.NoError(t, err)
	_, err = replica.Leader(0)
	require.NoError(t, err)
}

func TestADiskThatFails(t *testing.T) {
	r := newRig(t)
	r.tell(t, metadata([]int32{0, 1}))
	require.Zero(t, r.order(role{topic: "a", id: idA, epoch: 1, version: 1}))
	r.fs.Fail(crashfs.Write, errors.New("input/output error"))
	replica, err := r.set.Get(a0)
	require.NoError(t, err)
	require.Error(t, r.dirs.Checkpoint())
	require.Eventually(t, func() bool { return replica.Dir().Err() != nil }, 5e9, 1e6)
	storage := kerr.KafkaStorageError.Code
	require.Equal(t, storage, r.order(role{topic: "a", id: idA, leader: 1, epoch: 2, version: 2}))
	require.Equal(t, storage, r.order(role{topic: "a", id: idA, epoch: 1, version: 1}))
	require.Equal(t, storage, r.stop(a0, 2, false))
	require.Equal(t, storage, r.order(role{topic: "b", id: idB, epoch: 1}), "it may be on the failed disk")
}

func TestOldForms(t *testing.T) {
	r := newRig(t)
	p := role{}.state()
	p.Topic = "a"
	l := r.control.LeaderAndISR(context(), &kmsg.LeaderAndISRRequest{Version: 1, ControllerEpoch: 1, BrokerEpoch: -1,
		PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{p}})
	require.Equal(t, []kmsg.LeaderAndISRResponseTopicPartition{{Topic: "a"}}, l.Partitions)
	_, err := r.set.Get(a0)
	require.NoError(t, err)

	u := kmsg.UpdateMetadataRequestTopicPartition{Topic: "a", Leader: 1, Replicas: []int32{1}, ISR: []int32{1}}
	r.tell(t, &kmsg.UpdateMetadataRequest{Version: 0, ControllerEpoch: 1, BrokerEpoch: -1,
		PartitionStates: []kmsg.UpdateMetadataRequestTopicPartition{u}, LiveBrokers: []kmsg.UpdateMetadataRequestLiveBroker{{ID: 1, Host: "h", Port: 7}}})
	require.EqualValues(t, 1, r.control.Image().Partition("a", 0).Leader)
	b, _ := r.control.Image().Broker(1)
	require.Equal(t, []image.Endpoint{{Listener: "PLAINTEXT", Protocol: "PLAINTEXT", Host: "h", Port: 7}}, b.Endpoints)
}
