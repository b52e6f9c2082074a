package sim

import (
	"container/heap"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/leatmq/leat/replication/plan"
)

// bug is a mistake that is planted to see that it is found.
type bug int

const (
	none          bug = iota
	unclean           // leaders are elected from outside the in-sync set
	bareWatermark     // the high watermark is the end of the leader's log
	noTruncation      // followers keep what their leader does not have
	ownShrink         // leaders take followers out of the in-sync set without asking
	emptyGroups       // a new coordinator does not read its log
)

// treeID stands for the tree on the network, clientID for the clients.
const (
	treeID   int32 = -1
	clientID int32 = -2
)

// world is one simulated cluster.
type world struct {
	rng   *rand.Rand
	now   time.Time
	queue events
	seq   int

	zk      *zookeeper
	brokers []*broker
	parts   []plan.Ref // the partitions; the last is that of the group
	cut     map[[2]int32]bool
	drop    float64 // of messages between brokers
	calm    bool    // no more faults

	bug     bug
	checker checker
	ids     byte // random ids given

	log     []string // what happened, if it is kept
	keep    bool
	digest  uint64
	steps   int
	failure error
}

var start = time.UnixMilli(1_700_000_000_000)

func newWorld(seed uint64, b bug) *world {
	w := &world{
		rng: rand.New(rand.NewPCG(seed, 77)), now: start, cut: map[[2]int32]bool{}, bug: b,
		digest: 14695981039346656037,
	}
	w.zk = newZookeeper(w)
	w.drop = w.rng.Float64() * 0.1
	return w
}

// event is something that will happen.
type event struct {
	at  time.Time
	seq int
	do  func()
}

type events []event

func (e events) Len() int { return len(e) }
func (e events) Less(i, j int) bool {
	if !e[i].at.Equal(e[j].at) {
		return e[i].at.Before(e[j].at)
	}
	return e[i].seq < e[j].seq
}
func (e events) Swap(i, j int) { e[i], e[j] = e[j], e[i] }

// Push is of heap.Interface.
func (e *events) Push(x any) { *e = append(*e, x.(event)) }

// Pop is of heap.Interface.
func (e *events) Pop() any {
	last := (*e)[len(*e)-1]
	*e = (*e)[:len(*e)-1]
	return last
}

// after has something done later.
func (w *world) after(d time.Duration, do func()) {
	w.seq++
	heap.Push(&w.queue, event{at: w.now.Add(d), seq: w.seq, do: do})
}

// run lets time pass until something is wrong, or for so long.
func (w *world) run(d time.Duration) {
	until := w.now.Add(d)
	for len(w.queue) > 0 && w.failure == nil && !w.queue[0].at.After(until) {
		e := heap.Pop(&w.queue).(event)
		w.now = e.at
		w.steps++
		e.do()
	}
	w.now = until
}

// between is a random time from a to b.
func (w *world) between(a, b time.Duration) time.Duration {
	return a + time.Duration(w.rng.Int64N(int64(b-a)+1))
}

// chance is true with a probability.
func (w *world) chance(p float64) bool { return w.rng.Float64() < p }

// link says whether messages pass from one to another.
func (w *world) link(from, to int32) bool { return !w.cut[[2]int32{from, to}] }

// send has a message arrive: late, out of order, or not at all. The tree's
// connections lose nothing as long as they stand.
func (w *world) send(from, to int32, arrive func()) {
	if !w.link(from, to) {
		return
	}
	if from != treeID && to != treeID && w.chance(w.drop) {
		return
	}
	delay := w.between(time.Millisecond, 5*time.Millisecond)
	if w.chance(0.02) {
		delay += w.between(0, 300*time.Millisecond)
	}
	w.after(delay, func() {
		if !w.link(from, to) {
			return
		}
		if to < 0 {
			arrive()
			return
		}
		w.brokers[to].act(arrive)
	})
}

// tell writes down what happened.
func (w *world) tell(format string, args ...any) {
	line := fmt.Sprintf(format, args...)
	h := fnv.New64a()
	fmt.Fprintf(h, "%d %d %s", w.digest, w.now.UnixNano(), line)
	w.digest = h.Sum64()
	if w.keep {
		w.log = append(w.log, fmt.Sprintf("%8.3f %s", w.now.Sub(start).Seconds(), line))
	}
}

// fail ends the story.
func (w *world) fail(format string, args ...any) {
	if w.failure == nil {
		w.failure = fmt.Errorf(format, args...)
		w.tell("WRONG: %v", w.failure)
	}
}

// story is the end of what happened.
func (w *world) story(lines int) string {
	return strings.Join(w.log[max(0, len(w.log)-lines):], "\n")
}
