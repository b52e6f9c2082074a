package sim

import (
	"slices"
	"time"

	"github.com/leatmq/leat/partition/isr"
	"github.com/leatmq/leat/replication/plan"
)

// broker is one process. What it has on disk outlives it.
type broker struct {
	w       *world
	id      int32
	up      bool
	paused  bool
	life    int      // how often it was started
	backlog []func() // what happens when it goes on
	session int64    // its broker epoch, 0 before it has registered
	seen    int32    // the latest controller it has heard of
	heard   int      // the number of what it has heard of it last
	alive   []int32  // brokers that the controller has told it of
	parts   []*replica
	term    *term // while it has the office
}

// line is one record of a log.
type line struct {
	epoch int32
	value string
}

// replica is a broker's part in a partition.
type replica struct {
	b      *broker
	n      int // of the world's partitions
	exists bool
	log    []line // on disk
	saved  int64  // on disk: the high watermark of some time ago
	high   int64
	epoch  int32 // of the leader it knows, -1: of none
	leader int32
	led    *isr.Progress // it leads
	asking bool          // for another in-sync set
	waits  []wait
	asked  int // fetches sent
	group  *coordinator
}

// wait is somebody who waits for a record to be committed.
type wait struct {
	offset int64
	answer func(ok bool)
}

func (w *world) addBroker() {
	b := &broker{w: w, id: int32(len(w.brokers))}
	for n := range w.parts {
		b.parts = append(b.parts, &replica{b: b, n: n, epoch: -1})
	}
	w.brokers = append(w.brokers, b)
}

// start begins a life.
func (b *broker) start() {
	b.up, b.paused, b.session, b.seen, b.alive, b.term = true, false, 0, 0, nil, nil
	b.life++
	b.w.tell("broker %d starts", b.id)
	for _, r := range b.parts {
		r.unload()
		r.epoch, r.led, r.waits, r.asking = -1, nil, nil, false
		r.high = min(r.saved, int64(len(r.log)))
	}
	b.beat()
	b.watch()
}

// kill ends a life. Nobody is told.
func (b *broker) kill() {
	b.w.tell("broker %d dies", b.id)
	b.up, b.term, b.backlog = false, nil, nil
	b.life++
}

// act has the broker do something, now or when it goes on.
func (b *broker) act(do func()) {
	switch {
	case !b.up:
	case b.paused:
		b.backlog = append(b.backlog, do)
	default:
		do()
	}
}

// timer has the broker do something later in the same life.
func (b *broker) timer(d time.Duration, do func()) {
	life := b.life
	b.w.after(d, func() {
		if b.life == life {
			b.act(do)
		}
	})
}

// resume goes on after a pause.
func (b *broker) resume() {
	if !b.paused {
		return
	}
	b.w.tell("broker %d goes on", b.id)
	b.paused = false
	missed := b.backlog
	b.backlog = nil
	for _, do := range missed {
		b.act(do)
	}
}

// reachesTree says whether the broker and the tree hear each other.
func (b *broker) reachesTree() bool {
	return b.w.link(b.id, treeID) && b.w.link(treeID, b.id)
}

// beat keeps the session, or begins another.
func (b *broker) beat() {
	if b.reachesTree() && (b.session == 0 || !b.w.zk.beat(b.id, b.session)) {
		b.term = nil
		b.session = b.w.zk.register(b.id)
	}
	b.look()
	b.timer(400*time.Millisecond, b.beat)
}

// look reads who is there and who has the office.
func (b *broker) look() {
	z := b.w.zk
	if !b.reachesTree() || b.session == 0 || z.registered[b.id] != b.session {
		return
	}
	if b.term != nil && (z.controller != b.id || z.epoch != b.term.epoch) {
		b.w.tell("broker %d leaves office", b.id)
		b.term = nil
	}
	if z.elect(b.id, b.session) {
		b.takeOffice()
	}
	if b.term != nil {
		b.term.census()
	}
}

// watch looks after what it leads, and writes down high watermarks.
func (b *broker) watch() {
	for _, r := range b.parts {
		if r.led != nil {
			if r.led.Shrink(r.conditions()) && b.w.bug == ownShrink {
				r.led.CommitISR(r.led.Pending().ISR, r.led.PartitionEpoch())
			}
			r.raise()
			r.propose()
		}
		r.saved = r.high
	}
	b.timer(500*time.Millisecond, b.watch)
}

