package controller_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/replication/plan"
)

// TestReplicaThatComesAndGoes: a broker that can have a replica, but not lead it,
// is not given the lead again and again at once: each attempt costs an epoch.
func TestReplicaThatComesAndGoes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t, 1)
		b := c.brokers[0]
		ref := plan.Ref{Topic: "t"}
		led := make(chan time.Time, 1000)
		b.mu.Lock()
		b.code, b.cannotLead = kerr.KafkaStorageError.Code, func(r plan.Ref) bool {
			if r == ref {
				led <- time.Now()
			}
			return r == ref
		}
		b.mu.Unlock()
		c.create("t", []int32{0})
		<-led
		second := <-led
		require.Greater(t, (<-led).Sub(second), 1500*time.Millisecond)

		b.mu.Lock()
		b.cannotLead = nil
		b.mu.Unlock()
		c.leads(0, "t", 0)
	})
}
