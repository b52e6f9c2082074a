package sim

import (
	"time"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// fault does something bad, and has the next one follow.
func (w *world) fault() {
	if w.calm {
		return
	}
	b := w.brokers[w.rng.IntN(len(w.brokers))]
	switch w.rng.IntN(12) {
	case 0, 1:
		w.crash(b)
	case 2:
		w.freeze(b)
	case 3, 4:
		other := w.brokers[w.rng.IntN(len(w.brokers))]
		w.sever(b.id, other.id)
	case 5:
		w.sever(b.id, treeID)
	case 6:
		w.zk.end(b.id)
	case 7:
		w.tell("/controller is deleted")
		w.zk.controller = image.NoBroker
		w.zk.changed()
	case 8:
		w.stop(b)
	default:
		w.administer()
	}
	w.after(w.between(300*time.Millisecond, 1500*time.Millisecond), w.fault)
}

// crash ends a broker, and starts it again.
func (w *world) crash(b *broker) {
	if !b.up {
		return
	}
	b.kill()
	life, away := b.life, w.between(50*time.Millisecond, 5*time.Second)
	w.after(away, func() {
		if b.life == life {
			b.start()
		}
	})
}

// freeze stops a broker's clock for a while.
func (w *world) freeze(b *broker) {
	if !b.up || b.paused {
		return
	}
	w.tell("broker %d freezes", b.id)
	b.paused = true
	life := b.life
	w.after(w.between(200*time.Millisecond, 4*time.Second), func() {
		if b.life == life {
			b.resume()
		}
	})
}

// sever cuts a link, in one direction or both, for a while.
func (w *world) sever(a, b int32) {
	if a == b {
		return
	}
	ways := [][2]int32{{a, b}, {b, a}}
	if w.chance(0.3) {
		ways = ways[:1]
	}
	for _, way := range ways {
		w.tell("nothing passes from %d to %d", way[0], way[1])
		w.cut[way] = true
		w.after(w.between(300*time.Millisecond, 5*time.Second), func() { delete(w.cut, way) })
	}
}

// stop ends a broker in an orderly way.
func (w *world) stop(b *broker) {
	session, life := b.session, b.life
	w.atController(func(t *term) {
		w.tell("broker %d is to stop", b.id)
		t.decide(func(im *image.Image) plan.Step {
			step, _, err := plan.ControlledShutdown(im, b.id, session, t.settings())
			if err != nil {
				return plan.Step{}
			}
			return step
		}, func() {
			if b.life == life {
				w.crash(b)
			}
		})
	})
}

// administer asks the controller for something.
func (w *world) administer() {
	ref := w.parts[w.rng.IntN(len(w.parts))]
	to := w.rng.Perm(len(w.brokers))[:3]
	replicas := []int32{int32(to[0]), int32(to[1]), int32(to[2])}
	what := w.rng.IntN(4)
	w.atController(func(t *term) {
		t.decide(func(im *image.Image) plan.Step {
			var step plan.Step
			switch what {
			case 0:
				step, _ = plan.Reassign(im, []plan.Reassignment{{Ref: ref, Replicas: replicas}}, t.settings())
			case 1:
				step, _ = plan.Reassign(im, []plan.Reassignment{{Ref: ref}}, t.settings())
			case 2:
				step, _ = plan.ElectLeaders(im, plan.Preferred, []plan.Ref{ref}, t.settings())
			default:
				step = plan.Rebalance(im, 0, t.settings())
			}
			return step
		}, func() {})
	})
}

// atController has something done by who thinks it has the office.
func (w *world) atController(do func(*term)) {
	for _, b := range w.brokers {
		if b.up && !b.paused && b.term != nil {
			do(b.term)
			return
		}
	}
}

// heal ends all faults.
func (w *world) heal() {
	w.tell("all is healed")
	w.calm, w.drop = true, 0
	clear(w.cut)
	for _, b := range w.brokers {
		b.resume()
		if !b.up {
			b.start()
		}
	}
}
