package isr_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/leatmq/leat/partition/isr"
)

// entry is a record: who wrote it, and which of its records it is.
type entry struct {
	epoch int32
	n     int
}

// broker is one of the replicas, with its own idea of who leads.
type broker struct {
	id     int32
	log    []entry
	high   int64
	epoch  int32 // of the leader that it knows
	leader int32
	led    *isr.Progress // it leads at epoch
	cut    bool          // it has made its log its leader's prefix at this epoch
}

// world is three replicas and a controller that hear of each other late or never.
type world struct {
	t         *rapid.T
	now       time.Time
	brokers   []*broker
	decided   isr.Assignment // what the controller has decided
	epoch     int32
	committed []entry // whatever was below a high watermark, ever
	written   int
}

const worldLag = 10 * time.Second

func newWorld(t *rapid.T) *world {
	w := &world{t: t, now: t0, epoch: -1}
	first := rapid.SampledFrom([][]int32{{0}, {0, 1}, {0, 1, 2}}).Draw(t, "first in-sync set")
	w.decided = isr.Assignment{Replicas: []int32{0, 1, 2}, ISR: first}
	for id := range int32(3) {
		w.brokers = append(w.brokers, &broker{id: id, epoch: -1})
	}
	w.elect(0)
	for _, b := range w.brokers {
		w.tell(b)
	}
	return w
}

func (w *world) conditions() *isr.Conditions {
	return &isr.Conditions{Now: w.now, MaxLag: worldLag, MinISR: 1}
}

// elect makes a replica in sync the leader; the old one may leave the set, as if it died.
func (w *world) elect(id int32) {
	w.epoch++
	w.decided.Self = id
	w.decided.PartitionEpoch++
	b := w.brokers[id]
	if len(b.log) < len(w.committed) || !slices.Equal(b.log[:len(w.committed)], w.committed) {
		w.t.Fatalf("broker %d leads without what was committed: %v of %v", id, b.log, w.committed)
	}
}

// tell has a broker hear what the controller has decided.
func (w *world) tell(b *broker) {
	if b.epoch == w.epoch {
		if b.led != nil && w.decided.PartitionEpoch > b.led.PartitionEpoch() {
			b.led.Commit(w.decided)
			w.raise(b)
		}
		return
	}
	var before *isr.Progress
	if b.leader == b.id {
		before = b.led
	}
	b.epoch, b.leader, b.led, b.cut = w.epoch, w.decided.Self, nil, false
	b.high = min(b.high, int64(len(b.log)))
	if b.leader == b.id {
		p := isr.Lead(w.decided, isr.Log{End: int64(len(b.log)), High: b.high}, w.now, before)
		b.led = &p
		w.raise(b)
	}
}

// raise is what a leader does after each change.
func (w *world) raise(b *broker) {
	b.led.Raise(w.conditions())
	b.high = b.led.HighWatermark()
	shown := b.log[:b.high]
	known := min(len(shown), len(w.committed))
	if !slices.Equal(shown[:known], w.committed[:known]) {
		w.t.Fatalf("broker %d shows %v, and %v was committed", b.id, shown, w.committed)
	}
	if len(shown) > len(w.committed) {
		w.committed = slices.Clone(shown)
	}
}

// fetch is one round of a follower, if its leader takes it for one. The answer may have
// little of what there is, or be lost.
func (w *world) fetch(t *rapid.T, b, leader *broker) {
	if b.leader != leader.id || leader.led == nil || leader.epoch != b.epoch {
		return
	}
	if !b.cut {
		same := 0
		for same < min(len(b.log), len(leader.log)) && b.log[same] == leader.log[same] {
			same++
		}
		b.log, b.cut = b.log[:same:same], true
		b.high = min(b.high, int64(same))
	}
	end := int64(len(b.log))
	leader.led.Fetched(b.id, isr.Fetch{Offset: end, LeaderEnd: int64(len(leader.log))}, w.now)
	if !leader.led.Expand(b.id, w.conditions()) {
		leader.led.Expel(b.id)
	}
	answered := leader.high
	w.raise(leader)
	got := rapid.IntRange(0, len(leader.log)-int(end)).Draw(t, "copied")
	b.log = append(b.log, leader.log[end:int(end)+got]...)
	b.high = min(answered, int64(len(b.log)))
}

// decide has the controller look at a leader's proposal, and the leader hear of it unless
// the answer is lost.
func (w *world) decide(b *broker, heard bool) {
	pending := b.led.Pending()
	if pending.Change == isr.None {
		return
	}
	switch {
	case b.epoch != w.epoch:
		return // fenced: an order will come
	case slices.Equal(pending.ISR, w.decided.ISR) && pending.PartitionEpoch <= w.decided.PartitionEpoch:
	case pending.PartitionEpoch != w.decided.PartitionEpoch:
		return
	default:
		w.decided.ISR = slices.Clone(pending.ISR)
		w.decided.PartitionEpoch++
	}
	if heard {
		b.led.CommitISR(w.decided.ISR, w.decided.PartitionEpoch)
		w.raise(b)
	}
}

// What was shown once is in the log of every leader that is elected from those in sync,
// whatever is lost or late.
func TestNothingCommittedIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t)
		pick := func(t *rapid.T) *broker { return w.brokers[rapid.IntRange(0, 2).Draw(t, "broker")] }
		leader := func(t *rapid.T) *broker {
			led := slices.DeleteFunc(slices.Clone(w.brokers), func(b *broker) bool { return b.led == nil })
			if len(led) == 0 {
				return nil
			}
			return rapid.SampledFrom(led).Draw(t, "leader")
		}
		t.Repeat(map[string]func(*rapid.T){
			"append": func(t *rapid.T) {
				b := leader(t)
				if b == nil {
					return
				}
				w.written++
				b.log = append(slices.Clip(b.log), entry{b.epoch, w.written})
				b.led.Appended(int64(len(b.log)), true, w.now)
				w.raise(b)
			},
			"fetch": func(t *rapid.T) {
				if b := pick(t); b.leader != b.id {
					w.fetch(t, b, w.brokers[b.leader])
				}
			},
			"wait": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 12).Draw(t, "seconds")) * time.Second)
				for _, b := range w.brokers {
					if b.led != nil {
						b.led.Shrink(w.conditions())
					}
				}
			},
			"decide": func(t *rapid.T) {
				if b := leader(t); b != nil {
					w.decide(b, rapid.Bool().Draw(t, "heard"))
				}
			},
			"elect": func(t *rapid.T) {
				id := rapid.SampledFrom(w.decided.ISR).Draw(t, "elected")
				if rapid.Bool().Draw(t, "others died") {
					w.decided.ISR = []int32{id}
				}
				w.elect(id)
			},
			"tell": func(t *rapid.T) { w.tell(pick(t)) },
		})
	})
}
