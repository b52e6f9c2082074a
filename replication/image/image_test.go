package image_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
)

func TestEmpty(t *testing.T) {
	im := image.Empty()
	require.Equal(t, image.NoBroker, im.Controller)
	require.Nil(t, im.Topic("t"))
	require.Nil(t, im.TopicByID(topic.ID{1}))
	require.Nil(t, im.Partition("t", 0))
	require.False(t, im.Deleting("t"))
	_, ok := im.Broker(0)
	require.False(t, ok)
	require.Empty(t, im.Topics())
	require.Nil(t, im.Config(image.Entity{Type: image.BrokerEntity, Name: "0"}))
}

// TestAgainstMap makes random changes: lookups by name and by id, and the order
// of the list, are those of a plain map; older pictures do not change.
func TestAgainstMap(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		im := image.Empty()
		model := map[string]*image.Topic{}
		next := byte(0)
		for range rapid.IntRange(1, 8).Draw(r, "steps") {
			before, was := im, maps.Clone(model)
			changes := map[string]*image.Topic{}
			for _, name := range rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 1, 4).Draw(r, "names") {
				if rapid.Bool().Draw(r, "remove") {
					changes[name] = nil
					continue
				}
				next++
				changes[name] = &image.Topic{Name: name, ID: topic.ID{next * 37, next}}
			}
			for name, tp := range changes {
				if model[name] = tp; tp == nil {
					delete(model, name)
				}
			}
			im = im.With(image.Changes{Topics: changes})
			check(r, im, model)
			check(r, before, was)
		}
	})
}

func check(t require.TestingT, im *image.Image, model map[string]*image.Topic) {
	var names []string
	for _, tp := range im.Topics() {
		names = append(names, tp.Name)
	}
	require.Equal(t, slices.Sorted(maps.Keys(model)), names)
	for name, tp := range model {
		require.Same(t, tp, im.Topic(name))
		require.Same(t, tp, im.TopicByID(tp.ID))
	}
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		if _, there := model[name]; !there {
			require.Nil(t, im.Topic(name))
		}
	}
}

func TestSameIDReplaced(t *testing.T) {
	id := topic.ID{9}
	im := image.Empty().With(image.Changes{Topics: map[string]*image.Topic{"t": {Name: "t", ID: id}}})
	grown := &image.Topic{Name: "t", ID: id, Partitions: make([]image.Partition, 2)}
	im = im.With(image.Changes{Topics: map[string]*image.Topic{"t": grown}})
	require.Same(t, grown, im.TopicByID(id))
	require.Len(t, im.Topics(), 1)
	require.NotNil(t, im.Partition("t", 1))
	require.Nil(t, im.Partition("t", 2))
	require.Nil(t, im.Partition("t", -1))
	im = im.With(image.Changes{Topics: map[string]*image.Topic{"t": {Name: "t"}}})
	require.Nil(t, im.TopicByID(id), "an id that the topic no longer has")
}

func TestBrokersAndConfigs(t *testing.T) {
	im := image.Empty().With(image.Changes{Brokers: []image.Broker{
		{ID: 2}, {ID: 0, Endpoints: []image.Endpoint{{Listener: "A", Host: "h", Port: 1}}}, {ID: 1},
	}})
	require.Equal(t, []int32{0, 1, 2}, []int32{im.Brokers()[0].ID, im.Brokers()[1].ID, im.Brokers()[2].ID})
	b, ok := im.Broker(0)
	require.True(t, ok)
	e, ok := b.Endpoint("A")
	require.True(t, ok)
	require.Equal(t, "h", e.Host)
	_, ok = b.Endpoint("B")
	require.False(t, ok)

	one := image.Entity{Type: image.BrokerEntity, Name: "1"}
	all := image.Entity{Type: image.BrokerEntity, Name: image.DefaultName}
	im = im.With(image.Changes{Configs: map[image.Entity]map[string]string{one: {"a": "b"}, all: {"c": "d"}}})
	require.Equal(t, "b", im.Config(one)["a"])
	require.Equal(t, []image.Entity{one, all}, im.Entities(image.BrokerEntity))
	next := im.With(image.Changes{Configs: map[image.Entity]map[string]string{one: nil}})
	require.Nil(t, next.Config(one))
	require.NotNil(t, im.Config(one))

	im = im.With(image.Changes{Topics: map[string]*image.Topic{"t": {Name: "t", Config: map[string]string{"k": "v"}}}})
	require.Equal(t, "v", im.Config(image.Entity{Type: image.TopicEntity, Name: "t"})["k"])
}

func TestDeleting(t *testing.T) {
	im := image.Empty().With(image.Changes{Deleting: map[string]bool{"b": true, "a": true}})
	require.True(t, im.Deleting("a"))
	require.Equal(t, []string{"a", "b"}, im.DeletingTopics())
	im = im.With(image.Changes{Deleting: map[string]bool{"a": false}})
	require.Equal(t, []string{"b"}, im.DeletingTopics())
}

func TestEntityPath(t *testing.T) {
	for _, path := range []string{"topics/t", "brokers/0", "brokers/<default>", "users/u/clients/c", "clients/x", "ips/1.2.3.4"} {
		e, ok := image.EntityOf(path)
		require.True(t, ok, path)
		require.Equal(t, path, e.Path())
	}
	for _, path := range []string{"", "topics", "topics/", "other/x"} {
		_, ok := image.EntityOf(path)
		require.False(t, ok, path)
	}
}

func TestLookupAllocatesNothing(t *testing.T) {
	topics := map[string]*image.Topic{}
	for i := range 1000 {
		name := fmt.Sprintf("topic-%d", i)
		topics[name] = &image.Topic{Name: name, ID: topic.ID{byte(i), byte(i >> 8), 1}, Partitions: make([]image.Partition, 1)}
	}
	im := image.Empty().With(image.Changes{Topics: topics})
	id := topics["topic-77"].ID
	require.Zero(t, testing.AllocsPerRun(100, func() {
		if im.Topic("topic-500") == nil || im.TopicByID(id) == nil || im.Partition("topic-3", 0) == nil {
			t.Error("lost a topic")
		}
	}))
}
