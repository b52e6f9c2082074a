package client

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Move gives a partition its replicas, the preferred leader first. The JSON is
// that of Kafka's reassignment files.
type Move struct {
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Replicas  []int32 `json:"replicas"`
}

// Moving is a partition whose replicas are changing.
type Moving struct {
	Topic     string  `json:"topic"`
	Partition int32   `json:"partition"`
	Replicas  []int32 `json:"replicas"`
	Adding    []int32 `json:"adding"`
	Removing  []int32 `json:"removing"`
	// Bytes the replicas to be added need, and how many they have.
	Bytes int64 `json:"bytes"`
	Done  int64 `json:"done"`
}

// Reassign starts moves. A partition that has these replicas already stays.
func (a *Admin) Reassign(ctx context.Context, moves []Move) error {
	req := make(kadm.AlterPartitionAssignmentsReq)
	for _, m := range moves {
		req.Assign(m.Topic, m.Partition, m.Replicas)
	}
	return a.reassign(ctx, "reassign", req)
}

// CancelReassign stops moves and gives the partitions back the replicas they
// had. One that does not move is no error.
func (a *Admin) CancelReassign(ctx context.Context, moving []Moving) error {
	req := make(kadm.AlterPartitionAssignmentsReq)
	for _, m := range moving {
		req.CancelAssign(m.Topic, m.Partition)
	}
	return a.reassign(ctx, "cancel the reassignment of", req)
}

func (a *Admin) reassign(ctx context.Context, op string, req kadm.AlterPartitionAssignmentsReq) error {
	answers, err := a.kadm.AlterPartitionAssignments(ctx, req)
	if err != nil {
		return a.config.wrap(op+" partitions", err)
	}
	var errs []error
	for _, r := range answers.Sorted() {
		if err := withMessage(r.Err, r.ErrMessage); err != nil && !errors.Is(err, kerr.NoReassignmentInProgress) {
			errs = append(errs, a.config.wrap(fmt.Sprintf("%s %s-%d", op, r.Topic, r.Partition), err))
		}
	}
	return errors.Join(errs...)
}

// Reassignments lists the partitions whose replicas are changing, with how far
// they are.
func (a *Admin) Reassignments(ctx context.Context) ([]Moving, error) {
	const op = "list reassignments"
	req := kmsg.NewPtrListPartitionReassignmentsRequest()
	resp, err := req.RequestWith(ctx, a.kgo)
	if err == nil {
		err = kerr.ErrorForCode(resp.ErrorCode)
	}
	if err != nil {
		return nil, a.config.wrap(op, err)
	}
	moving := []Moving{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			moving = append(moving, Moving{Topic: t.Topic, Partition: p.Partition, Replicas: p.Replicas, Adding: p.AddingReplicas, Removing: p.RemovingReplicas})
		}
	}
	slices.SortFunc(moving, func(a, b Moving) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	if len(moving) == 0 {
		return moving, nil
	}
	return moving, a.config.wrap(op, a.measure(ctx, moving))
}

// measure asks the brokers how large the replicas of the partitions are.
func (a *Admin) measure(ctx context.Context, moving []Moving) error {
	set := make(kadm.TopicsSet)
	for _, m := range moving {
		set.Add(m.Topic, m.Partition)
	}
	all, err := a.kadm.DescribeAllLogDirs(ctx, set)
	if err != nil && len(all) == 0 {
		return err
	}
	for i := range moving {
		m := &moving[i]
		sizes := make(map[int32]int64)
		for broker, dirs := range all {
			for _, dir := range dirs {
				if p, ok := dir.Topics[m.Topic][m.Partition]; ok && !p.IsFuture {
					sizes[broker] = p.Size
				}
			}
		}
		var whole int64
		for broker, size := range sizes {
			if !slices.Contains(m.Adding, broker) {
				whole = max(whole, size)
			}
		}
		for _, broker := range m.Adding {
			m.Bytes += whole
			m.Done += min(sizes[broker], whole)
		}
	}
	return nil
}

// The settings that slow replication down.
const (
	leaderRate       = "leader.replication.throttled.rate"
	followerRate     = "follower.replication.throttled.rate"
	leaderReplicas   = "leader.replication.throttled.replicas"
	followerReplicas = "follower.replication.throttled.replicas"
)

// Throttle bounds what the moves may copy, in bytes per second for each broker:
// the rate is set on every broker, and the replicas that copy on the topics.
func (a *Admin) Throttle(ctx context.Context, moving []Moving, rate int64) error {
	from, to := make(map[string]string), make(map[string]string)
	for _, m := range moving {
		for _, broker := range m.Replicas {
			list := from
			if slices.Contains(m.Adding, broker) {
				list = to
			}
			if list[m.Topic] != "" {
				list[m.Topic] += ","
			}
			list[m.Topic] += fmt.Sprintf("%d:%d", m.Partition, broker)
		}
	}
	topics := make(map[string]bool)
	for _, m := range moving {
		topics[m.Topic] = true
	}
	for _, topic := range slices.Sorted(maps.Keys(topics)) {
		set := map[string]string{leaderReplicas: from[topic], followerReplicas: to[topic]}
		maps.DeleteFunc(set, func(_, list string) bool { return list == "" })
		if err := a.AlterTopic(ctx, topic, set, nil); err != nil {
			return err
		}
	}
	text := fmt.Sprint(rate)
	return a.alterBrokers(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: leaderRate, Value: &text}, {Op: kadm.SetConfig, Name: followerRate, Value: &text}})
}

// Unthrottle takes back what Throttle has set, on all brokers and topics. It
// tells whether there was anything.
func (a *Admin) Unthrottle(ctx context.Context) (bool, error) {
	details, err := a.kadm.ListTopicsWithInternal(ctx)
	if err != nil {
		return false, a.config.wrap("remove throttles", err)
	}
	found := false
	if names := details.Names(); len(names) > 0 {
		configs, err := a.kadm.DescribeTopicConfigs(ctx, names...)
		if err != nil {
			return false, a.config.wrap("remove throttles", err)
		}
		for _, r := range configs {
			var set []string
			for _, c := range r.Configs {
				if (c.Key == leaderReplicas || c.Key == followerReplicas) && source(c) == "dynamic-topic" {
					set = append(set, c.Key)
				}
			}
			if len(set) == 0 {
				continue
			}
			found = true
			if err := a.AlterTopic(ctx, r.Name, nil, set); err != nil {
				return found, err
			}
		}
	}
	if !found {
		return false, nil
	}
	return true, a.alterBrokers(ctx, []kadm.AlterConfig{{Op: kadm.DeleteConfig, Name: leaderRate}, {Op: kadm.DeleteConfig, Name: followerRate}})
}

// alterBrokers changes a dynamic config of every broker that is alive.
func (a *Admin) alterBrokers(ctx context.Context, changes []kadm.AlterConfig) error {
	const op = "throttle the brokers"
	m, err := a.kadm.BrokerMetadata(ctx)
	if err != nil {
		return a.config.wrap(op, err)
	}
	answers, err := a.kadm.AlterBrokerConfigs(ctx, changes, m.Brokers.NodeIDs()...)
	if err != nil {
		return a.config.wrap(op, err)
	}
	for _, r := range answers {
		if err := withMessage(r.Err, r.ErrMessage); err != nil {
			return a.config.wrap(fmt.Sprintf("throttle broker %s", r.Name), err)
		}
	}
	return nil
}