// obey does what a controller says. What is sent again after what followed it
// does not arrive: it is one connection. Before it has registered a broker
// listens to nobody: what was sent to an earlier life would pass for its own.
func (b *broker) obey(m *message) {
	if b.session == 0 || m.brokerEpoch < b.session || m.epoch < b.seen || m.epoch == b.seen && m.number <= b.heard {
		return
	}
	b.seen, b.heard, b.alive = m.epoch, m.number, m.live
	for i := range m.orders {
		o := &m.orders[i]
		r := b.parts[b.w.index(o.Topic, o.Partition)]
		switch {
		case o.State.LeaderEpoch < r.epoch || o.Kind == plan.Assign && o.State.LeaderEpoch == r.epoch:
		case o.Kind == plan.Assign:
			r.assign(o)
		default:
			r.leave(o.State.LeaderEpoch, o.Kind == plan.Delete)
		}
	}
}

// assign takes a role.
func (r *replica) assign(o *plan.Order) {
	w := r.b.w
	r.exists, r.epoch, r.leader = true, o.State.LeaderEpoch, o.State.Leader
	if r.leader != r.b.id {
		r.retire()
		r.poll(r.epoch)
		return
	}
	w.tell("broker %d leads %d at %d with %d records, %d shown", r.b.id, r.n, r.epoch, len(r.log), r.high)
	progress := isr.Lead(isr.Assignment{
		Self: r.b.id, Replicas: o.State.Replicas, ISR: o.State.ISR, PartitionEpoch: o.State.PartitionEpoch,
	}, isr.Log{End: int64(len(r.log)), High: r.high}, w.now, r.led)
	r.led, r.asking = &progress, false
	r.unload()
	w.checker.leads(r)
	r.raise()
	if r.n == len(w.parts)-1 {
		r.group = newCoordinator(r)
	}
}

// retire gives up leading.
func (r *replica) retire() {
	r.led, r.asking = nil, false
	r.unload()
	for _, waiter := range r.waits {
		waiter.answer(false)
	}
	r.waits = nil
}

// unload ends the coordinator.
func (r *replica) unload() {
	if r.group != nil {
		r.group.dead = true
		r.group = nil
	}
}

// leave has no part any more.
func (r *replica) leave(epoch int32, remove bool) {
	r.retire()
	r.epoch, r.leader = epoch, -1
	if remove {
		r.b.w.tell("broker %d deletes %d", r.b.id, r.n)
		r.exists, r.epoch, r.log, r.high, r.saved = false, -1, nil, 0, 0
	}
}

func (r *replica) conditions() *isr.Conditions {
	return &isr.Conditions{
		Now: r.b.w.now, MaxLag: 1500 * time.Millisecond, MinISR: 2,
		Alive: func(id int32) bool { return slices.Contains(r.b.alive, id) },
	}
}

// append adds a record to a log that it leads.
func (r *replica) append(value string) int64 {
	r.log = append(r.log, line{epoch: r.epoch, value: value})
	r.led.Appended(int64(len(r.log)), true, r.b.w.now)
	return int64(len(r.log)) - 1
}

// raise moves the high watermark, and answers who waited for it.
func (r *replica) raise() {
	r.led.Raise(r.conditions())
	high := r.led.HighWatermark()
	if r.b.w.bug == bareWatermark {
		high = int64(len(r.log))
	}
	if high < r.high {
		r.b.w.fail("broker %d, leading %d at %d: high watermark back from %d to %d", r.b.id, r.n, r.epoch, r.high, high)
	}
	if high > r.high {
		r.high = high
		r.b.w.checker.raised(r)
	}
	for len(r.waits) > 0 && r.waits[0].offset < r.high {
		answer := r.waits[0].answer
		r.waits = r.waits[1:]
		answer(true)
	}
}

// produce is a write with acks=all of an idempotent producer.
func (r *replica) produce(value string, answer func(ok bool, offset int64)) {
	if r.led == nil || len(r.led.ISR()) < isr.Required(2, r.led.Replicas()) {
		answer(false, 0)
		return
	}
	at := int64(slices.IndexFunc(r.log, func(e line) bool { return e.value == value }))
	if at < 0 {
		at = r.append(value)
	}
	i, _ := slices.BinarySearchFunc(r.waits, at, func(x wait, at int64) int { return int(x.offset - at) })
	r.waits = slices.Insert(r.waits, i, wait{offset: at, answer: func(ok bool) { answer(ok, at) }})
	r.raise()
}
