package controller

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// blockSize is how many producer ids are given out at once.
const blockSize = 1000

// producerBlocks is what the controller knows of the block given last. It is
// read from the tree once, and again after a write has failed.
type producerBlocks struct {
	known   bool
	next    int64 // first id of the next block
	version int32 // of the node
}

// AllocateProducerIDs takes the next block of producer ids (KIP-730) for this
// broker: count ids from first on, which no broker of the cluster was or will be
// given.
func (c *Controller) AllocateProducerIDs(ctx context.Context) (first, count int64, err error) {
	return c.allocate(ctx, c.o.BrokerID, anyEpoch)
}

// AnswerProducerIDs is AllocateProducerIDs for a broker's request.
func (c *Controller) AnswerProducerIDs(ctx context.Context, q *kmsg.AllocateProducerIDsRequest) *kmsg.AllocateProducerIDsResponse {
	out := kmsg.NewPtrAllocateProducerIDsResponse()
	out.Version = q.Version
	first, count, err := c.allocate(ctx, q.BrokerID, q.BrokerEpoch)
	if err != nil {
		out.ErrorCode = alterCode(err, q.Version)
		return out
	}
	out.ProducerIDStart, out.ProducerIDLen = first, int32(count)
	return out
}

// anyEpoch is a broker epoch that is not checked.
const anyEpoch int64 = -1

func (c *Controller) allocate(ctx context.Context, broker int32, epoch int64) (first, count int64, err error) {
	var given int64
	_, err = c.answerBroker(ctx, &call{inTerm: func(t *term) (plan.Step, error) {
		asker, known := t.im.Broker(broker)
		if !known || epoch != anyEpoch && epoch != asker.Epoch {
			return plan.Step{}, plan.ErrStaleBrokerEpoch
		}
		b := &t.producers
		if err := t.readBlocks(); err != nil {
			return plan.Step{}, err
		}
		given = b.next
		if given > math.MaxInt64-blockSize {
			return plan.Step{}, errors.New("no producer ids are left")
		}
		node := znode.EncodeProducerIDs(znode.ProducerIDs{Broker: broker, First: given, Last: given + blockSize - 1})
		step := plan.Step{Writes: []tree.Op{tree.Set(znode.ProducerIDPath, node, b.version)}}
		b.next += blockSize
		b.version++
		return step, nil
	}})
	if err != nil {
		return 0, 0, err
	}
	return given, blockSize, nil
}

// readBlocks reads the block that was given last.
func (t *term) readBlocks() error {
	if t.producers.known {
		return nil
	}
	n, err := t.tree.Get(znode.ProducerIDPath, nil)
	if err != nil {
		return err
	}
	last, ok, err := znode.DecodeProducerIDs(n.Data)
	if err != nil {
		return fmt.Errorf("%s: %w", znode.ProducerIDPath, err)
	}
	t.producers = producerBlocks{known: true, version: n.Stat.Version}
	if ok {
		t.producers.next = last.Last + 1
	}
	return nil
}
