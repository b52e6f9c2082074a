package control_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/dir"
)

// follow orders the rig's broker to follow, with that in-sync set, and returns the code.
func (r *rig) follow(o role, isr ...int32) int16 {
	st := o.state()
	st.ISR, st.IsNew = isr, false
	a := r.control.LeaderAndISR(context(), &kmsg.LeaderAndISRRequest{
		Version: 7, ControllerEpoch: 1, BrokerEpoch: r.epoch,
		TopicStates: []kmsg.LeaderAndISRRequestTopicState{
			{Topic: o.topic, TopicID: o.id, PartitionStates: []kmsg.LeaderAndISRRequestTopicPartition{st}},
		},
	})
	return a.Topics[0].Partitions[0].ErrorCode
}

// strays are the directories that were set aside.
func (r *rig) strays(t *testing.T) (list []string) {
	t.Helper()
	entries, err := r.fs.ReadDir("/data")
	require.NoError(t, err)
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), "-stray") {
			list = append(list, e.Name())
		}
	}
	return list
}

// TestMadeAnewWhileAway: a broker comes back with a log of a topic that has been deleted
// and made again meanwhile. It joins the new one by itself, and what it had is kept. If
// others believe that it has records of the new one, a person has to look.
func TestMadeAnewWhileAway(t *testing.T) {
	r := newRig(t)
	_, err := r.dirs.Create(a0, dir.NewLog{TopicID: idB, Config: log.DefaultConfig(), Fresh: true})
	require.NoError(t, err)
	r.tell(t, metadata([]int32{0, 1}))
	require.Equal(t, kerr.InconsistentTopicID.Code, r.follow(role{topic: "a", id: idA, leader: 1, epoch: 3}, 0, 1))
	require.Empty(t, r.strays(t))

	require.Zero(t, r.follow(role{topic: "a", id: idA, leader: 1, epoch: 3}, 1))
	require.Contains(t, r.fetching, a0)
	replica, err := r.set.Get(a0)
	require.NoError(t, err)
	require.Equal(t, [16]byte(idA), replica.TopicID())
	require.Len(t, r.strays(t), 1)
	require.True(t, strings.HasPrefix(r.strays(t)[0], "a-0."))
	_, err = r.fs.Stat("/data/" + r.strays(t)[0] + "/00000000000000000000.log")
	require.NoError(t, err, "it is kept")

	require.Equal(t, kerr.InconsistentTopicID.Code, r.follow(role{topic: "a", id: idB, leader: 1, epoch: 9}, 1),
		"not while it has a role")
	require.Len(t, r.strays(t), 1)
	_, err = replica.Follower(3)
	require.NoError(t, err)
}
