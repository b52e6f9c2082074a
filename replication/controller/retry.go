package controller

import (
	"slices"
	"strconv"
	"time"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// The pause before a broker is told again of replicas that it could not have:
// it doubles up to the longest.
const (
	firstRetry   = time.Second
	longestRetry = time.Minute
)

// retry is the next attempt to give a broker the replicas it could not have: its
// disk was full, its descriptors were used up, or it could not read a
// configuration. That may pass without anybody being told; a disk that has failed
// for good gives the same answer once a minute.
//
// It outlives an attempt that succeeds: who can have a replica and not lead it
// would else be given the lead, at two epochs each time, once a second.
type retry struct {
	pause time.Duration // before the attempt that timer is set for
	timer *time.Timer   // nil: none is due
	since time.Time     // of the latest failure
}

// rest calls off the attempt that is due.
func (r *retry) rest() {
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
}

// retryLater sets the time at which a broker is asked again. It does nothing
// while an attempt is due.
func (t *term) retryLater(broker int32) {
	r, now := t.retries[broker], t.c.o.Now()
	switch {
	case r == nil, r.timer == nil && now.Sub(r.since) > r.pause+longestRetry: // all was well meanwhile
		r = &retry{pause: firstRetry}
		t.retries[broker] = r
	case r.timer != nil:
		return
	default:
		r.pause = min(2*r.pause, longestRetry)
	}
	r.since = now
	r.timer = time.AfterFunc(r.pause, func() {
		t.inbox.put(event{kind: retryDue, name: strconv.Itoa(int(broker)), broker: broker})
	})
}

// retryRoles asks a broker again for the replicas it could not have. One that
// has gone will be told everything when it comes back.
func (t *term) retryRoles(broker int32) error {
	r := t.retries[broker]
	if r == nil {
		return nil
	}
	if r.rest(); !t.lacks(broker) {
		return nil
	}
	return t.decide(func(im *image.Image, s plan.Settings) plan.Step { return plan.Retry(im, broker, s) })
}

// welcomeBack takes replicas into account that a broker has again. Those of which
// that is doubtful, for the answer was about an earlier sending, are given anew.
func (t *term) welcomeBack(broker int32, back, doubtful []plan.Ref) error {
	err := t.decide(func(im *image.Image, s plan.Settings) plan.Step {
		return plan.ReplicasBack(im, plan.Returned{Broker: broker, Replicas: back, Doubtful: doubtful}, s)
	})
	if r := t.retries[broker]; err == nil && r != nil && !t.lacks(broker) {
		r.rest()
	}
	return err
}

// forgetRetries drops what is due for brokers that are gone or have come anew.
func (t *term) forgetRetries(brokers ...int32) {
	for _, id := range brokers {
		if r := t.retries[id]; r != nil {
			r.rest()
		}
		delete(t.retries, id)
	}
}

// lacks says whether a live broker lacks replicas that it should have.
func (t *term) lacks(broker int32) bool {
	if _, live := t.im.Broker(broker); !live {
		return false
	}
	return slices.ContainsFunc(t.im.Topics(), func(known *image.Topic) bool {
		return slices.ContainsFunc(known.Partitions, func(p image.Partition) bool { return slices.Contains(p.Offline, broker) })
	})
}
