package control_test

import (
	stdcontext "context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/control"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
)

// context is the context of requests.
func context() stdcontext.Context { return stdcontext.Background() }

func TestPictureIsMerged(t *testing.T) {
	r := newRig(t)
	r.configs = map[string]map[string]string{"a": {"big": "yes"}}
	r.tell(t, metadata([]int32{0, 1}, told("a", idA, 0, 0, 1), told("b", idB, 0, 0)))
	im := r.control.Image()
	a := im.Topic("a")
	require.Equal(t, "yes", a.Config["big"])
	require.Same(t, a, im.TopicByID(idA))
	require.EqualValues(t, 1, im.Controller)
	b1, _ := im.Broker(1)
	require.Equal(t, []image.Endpoint{{Listener: "IN", Protocol: "SASL_PLAINTEXT", Host: "h", Port: 9001}}, b1.Endpoints)

	// One partition changes: the other topic stays the same pointer.
	r.tell(t, metadata([]int32{0, 1}, told("a", idA, 1, 1), told("b", idB, 0, 0)))
	next := r.control.Image()
	require.Same(t, im.Topic("b"), next.Topic("b"))
	require.EqualValues(t, 1, next.Partition("a", 0).LeaderEpoch)
	require.EqualValues(t, 0, next.Partition("a", 1).LeaderEpoch)
	require.EqualValues(t, 0, a.Partitions[0].LeaderEpoch, "a picture never changes")

	// Nothing told of topics: they stay. Brokers are replaced.
	r.tell(t, metadata([]int32{1}))
	require.Same(t, next.Topic("a"), r.control.Image().Topic("a"))
	require.Len(t, r.control.Image().Brokers(), 1)

	// Earlier states do not come back.
	r.tell(t, metadata([]int32{1}, told("a", idA, 0, 0)))
	require.Same(t, next.Topic("a"), r.control.Image().Topic("a"))
	require.Equal(t, []string{"a", "b"}, r.read)
}

func TestTopicsGo(t *testing.T) {
	r := newRig(t)
	r.tell(t, metadata([]int32{0, 1}, told("a", idA, 0, 0, 1), told("b", idB, 0, 0)))
	r.tell(t, metadata([]int32{0, 1}, told("a", idA, 0, -2, -2)))
	im := r.control.Image()
	require.Nil(t, im.Topic("a"))
	require.Nil(t, im.TopicByID(idA))
	require.Equal(t, []string{"gone a"}, r.told)
	require.Equal(t, []string{"b"}, r.control.Topics())

	// The name comes to mean another topic: its configuration is read anew.
	r.configs = map[string]map[string]string{"b": {"big": "yes"}}
	r.tell(t, metadata([]int32{0, 1}, told("b", topic.ID{0xc}, 0, 1)))
	require.Equal(t, "yes", r.control.Image().Topic("b").Config["big"])
	require.Equal(t, []string{"gone a", "gone b"}, r.told)
}

// TestTheWholePictureReplaces: what it does not tell of is not. Told again by
// the same controller it is merged only: it may come late.
func TestTheWholePictureReplaces(t *testing.T) {
	r := newRig(t)
	r.tell(t, metadata([]int32{0, 1}, told("a", idA, 0, 0)))
	first := whole(metadata([]int32{0, 1}, told("b", idB, 0, 0)))
	r.tell(t, first)
	require.Nil(t, r.control.Image().Topic("a"))
	r.tell(t, metadata([]int32{0, 1}, told("a", idA, 0, 0)))
	r.tell(t, first)
	require.NotNil(t, r.control.Image().Topic("a"))
	require.NotNil(t, r.control.Image().Topic("b"))
}

// TestAHoleInATopic: of a partition that nothing was told about there is
// nothing to see.
func TestAHoleInATopic(t *testing.T) {
	r := newRig(t)
	s := told("a", idA, 0, 0)
	s.PartitionStates[0].Partition = 2
	r.tell(t, metadata([]int32{0}, s))
	a := r.control.Image().Topic("a")
	require.Len(t, a.Partitions, 3)
	require.Nil(t, a.Partitions[0].Replicas)
	require.Equal(t, image.NoBroker, a.Partitions[1].Leader)
	require.NotNil(t, a.Partitions[2].Replicas)
}

