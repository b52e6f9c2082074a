package plan_test

import (
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// node is a node of the tree of a test.
type node struct {
	data    string
	version int32
	born    int64 // what made it: the czxid
}

// nodes is a tree by path.
type nodes map[string]node

// recording reads testdata/kafka.txt: what a cluster of three Kafka 3.9.2 had
// in its tree after each of a series of events, as differences. The result are
// the trees, by the name of the event.
func recording(t *testing.T) (names []string, trees map[string]nodes) {
	t.Helper()
	text, err := os.ReadFile("testdata/kafka.txt")
	require.NoError(t, err)
	trees = map[string]nodes{}
	now := nodes{}
	path := ""
	for _, line := range strings.Split(string(text), "\n") {
		mark, rest, _ := strings.Cut(line, " ")
		switch mark {
		case "=====":
			if len(names) > 0 {
				trees[names[len(names)-1]] = maps.Clone(now)
			}
			names = append(names, rest)
		case "+":
			path, rest, _ = strings.Cut(rest, " ")
			data := strings.TrimSpace(strings.TrimPrefix(rest, "(ephemeral)"))
			if data == "None" {
				data = ""
			}
			now[path] = node{data: data, born: int64(len(names))}
		case "-":
			delete(now, rest)
		case "~":
			path, rest, _ = strings.Cut(rest, " ")
			n := now[path]
			_, version, _ := strings.Cut(rest, "-> ")
			version, _, _ = strings.Cut(version, ",")
			number, err := strconv.Atoi(version)
			require.NoError(t, err, line)
			n.version = int32(number)
			now[path] = n
		default:
			if data, ok := strings.CutPrefix(line, "    now "); ok {
				n := now[path]
				n.data = data
				now[path] = n
			}
		}
	}
	trees[names[len(names)-1]] = now
	return names, trees
}

// write carries a step's writes out, holding them to their conditions.
func (n nodes) write(t require.TestingT, ops []tree.Op) {
	for _, op := range ops {
		have, there := n[op.Path]
		switch op.Kind {
		case tree.OpCreate:
			require.False(t, there, "%s exists", op.Path)
			n[op.Path] = node{data: string(op.Data)}
		case tree.OpSet:
			require.True(t, there, "%s does not exist", op.Path)
			if op.Version != tree.AnyVersion {
				require.Equal(t, have.version, op.Version, op.Path)
			}
			n[op.Path] = node{data: string(op.Data), version: have.version + 1, born: have.born}
		case tree.OpDelete:
			require.True(t, there, "%s does not exist", op.Path)
			delete(n, op.Path)
		}
	}
}

// below lists the paths below a folder, without it.
func (n nodes) below(folder string) []string {
	var out []string
	for path := range n {
		if strings.HasPrefix(path, folder+"/") {
			out = append(out, path)
		}
	}
	slices.Sort(out)
	return out
}

// brokers are those that are registered.
func (n nodes) brokers(t *testing.T) []image.Broker {
	out := []image.Broker{}
	for _, path := range n.below(znode.BrokerIDs) {
		b, err := znode.DecodeBroker([]byte(n[path].data))
		require.NoError(t, err)
		id, err := strconv.Atoi(strings.TrimPrefix(path, znode.BrokerIDs+"/"))
		require.NoError(t, err)
		out = append(out, image.Broker{ID: int32(id), Epoch: n[path].born, Rack: b.Rack, Endpoints: b.Endpoints})
	}
	return out
}

// topics are all that have a node.
func (n nodes) topics(t *testing.T) map[string]*image.Topic {
	out := map[string]*image.Topic{}
	for _, path := range n.below(znode.Topics) {
		name := strings.TrimPrefix(path, znode.Topics+"/")
		if strings.Contains(name, "/") {
			continue
		}
		z, err := znode.DecodeTopic([]byte(n[path].data))
		require.NoError(t, err)
		f := plan.FoundTopic{Name: name, Node: z, Version: n[path].version, States: map[int32]plan.FoundState{}}
		for p := range z.Partitions {
			if state, ok := n[znode.StatePath(name, int32(p))]; ok {
				s, err := znode.DecodeState([]byte(state.data))
				require.NoError(t, err)
				f.States[int32(p)] = plan.FoundState{State: s, Version: state.version}
			}
		}
		out[name] = plan.Topic(f)
	}
	return out
}

// picture is the picture that the tree gives.
func (n nodes) picture(t *testing.T) *image.Image {
	epoch, err := strconv.Atoi(n[znode.ControllerEpoch].data)
	require.NoError(t, err)
	number := int32(epoch)
	return image.Empty().With(image.Changes{ControllerEpoch: &number, Brokers: n.brokers(t), Topics: n.topics(t)})
}
