package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// initProducerID answers InitProducerId (22): an id for a producer that wants
// its retries to be recognised. Each call gets an id that was never given
// before; the epoch begins at 0. Kafka fails the first call after a start with
// COORDINATOR_LOAD_IN_PROGRESS; here it waits the moment that the first block of
// ids takes, and answers so only when the moment gets long.
//
//	v2  flexible
//	v3  the producer may name the id and epoch it has (KIP-360); without a
//	    transactional id that makes no difference
//
// Transactional ids have no coordinator on this broker: UNSUPPORTED_VERSION,
// which ends the producer's attempt at once with a clear message.
func (a *API) initProducerID(ctx context.Context, _ *server.Request, q *kmsg.InitProducerIDRequest) (*kmsg.InitProducerIDResponse, error) {
	out := kmsg.NewPtrInitProducerIDResponse()
	out.ProducerID, out.ProducerEpoch = -1, -1
	if q.TransactionalID != nil {
		out.ErrorCode = a.refuseTransactional(q)
		return out, nil
	}
	if a.Cluster != nil {
		bounded, end := a.impatience.bound(ctx, a.Now)
		defer end()
		ctx = bounded
	}
	id, err := a.producerIDs.next(ctx, a.ProducerIDs)
	if err != nil {
		a.Logger.Warn("no producer ids", "error", err)
		out.ErrorCode = kerr.CoordinatorLoadInProgress.Code // ask again, as Kafka says
		return out, nil
	}
	out.ProducerID, out.ProducerEpoch = id, 0
	return out, nil
}

// refuseTransactional finds what Kafka would find wrong with a transactional
// producer, before it is told that there are no transactions.
func (a *API) refuseTransactional(q *kmsg.InitProducerIDRequest) int16 {
	half := q.Version >= 3 && (q.ProducerID == -1) != (q.ProducerEpoch == -1)
	switch {
	case *q.TransactionalID == "", half:
		return kerr.InvalidRequest.Code
	case q.TransactionTimeoutMillis <= 0, int64(q.TransactionTimeoutMillis) > a.Config.Int64("transaction.max.timeout.ms"):
		return kerr.InvalidTransactionTimeout.Code
	}
	return kerr.UnsupportedVersion.Code
}

// producerIDs gives out the ids of a block, and takes the next block when it is
// used up. The ids of a block that a restart cuts off are never used.
type producerIDs struct {
	turn       chan struct{} // holds one thing; who has it may use the rest
	first, end int64
}

func newProducerIDs() producerIDs {
	p := producerIDs{turn: make(chan struct{}, 1)}
	p.turn <- struct{}{}
	return p
}

// next returns an id that was never given before. The error is allocate's, or
// ctx's.
func (p *producerIDs) next(ctx context.Context, allocate func(context.Context) (first, count int64, err error)) (int64, error) {
	select {
	case <-p.turn:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	defer func() { p.turn <- struct{}{} }()
	if p.first == p.end {
		first, count, err := allocate(ctx)
		if err != nil {
			return 0, err
		}
		p.first, p.end = first, first+count
	}
	id := p.first
	p.first++
	return id, nil
}
