package controller

import (
	"errors"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// Answered takes a broker's answer to a request of this controller. It does not
// block.
func (c *Controller) Answered(broker int32, req kmsg.Request, resp kmsg.Response) {
	if t := c.term.Load(); t != nil {
		t.inbox.put(event{kind: answered, broker: broker, req: req, resp: resp})
	}
}

// hear decides about an answer.
func (t *term) hear(e *event) error {
	switch q := e.req.(type) {
	case *kmsg.LeaderAndISRRequest:
		if a, ok := e.resp.(*kmsg.LeaderAndISRResponse); ok && t.current(e.broker, q.ControllerEpoch, q.BrokerEpoch) {
			return t.hearRoles(e.broker, a)
		}
	case *kmsg.StopReplicaRequest:
		if a, ok := e.resp.(*kmsg.StopReplicaResponse); ok && t.current(e.broker, q.ControllerEpoch, q.BrokerEpoch) {
			return t.hearStops(e.broker, q, a)
		}
	case *kmsg.UpdateMetadataRequest:
		if a, ok := e.resp.(*kmsg.UpdateMetadataResponse); ok && a.ErrorCode != 0 {
			t.refused(e.broker, "UpdateMetadata", a.ErrorCode)
		}
	}
	return nil
}

// current says whether a request was sent in this term, to the broker's present
// registration.
func (t *term) current(broker, controllerEpoch int32, brokerEpoch int64) bool {
	b, ok := t.im.Broker(broker)
	return ok && controllerEpoch == t.epoch && (brokerEpoch == -1 || brokerEpoch == b.Epoch)
}

// refused reports a request that a broker did not obey at all. One that has
// heard of a later controller makes this one look whether it is still in office.
func (t *term) refused(broker int32, what string, code int16) {
	err := kerr.ErrorForCode(code)
	t.c.o.Logger.Warn("broker refuses a request", "broker", broker, "request", what, "error", err)
	if errors.Is(err, kerr.StaleControllerEpoch) {
		t.inbox.put(event{kind: officeChanged})
	}
}

// hearRoles learns which replicas a broker could not take up, whatever the cause:
// others lead what it was to lead, and it is asked again later; and which it has
// again.
func (t *term) hearRoles(broker int32, a *kmsg.LeaderAndISRResponse) error {
	if a.ErrorCode != 0 {
		t.refused(broker, "LeaderAndIsr", a.ErrorCode)
		return nil
	}
	var failed, back, doubtful []plan.Ref
	lacking := 0 // of which it was known
	hear := func(name string, partition int32, code int16) {
		ref := plan.Ref{Topic: name, Partition: partition}
		p := t.im.Partition(name, partition)
		if p == nil {
			return
		}
		offline := slices.Contains(p.Offline, broker)
		switch {
		case code == 0 && offline:
			back = append(back, ref)
		case code == kerr.StaleControllerEpoch.Code && offline: // has it heard this before, or stopped since?
			doubtful = append(doubtful, ref)
		case code == 0 || code == kerr.StaleControllerEpoch.Code: // it has the role, or a later one
		case offline:
			lacking++
		default:
			failed = append(failed, ref)
			t.c.o.Logger.Error("order cannot be obeyed", "broker", broker, "topic", name, "partition", partition,
				"error", kerr.ErrorForCode(code))
		}
	}
	for _, p := range a.Partitions {
		hear(p.Topic, p.Partition, p.ErrorCode)
	}
	for _, rt := range a.Topics {
		if known := t.im.TopicByID(topic.ID(rt.TopicID)); known != nil {
			for _, p := range rt.Partitions {
				hear(known.Name, p.Partition, p.ErrorCode)
			}
		}
	}
	if lacking > 0 {
		t.c.o.Logger.Warn("replicas still cannot be had", "broker", broker, "replicas", lacking)
	}
	if len(failed)+lacking > 0 {
		t.retryLater(broker)
	}
	if len(failed) > 0 {
		err := t.decide(func(im *image.Image, s plan.Settings) plan.Step { return plan.ReplicasFailed(im, broker, failed, s) })
		if err != nil {
			return err
		}
	}
	if len(back)+len(doubtful) == 0 {
		return nil
	}
	return t.welcomeBack(broker, back, doubtful)
}

// hearStops learns which replicas a broker has deleted.
func (t *term) hearStops(broker int32, q *kmsg.StopReplicaRequest, a *kmsg.StopReplicaResponse) error {
	if a.ErrorCode != 0 {
		t.refused(broker, "StopReplica", a.ErrorCode)
		return nil
	}
	asked := map[plan.Ref]bool{}
	for i := range q.Topics {
		for _, p := range q.Topics[i].PartitionStates {
			asked[plan.Ref{Topic: q.Topics[i].Topic, Partition: p.Partition}] = p.Delete
		}
	}
	var refs []plan.Ref
	var errs []error
	var stuck []string
	for _, p := range a.Partitions {
		ref := plan.Ref{Topic: p.Topic, Partition: p.Partition}
		if !asked[ref] {
			continue
		}
		err := kerr.ErrorForCode(p.ErrorCode)
		refs, errs = append(refs, ref), append(errs, err)
		if err != nil {
			t.c.o.Logger.Error("replica cannot be deleted; its topic stays marked", "broker", broker,
				"topic", p.Topic, "partition", p.Partition, "error", err)
			stuck = append(stuck, p.Topic)
		}
	}
	var done []string
	err := t.decide(func(im *image.Image, _ plan.Settings) plan.Step {
		var step plan.Step
		step, done = plan.ReplicasDeleted(im, broker, refs, errs)
		return step
	})
	if err != nil {
		return err
	}
	for _, name := range stuck { // after what is left is shown
		t.settled(name, ErrPending)
	}
	return t.forget(done)
}
