package controller

import (
	"context"
	"errors"
	"fmt"
	"math"

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

// AllocateProducerIDs takes the next block of producer ids (KIP-730): count ids
// from first on, which no broker of the cluster was or will be given.
func (c *Controller) AllocateProducerIDs(ctx context.Context) (first, count int64, err error) {
	var given int64
	_, err = c.ask(ctx, &call{inTerm: func(t *term) (plan.Step, error) {
		b := &t.producers
		if err := t.readBlocks(); err != nil {
			return plan.Step{}, err
		}
		given = b.next
		if given > math.MaxInt64-blockSize {
			return plan.Step{}, errors.New("no producer ids are left")
		}
		node := znode.EncodeProducerIDs(znode.ProducerIDs{Broker: c.o.BrokerID, First: given, Last: given + blockSize - 1})
		step := plan.Step{Writes: []tree.Op{tree.Set(znode.ProducerIDPath, node, b.version)}}
		b.next += blockSize
		b.version++
		return step, nil
	}})
	return given, blockSize, err
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
