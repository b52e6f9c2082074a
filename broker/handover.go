package broker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// handOver has others lead what this broker leads, and take it out of the
// in-sync sets, before it stops (KIP-29), so that nobody waits for the end of its
// session. Clients are served meanwhile. A broker that is the last one has nobody
// to hand over to.
func (b *Broker) handOver() {
	if !b.clustered() || !b.config.Bool("controlled.shutdown.enable") || len(b.image().Brokers()) < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), b.config.Duration("leat.shutdown.handover.ms"))
	defer cancel()
	for attempt := 1; ; attempt++ {
		err := b.askToLeave(ctx)
		if err == nil {
			return
		}
		b.logger.Warn("the controller has not relieved this broker", "attempt", attempt, "error", err)
		if attempt >= b.config.Int("controlled.shutdown.max.retries") || !pause(ctx, b.config.Duration("controlled.shutdown.retry.backoff.ms")) {
			b.logger.Warn("stopping all the same; what has no other leader gets one when this broker's session has ended, or when it is back")
			return
		}
	}
}

// pause waits, and returns false when ctx ends first.
func pause(ctx context.Context, long time.Duration) bool {
	t := time.NewTimer(long)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// errRemaining means that partitions have no other replica that could lead them.
var errRemaining = errors.New("partitions have no other replica in sync")

// askToLeave asks the controller once.
func (b *Broker) askToLeave(ctx context.Context) error {
	q := kmsg.NewPtrControlledShutdownRequest()
	q.Version, q.BrokerID, q.BrokerEpoch = controlledShutdownVersion, b.state.dirs.BrokerID(), b.epoch()
	got, err := b.state.between.envoy.Ask(ctx, q)
	if err != nil {
		return err
	}
	a, ok := got.(*kmsg.ControlledShutdownResponse)
	if !ok {
		return fmt.Errorf("the answer to ControlledShutdown is a %T", got)
	}
	if err := kerr.ErrorForCode(a.ErrorCode); err != nil {
		return err
	}
	if n := len(a.PartitionsRemaining); n > 0 {
		return fmt.Errorf("%d %w", n, errRemaining)
	}
	return nil
}

// controlledShutdownVersion is the version of ControlledShutdown that brokers
// speak.
const controlledShutdownVersion = 3
