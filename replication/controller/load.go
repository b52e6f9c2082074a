package controller

import (
	"errors"
	"slices"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

func mapped(names []string, f func(string) string) []string {
	out := slices.Clone(names)
	for i, name := range names {
		out[i] = f(name)
	}
	return out
}

// TopicConfigs reads the overrides of all topics, for who must know them before
// a controller runs: the data directories, when they open their logs.
func TopicConfigs(t tree.Tree) (map[string]map[string]string, error) {
	names, _, err := t.Children(znode.Configs+"/topics", nil)
	if errors.Is(err, tree.ErrNoNode) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	nodes, err := t.GetAll(mapped(names, func(name string) string {
		return znode.ConfigPath(image.Entity{Type: image.TopicEntity, Name: name})
	}))
	if err != nil {
		return nil, err
	}
	out := make(map[string]map[string]string, len(names))
	for i, n := range nodes {
		// A broken configuration is reported by the controller, which reads it
		// again.
		if config, err := znode.DecodeConfig(n.Data); err == nil && len(config) > 0 {
			out[names[i]] = config
		}
	}
	return out, nil
}

// ClusterID is member.ClusterID.
func ClusterID(t tree.Tree, given string, random func() [16]byte) (string, error) {
	return member.ClusterID(t, given, random)
}
