package sim

import (
	"time"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
	"github.com/leatmq/leat/replication/tree"
)

// term is a broker's time in office.
type term struct {
	b       *broker
	epoch   int32
	session int64
	im      *image.Image
	inbox   []func()
	busy    bool // a write is under way
	sent    int  // messages
	pipes   map[int32]*pipe
}

// pipe is the queue of what one broker is to be told, one message at a time,
// again and again until it has heard it.
type pipe struct {
	to    int32
	epoch int64

	queue []*message
}

type message struct {
	epoch       int32
	brokerEpoch int64
	number      int // of the term
	orders      []plan.Order
	live        []int32
}

// takeOffice begins a term.
func (b *broker) takeOffice() {
	z := b.w.zk
	read, r := z.picture()
	t := &term{b: b, epoch: z.epoch, session: b.session, im: image.Empty(), pipes: map[int32]*pipe{}}
	b.term = t
	t.decide(func(*image.Image) plan.Step {
		t.im = read
		return plan.Recover(read, r, t.settings())
	}, func() {})
}

func (t *term) settings() plan.Settings {
	w := t.b.w
	return plan.Settings{
		UncleanElection: w.bug == unclean, DeleteTopics: true,
		Random: w.rng.IntN, RandomBytes: func() [16]byte { w.ids++; return [16]byte{w.ids, 1} },
	}
}

// decide has an event decided when those before it are done.
func (t *term) decide(event func(*image.Image) plan.Step, done func()) {
	t.inbox = append(t.inbox, func() {
		told := t.im
		step := event(t.im)
		t.carry(step.Writes, func() {
			t.im = t.im.With(step.Changes)
			t.order(told, step)
			if len(step.Last) == 0 {
				done()
				return
			}
			t.carry(step.Last, done)
		})
	})
	t.next()
}

func (t *term) next() {
	for !t.busy && len(t.inbox) > 0 && t.b.term == t {
		do := t.inbox[0]
		t.inbox = t.inbox[1:]
		do()
	}
}

// carry writes a step. What became of a write whose answer is lost is found out
// by looking.
func (t *term) carry(writes []tree.Op, done func()) {
	t.busy = true
	var written, answered bool
	var err error
	finish := func() {
		if answered || t.b.term != t {
			return
		}
		answered, t.busy = true, false
		if err != nil {
			t.b.w.tell("controller %d: %v", t.epoch, err)
			t.b.term = nil
			return
		}
		done()
		t.next()
	}
	var attempt func()
	attempt = func() {
		if answered || t.b.term != t {
			return
		}
		t.b.w.send(t.b.id, treeID, func() {
			if !written {
				written, err = true, t.write(writes)
			}
			t.b.w.send(treeID, t.b.id, finish)
		})
		t.b.timer(400*time.Millisecond, attempt)
	}
	t.b.timer(0, attempt)
}

func (t *term) write(ops []tree.Op) error {
	return t.b.w.zk.multi(t.b.id, t.session, t.epoch, ops)
}

// census decides about who is registered now.
func (t *term) census() {
	t.decide(func(im *image.Image) plan.Step {
		step, _ := plan.BrokersChanged(im, t.b.w.zk.brokers(), t.settings())
		if next := im.With(step.Changes); len(next.Topics()) == 0 && len(next.Brokers()) == len(t.b.w.brokers) {
			step = plan.Join(step, t.b.w.createTopics(next, t.settings()))
		}
		return step
	}, func() {})
}

// order tells brokers what they must know after a step.
func (t *term) order(before *image.Image, step plan.Step) {
	var live []int32
	for _, b := range t.im.Brokers() {
		live = append(live, b.ID)
	}
	orders := map[int32][]plan.Order{}
	for _, o := range step.Orders {
		orders[o.Broker] = append(orders[o.Broker], o)
	}
	announced := map[int32]bool{}
	for _, a := range plan.Announce(before, t.im) {
		announced[a.Broker] = true
	}
	for _, b := range t.im.Brokers() {
		p := t.pipes[b.ID]
		if p == nil || p.epoch != b.Epoch {
			p = &pipe{to: b.ID, epoch: b.Epoch}
			t.pipes[b.ID] = p
		}
		if len(orders[b.ID]) == 0 && !announced[b.ID] {
			continue
		}
		t.sent++
		p.queue = append(p.queue, &message{epoch: t.epoch, brokerEpoch: b.Epoch, number: t.sent, orders: orders[b.ID], live: live})
		if len(p.queue) == 1 {
			t.pump(p)
		}
	}
}

// pump sends the first message of a pipe until it has arrived.
func (t *term) pump(p *pipe) {
	if t.b.term != t || t.pipes[p.to] != p || len(p.queue) == 0 {
		return
	}
	if _, there := t.im.Broker(p.to); !there {
		return
	}
	m, w := p.queue[0], t.b.w
	target := w.brokers[p.to]
	w.send(t.b.id, p.to, func() {
		target.obey(m)
		w.send(p.to, t.b.id, func() {
			if len(p.queue) > 0 && p.queue[0] == m {
				p.queue = p.queue[1:]
				t.pump(p)
			}
		})
	})
	t.b.timer(150*time.Millisecond, func() {
		if len(p.queue) > 0 && p.queue[0] == m {
			t.pump(p)
		}
	})
}

// alter is AlterPartition at whoever was thought to be the controller.
func (b *broker) alter(from int32, session int64, a plan.Alteration, reply func(plan.AlterResult)) {
	if b.term == nil {
		return
	}
	t := b.term
	var results []plan.AlterResult
	t.decide(func(im *image.Image) plan.Step {
		step, r, err := plan.AlterPartition(im, plan.Asker{Broker: from, Epoch: session}, []plan.Alteration{a}, t.settings())
		if results = r; err != nil {
			return plan.Step{}
		}
		return step
	}, func() {
		if len(results) == 1 {
			reply(results[0])
		}
	})
}