func TestInformed(t *testing.T) {
	informed := func(c *control.Control) bool {
		select {
		case <-c.Informed():
			return true
		default:
			return false
		}
	}
	r := newRig(t)
	require.False(t, informed(r.control))
	r.tell(t, metadata([]int32{0}))
	require.False(t, informed(r.control), "brokers, and topics that the tree has are still to be told")
	r.tell(t, metadata([]int32{0}, told("a", idA, 0, 0)))
	require.True(t, informed(r.control))

	r = newRig(t)
	r.tell(t, whole(metadata([]int32{0})))
	require.True(t, informed(r.control))

	r = newRig(t)
	r.topics = 0
	r.tell(t, metadata([]int32{0}))
	require.True(t, informed(r.control))
}

func TestAwait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := control.New(control.Options{TopicConfig: func(map[string]string) log.Config { return log.DefaultConfig() }})
		done := make(chan error, 1)
		go func() { done <- c.Await(t.Context(), func(im *image.Image) bool { return im.Topic("a") != nil }) }()
		synctest.Wait()
		c.UpdateMetadata(context(), metadata([]int32{0}))
		synctest.Wait()
		require.Empty(t, done)
		c.UpdateMetadata(context(), metadata([]int32{0}, told("a", idA, 0, 0)))
		require.NoError(t, <-done)

		ctx, cancel := stdcontext.WithTimeout(t.Context(), time.Second)
		defer cancel()
		require.ErrorIs(t, c.Await(ctx, func(*image.Image) bool { return false }), stdcontext.DeadlineExceeded)
	})
}

func TestShow(t *testing.T) {
	r := newRig(t)
	version := int64(7)
	r.control.Show(image.Changes{ClusterID: "x", FeatureEpoch: &version, Topics: map[string]*image.Topic{"a": {Name: "a"}}})
	require.Equal(t, "x", r.control.Image().ClusterID)
	require.EqualValues(t, 7, r.control.Image().FeatureEpoch)
	require.Nil(t, r.control.Image().Topic("a"))
}

// TestConfigurations reach the picture and the logs; of topics that this broker
// has not seen nothing is kept.
func TestConfigurations(t *testing.T) {
	r := newRig(t)
	entity := image.Entity{Type: image.TopicEntity, Name: "a"}
	r.control.SetConfig(entity, map[string]string{"old": "topic"})
	r.configs = map[string]map[string]string{"a": {"big": "yes"}}
	require.Zero(t, r.order(role{topic: "a", id: idA}))
	replica, err := r.set.Get(a0)
	require.NoError(t, err)
	require.EqualValues(t, 12345678, replica.Log().Config().SegmentBytes)
	r.tell(t, metadata([]int32{0}, told("a", idA, 0, 0)))
	require.Equal(t, map[string]string{"big": "yes"}, r.control.Image().Topic("a").Config)
	require.Equal(t, []string{"a"}, r.read, "once")

	before := r.control.Image()
	r.control.SetConfig(entity, map[string]string{"big": "yes"})
	require.Same(t, before, r.control.Image(), "nothing has changed")
	r.control.SetConfig(entity, nil)
	require.Empty(t, r.control.Image().Topic("a").Config)
	require.NotEqualValues(t, 12345678, replica.Log().Config().SegmentBytes)

	broker := image.Entity{Type: image.BrokerEntity, Name: "0"}
	r.control.SetConfig(broker, map[string]string{"k": "v"})
	require.Equal(t, "v", r.control.Image().Config(broker)["k"])
	r.control.SetConfig(broker, nil)
	require.Nil(t, r.control.Image().Config(broker))
}

// TestWithoutTheTree no role is taken, for nobody knows how the log is to be
// kept; the picture is shown. Once the tree is there, its configuration counts.
func TestWithoutTheTree(t *testing.T) {
	r := newRig(t)
	r.configs = map[string]map[string]string{"a": {"big": "yes"}}
	r.noTree = tree.ErrExpired
	require.Equal(t, kerr.UnknownServerError.Code, r.order(role{topic: "a", id: idA}))
	require.Empty(t, r.set.All())
	r.tell(t, metadata([]int32{0}, told("a", idA, 0, 0)))
	require.Empty(t, r.control.Image().Topic("a").Config)
	r.noTree = nil
	require.Zero(t, r.order(role{topic: "a", id: idA}))
	require.Equal(t, "yes", r.control.Image().Topic("a").Config["big"])
}
