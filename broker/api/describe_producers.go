package api

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/log/producer"
	"github.com/leatmq/leat/partition/topic"
)

// describeProducers answers DescribeProducers (61): the idempotent and
// transactional producers that a partition remembers (KIP-664).
func (a *API) describeProducers(_ context.Context, _ *server.Request, q *kmsg.DescribeProducersRequest) (*kmsg.DescribeProducersResponse, error) {
	out := kmsg.NewPtrDescribeProducersResponse()
	for i := range q.Topics {
		t := &q.Topics[i]
		row := kmsg.NewDescribeProducersResponseTopic()
		row.Topic = t.Topic
		for _, index := range t.Partitions {
			row.Partitions = append(row.Partitions, a.producersOf(t.Topic, index))
		}
		out.Topics = append(out.Topics, row)
	}
	return out, nil
}

func (a *API) producersOf(name string, index int32) kmsg.DescribeProducersResponseTopicPartition {
	row := kmsg.NewDescribeProducersResponseTopicPartition()
	row.Partition = index
	states, err := a.producerStates(name, index)
	if err != nil {
		row.ErrorCode = codeOf(err)
		return row
	}
	for _, s := range states {
		p := kmsg.NewDescribeProducersResponseTopicPartitionActiveProducer()
		p.ProducerID, p.ProducerEpoch = s.ProducerID, int32(s.Epoch)
		p.LastSequence, p.LastTimestamp = s.LastSequence, s.LastTimestamp
		p.CoordinatorEpoch, p.CurrentTxnStartOffset = s.CoordinatorEpoch, s.TxnFirstOffset
		row.ActiveProducers = append(row.ActiveProducers, p)
	}
	return row
}

func (a *API) producerStates(name string, index int32) ([]producer.State, error) {
	if err := topic.Validate(name); err != nil {
		return nil, err
	}
	replica, err := a.find([]byte(name), noID, index)
	if err != nil {
		return nil, err
	}
	leader, err := replica.Leader(-1)
	if err != nil {
		return nil, err
	}
	return leader.Log().Producers(), nil
}
