package broker_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/broker"
)

// Who would send the others of a cluster to themselves, or cannot be reached by
// them at all, is told so before it registers, and before ZooKeeper is asked.
func TestABrokerOfAClusterMustBeReachable(t *testing.T) {
	for name, c := range map[string]struct {
		set  []string
		want string
	}{
		"listens everywhere": {[]string{"listeners=PLAINTEXT://0.0.0.0:0"}, "advertised.listeners"},
		"both named": {
			[]string{"inter.broker.listener.name=PLAINTEXT", "security.inter.broker.protocol=PLAINTEXT"}, "only one may be",
		},
		"another name":     {[]string{"inter.broker.listener.name=INSIDE"}, "inter.broker.listener.name=INSIDE"},
		"another plane":    {[]string{"control.plane.listener.name=CONTROL"}, "control.plane.listener.name=CONTROL"},
		"another protocol": {[]string{"security.inter.broker.protocol=SSL"}, "security.inter.broker.protocol=SSL"},
	} {
		t.Run(name, func(t *testing.T) {
			set := append([]string{"zookeeper.connect=127.0.0.1:1", "broker.id=1"}, c.set...)
			listen := "127.0.0.1:0"
			if name == "listens everywhere" {
				listen = "0.0.0.0:0"
			}
			b, err := broker.New(broker.Config{DataDir: t.TempDir(), Listen: listen, Set: set})
			require.NoError(t, err)
			require.ErrorContains(t, b.Run(t.Context()), c.want)
		})
	}
}
