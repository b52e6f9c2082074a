package sim

import (
	"errors"
	"time"

	"github.com/leatmq/leat/partition/isr"
	"github.com/leatmq/leat/replication/plan"
)

// fetch is a follower's request, answer what the leader says.
type fetch struct {
	from      int32
	epoch     int32 // of the leader, as the follower knows it
	offset    int64
	lastEpoch int32 // of its last record, -1 if it has none
}

type answer struct {
	ok        bool
	diverging bool
	epoch     int32 // if diverging: where the leader's log of that epoch ends
	end       int64
	records   []line
	high      int64
}

// endOf is where a log's records of an epoch end, or of the last one before it.
func endOf(log []line, epoch int32) (found int32, end int64) {
	found, end = -1, -1
	for i, e := range log {
		if e.epoch > epoch {
			return found, int64(i)
		}
		found, end = e.epoch, int64(i)+1
	}
	return found, end
}

// poll fetches from the leader, again and again.
func (r *replica) poll(epoch int32) {
	if r.epoch != epoch || r.led != nil || r.leader < 0 || !r.exists {
		return
	}
	w, life := r.b.w, r.b.life
	r.asked++
	asked := r.asked
	q := fetch{from: r.b.id, epoch: epoch, offset: int64(len(r.log)), lastEpoch: -1}
	if len(r.log) > 0 {
		q.lastEpoch = r.log[len(r.log)-1].epoch
	}
	leader := w.brokers[r.leader]
	w.send(r.b.id, leader.id, func() {
		a := leader.parts[r.n].serve(q)
		w.send(leader.id, r.b.id, func() {
			if a.ok && r.b.life == life && r.asked == asked && r.epoch == epoch && r.led == nil {
				r.take(q, a)
			}
		})
	})
	r.b.timer(w.between(60*time.Millisecond, 140*time.Millisecond), func() {
		if r.asked == asked {
			r.poll(epoch)
		}
	})
}

// serve answers a follower.
func (r *replica) serve(q fetch) answer {
	bug := r.b.w.bug
	if r.led == nil || q.epoch != r.epoch || !r.led.Assigned(q.from) {
		return answer{}
	}
	if q.lastEpoch >= 0 && bug != noTruncation {
		if epoch, end := endOf(r.log, q.lastEpoch); epoch < q.lastEpoch || end < q.offset {
			return answer{ok: true, diverging: true, epoch: epoch, end: end, high: r.high}
		}
	}
	r.led.Fetched(q.from, isr.Fetch{Offset: q.offset, LeaderEnd: int64(len(r.log))}, r.b.w.now)
	r.raise()
	r.led.Expand(q.from, r.conditions())
	r.propose()
	a := answer{ok: true, high: r.high}
	if q.offset < int64(len(r.log)) {
		a.records = append(a.records, r.log[q.offset:min(q.offset+3, int64(len(r.log)))]...)
	}
	return a
}

// take does with an answer what a follower does.
func (r *replica) take(q fetch, a answer) {
	end := int64(len(r.log))
	if a.diverging {
		to := min(a.end, end)
		if epoch, own := endOf(r.log, a.epoch); epoch >= 0 && epoch != a.epoch {
			to = min(own, end)
		} else if epoch >= 0 {
			to = min(own, to)
		}
		to = max(to, 0)
		r.b.w.tell("broker %d cuts %d from %d to %d", r.b.id, r.n, end, to)
		if to < r.high {
			r.b.w.fail("broker %d cuts %d to %d, below its high watermark %d", r.b.id, r.n, to, r.high)
		}
		r.log = r.log[:to:to]
	} else {
		r.log = append(r.log, a.records...)
	}
	r.high = min(max(r.high, a.high), int64(len(r.log)))
	r.b.w.checker.follows(r)
	if a.diverging || len(a.records) > 0 {
		r.poll(q.epoch)
	}
}

// propose has the controller asked for the in-sync set that is wanted.
func (r *replica) propose() {
	if r.led.Pending().Change != isr.None && !r.asking {
		r.asking = true
		r.ask(r.led)
	}
}

// ask asks the controller until it answers, or the role has changed.
func (r *replica) ask(led *isr.Progress) {
	pending := led.Pending()
	if r.led != led || !r.asking || pending.Change == isr.None {
		return
	}
	w, b := r.b.w, r.b
	ref := w.parts[r.n]
	a := plan.Alteration{Ref: ref, LeaderEpoch: r.epoch, PartitionEpoch: pending.PartitionEpoch, ISR: pending.ISR}
	session := b.session
	if to := w.zk.controller; to >= 0 {
		c := w.brokers[to]
		w.send(b.id, to, func() {
			c.alter(b.id, session, a, func(result plan.AlterResult) {
				w.send(to, b.id, func() {
					if r.led == led {
						r.answered(result)
					}
				})
			})
		})
	}
	b.timer(w.between(200*time.Millisecond, 400*time.Millisecond), func() { r.ask(led) })
}

// answered is what the controller says to a wish.
func (r *replica) answered(result plan.AlterResult) {
	switch {
	case result.Err == nil && result.State.LeaderEpoch == r.epoch && result.State.PartitionEpoch >= r.led.PartitionEpoch():
		r.asking = false
		r.led.CommitISR(result.State.ISR, result.State.PartitionEpoch)
		r.raise()
	case errors.Is(result.Err, plan.ErrIneligibleReplica):
		r.asking = false
		r.led.Revert(r.b.w.now)
	}
}
