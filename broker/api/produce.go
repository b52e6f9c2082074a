package api

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/topic"
)

// What is wrong with a Produce before any log is asked.
var (
	errAcks            = errors.New("acks must be -1, 0 or 1")
	errTimedOut        = errors.New("not committed in time")
	errInternalTopic   = errors.New("clients may not write internal topics")
	errNoRecords       = errors.New("no records")
	errTransactionalID = errors.New("transactional records without the right to their transactional id")
	errEmptyTxnID      = errors.New("empty transactional id")
	errProducerID      = errors.New("producer id does not belong to the transactional id")
)

// adminClient is the client id that may write internal topics, as Kafka's own
// old tools did.
const adminClient = "__admin_client"

// produce answers Produce (0): it appends each partition's records to its log.
//
//	v0-1  message sets of magic 0 and 1, converted on the way in
//	v2    magic 1 has timestamps; the answer has the log append time
//	v3    exactly one batch of magic 2 per partition; transactional ids
//	v7    zstd is allowed
//	v5, v8, v9, v10: see produceCall.encode
//
// acks=0 has no answer, and whatever goes wrong closes the connection. acks=1
// and -1 are answered once the records are committed; where a topic wants them
// on disk first, the answer is parked until the sync that all waiting producers
// share. Of a partition that is listed twice the last records count.
//
// Where Kafka never answers a record set that is null and blocks the
// connection, this broker answers INVALID_RECORD.
func (a *API) produce(_ context.Context, r *server.Request, w *server.Response) server.Outcome {
	c := a.produceCalls.Get().(*produceCall)
	defer func() {
		if c != nil {
			c.reset()
			a.produceCalls.Put(c)
		}
	}()
	if err := c.decode(r.Body, r.Version); err != nil {
		return r.Untrusted(err)
	}
	a.resolveParts(c, r)
	for i := range c.parts {
		a.appendPart(&c.parts[i], c)
	}
	a.countProduced(c)
	if c.acks == 0 {
		return acknowledgeNothing(c, r)
	}
	a.hintLeaders(c, r)
	if c.waits() {
		a.parkProduce(c, r)
		c = nil // the parked answer's now
		return server.Parked
	}
	w.Buf = c.encode(w.Buf)
	return server.Answered
}

// acknowledgeNothing ends a request with acks=0: there is no answer in which an
// error could be told.
func acknowledgeNothing(c *produceCall, r *server.Request) server.Outcome {
	for i := range c.parts {
		p := &c.parts[i]
		if p.code != 0 {
			return r.Untrusted(fmt.Errorf("acks=0, and %s-%d failed: %w", p.topic, p.index, kerr.ErrorForCode(p.code)))
		}
	}
	return server.NoAnswer
}

// resolveParts finds the leader of each partition, and refuses what can be
// refused without asking a log, in Kafka's order.
func (a *API) resolveParts(c *produceCall, r *server.Request) {
	refused := c.refusesTransactions()
	for i := range c.parts {
		p := &c.parts[i]
		p.baseOffset, p.appendTime, p.logStart = -1, -1, -1
		if refused != nil {
			p.refuse(refused)
			continue
		}
		p.replica, p.leader = nil, nil
		switch err := a.findLeader(p); {
		case err != nil && codeOf(err) == kerr.UnknownTopicOrPartition.Code:
			p.refuse(err)
		case c.transactional && isTransactional(p.records):
			p.refuse(c.unknownTransaction())
		case p.records == nil:
			p.refuse(errNoRecords)
		case c.acks < -1 || c.acks > 1:
			p.refuse(errAcks)
		case isInternal(p.topic) && r.ClientID != adminClient:
			p.refuse(errInternalTopic)
		case err != nil:
			p.refuse(err)
		}
	}
	c.skipDuplicates()
}

// findLeader finds who leads the part's partition.
func (a *API) findLeader(p *producePart) error {
	replica, err := a.Partitions.Find(p.topic, p.index)
	if err != nil {
		return a.notHere(p.topic, p.index)
	}
	p.replica = replica
	p.leader, err = replica.Leader(-1)
	return err
}

// notHere says why a partition that this broker has no replica of cannot be
// used: it does not exist, or others have it, or nobody has told yet.
func (a *API) notHere(name []byte, index int32) error {
	if !a.uninformed() && a.Image().Partition(string(name), index) == nil {
		return partition.ErrUnknown
	}
	return partition.ErrNotLeader
}

// appendPart appends one partition's records, unless it is refused already.
func (a *API) appendPart(p *producePart, c *produceCall) {
	if p.code != 0 || p.skip {
		return
	}
	done, err := p.leader.Append(p.records, partition.AppendOptions{
		ProduceVersion: c.version,
		Acks:           c.acks,
		Origin:         log.Client,
	})
	if err != nil {
		p.refused(err)
		return
	}
	p.baseOffset, p.appendTime, p.logStart = done.BaseOffset, done.LogAppendTime, done.StartOffset
	p.wait = done.Committed
	if !done.Duplicate {
		p.appended, p.bytes = int(done.LastOffset-done.BaseOffset+1), done.Bytes
	}
}

// refuse makes the row an error of a partition whose log was not asked.
func (p *producePart) refuse(err error) { p.code = codeOf(err) }

// refused makes the row what the log has refused.
func (p *producePart) refused(err error) {
	p.refuse(err)
	var bad *record.Error
	if errors.As(err, &bad) {
		p.faults = bad.Records
		if bad.Message != "" {
			p.message = &bad.Message
		}
	}
	if (bad == nil || !bad.Early) && keepsLogStart(p.code) {
		p.logStart = p.leader.Log().StartOffset()
	}
}

// keepsLogStart says whether Kafka tells where the log starts beside a code with
// which the log has refused records.
func keepsLogStart(code int16) bool {
	switch code {
	case kerr.CorruptMessage.Code, kerr.MessageTooLarge.Code, kerr.RecordListTooLarge.Code,
		kerr.NotLeaderForPartition.Code, kerr.KafkaStorageError.Code, kerr.NotEnoughReplicas.Code:
		return false
	}
	return true
}

// skipDuplicates leaves only the last of several parts for one partition.
func (c *produceCall) skipDuplicates() {
	if len(c.parts) < 2 {
		return
	}
	if c.seen == nil {
		c.seen = make(map[*partition.Replica]int, len(c.parts))
	}
	for i := range c.parts {
		replica := c.parts[i].replica
		if replica == nil {
			continue
		}
		if earlier, ok := c.seen[replica]; ok {
			c.parts[earlier].skip = true
		}
		c.seen[replica] = i
	}
}

// isInternal says whether the topic is one of Kafka's own.
func isInternal(name []byte) bool {
	return string(name) == topic.ConsumerOffsets || string(name) == topic.TransactionState
}

// isTransactional says whether the first batch of a set belongs to a
// transaction. Only batches of magic 2 can.
func isTransactional(set []byte) bool {
	const magic, attributes, header = 16, 21, 61
	if len(set) < header || set[magic] != 2 {
		return false
	}
	return binary.BigEndian.Uint16(set[attributes:])&(1<<4) != 0
}

// refusesTransactions says whether the whole request is refused because it has
// transactional records and names no transaction.
func (c *produceCall) refusesTransactions() error {
	if c.transactional {
		return nil
	}
	for i := range c.parts {
		if isTransactional(c.parts[i].records) {
			return errTransactionalID
		}
	}
	return nil
}

// unknownTransaction is why transactional records of a transaction that no
// coordinator knows are refused.
func (c *produceCall) unknownTransaction() error {
	if len(c.transactionID) == 0 {
		return errEmptyTxnID
	}
	return errProducerID
}
