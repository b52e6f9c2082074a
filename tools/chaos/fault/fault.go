// Package fault decides when which part of a cluster is broken, and breaks it.
//
// A run is a row of phases: a stretch of trouble, at whose end everything is
// healed, and a calm in which writes must come back. In a quarter of the phases
// nothing is broken. In the others one to four kinds are drawn, and each is
// injected once or more, at random instants, on random nodes; a process, a disk
// and a link of a node have one trouble at a time. The plan depends on the seed
// alone; what processes make of it does not.
package fault

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// Kind is a kind of fault.
type Kind string

// The kinds.
const (
	Kill     Kind = "kill"      // SIGKILL; started again at the end
	Stop     Kind = "stop"      // SIGTERM, and started again
	Pause    Kind = "pause"     // SIGSTOP
	Isolate  Kind = "isolate"   // cut off from everybody
	Pair     Kind = "pair"      // two brokers cut off from each other
	OneWay   Kind = "one-way"   // what one broker sends to another is lost
	Alone    Kind = "alone"     // cut off from ZooKeeper only
	Slow     Kind = "slow"      // delay, jitter and loss on a broker's link
	Fill     Kind = "fill"      // a full disk
	FailDisk Kind = "fail-disk" // a disk that fails every operation
	Power    Kind = "power"     // killed, and what was not synced is gone
	Expire   Kind = "expire"    // a broker's ZooKeeper session is ended
	ZKKill   Kind = "zk-kill"   // a ZooKeeper server is killed
	ZKPause  Kind = "zk-pause"  // a ZooKeeper server is frozen
	ZKLose   Kind = "zk-lose"   // all ZooKeeper servers are killed
	Jump     Kind = "clock"     // a broker's wall clock is set forth or back, and right again at the end
)

// Kinds are those that a run draws from unless it is told otherwise. Power is
// not among them: records acknowledged by replicas that have not synced may be
// lost when the last of them loses power.
var Kinds = []Kind{Kill, Stop, Pause, Isolate, Pair, OneWay, Alone, Slow, Fill, FailDisk, Expire, ZKKill, ZKPause, ZKLose, Jump}

// ParseKinds reads "kill,pause" or "all".
func ParseKinds(list string) ([]Kind, error) {
	if list == "all" {
		return Kinds, nil
	}
	if list == "none" {
		return nil, nil
	}
	var out []Kind
	for word := range strings.SplitSeq(list, ",") {
		k := Kind(strings.TrimSpace(word))
		if k != Power && !slices.Contains(Kinds, k) {
			return nil, fmt.Errorf("fault: no kind %q; there are %v and %s", k, Kinds, Power)
		}
		out = append(out, k)
	}
	return out, nil
}

// Step is one fault.
type Step struct {
	Number int64
	Kind   Kind
	// At is when it is injected, from the beginning of the run; For is how long it
	// lasts.
	At, For time.Duration
	// Node is the broker's or ZooKeeper server's index, Peer the other broker's.
	Node, Peer int
	// Off is by how much a clock is wrong.
	Off time.Duration
	// Delay and Loss are how slow a slow link is.
	Delay time.Duration
	Loss  float64
}

// String is for people.
func (s Step) String() string {
	what := string(s.Kind)
	if s.Kind == Jump {
		what += fmt.Sprintf(" by %+.0fs", s.Off.Seconds())
	}
	return fmt.Sprintf("%6.1fs %s %s for %.1fs", s.At.Seconds(), what, s.Where(), s.For.Seconds())
}

// Where names the nodes that it befalls.
func (s Step) Where() string {
	switch s.Kind {
	case Pair, OneWay:
		return fmt.Sprintf("b%d,b%d", s.Node+1, s.Peer+1)
	case ZKKill, ZKPause:
		return fmt.Sprintf("z%d", s.Node+1)
	case ZKLose:
		return "z*"
	}
	return fmt.Sprintf("b%d", s.Node+1)
}

// Phase is a stretch of trouble that ends at Heal; the next begins at Next.
type Phase struct {
	Steps      []Step // by At
	Heal, Next time.Duration
}

// Options say what a plan is for.
type Options struct {
	Seed                uint64
	Duration            time.Duration
	Kinds               []Kind
	Brokers, Zookeepers int
	// Calm is how long a calm lasts at least, 16 s if it is 0.
	Calm time.Duration
}

// Plan draws the phases of a run. The first begins after five seconds of peace.
func Plan(o Options) []Phase {
	if o.Calm == 0 {
		o.Calm = 16 * time.Second
	}
	p := &planner{o: o, rng: rand.New(rand.NewPCG(o.Seed, 2))}
	for _, k := range o.Kinds {
		if o.Zookeepers > 0 || !slices.Contains([]Kind{Alone, Expire, ZKKill, ZKPause, ZKLose}, k) {
			p.kinds = append(p.kinds, k)
		}
	}
	var out []Phase
	for at := 5 * time.Second; ; {
		length := p.between(5*time.Second, 20*time.Second)
		if at+length+o.Calm > o.Duration {
			return out
		}
		phase := p.phase(at, at+length)
		at = phase.Next
		out = append(out, phase)
	}
}

type planner struct {
	o      Options
	rng    *rand.Rand
	kinds  []Kind
	number int64
}

func (p *planner) between(least, most time.Duration) time.Duration {
	return least + time.Duration(p.rng.Int64N(int64(most-least)))
}

// phase draws one phase.
func (p *planner) phase(from, to time.Duration) Phase {
	out := Phase{Heal: to, Next: to + p.o.Calm + p.between(0, 4*time.Second)}
	if len(p.kinds) == 0 || p.rng.IntN(4) == 0 {
		return out
	}
	kinds := p.rng.Perm(len(p.kinds))[:min(len(p.kinds), 1+p.rng.IntN(4))]
	busy := map[string][]Step{}
	for _, k := range kinds {
		for range 1 + p.rng.IntN(3) {
			s, free := p.place(p.kinds[k], [2]time.Duration{from, to}, busy)
			if !free {
				continue
			}
			p.number++
			s.Number = p.number
			out.Steps = append(out.Steps, s)
		}
	}
	slices.SortFunc(out.Steps, func(a, b Step) int { return cmp.Compare(a.At, b.At) })
	return out
}

// place draws a fault between two instants until what it needs is free, a few
// times, and takes that.
func (p *planner) place(k Kind, when [2]time.Duration, busy map[string][]Step) (s Step, free bool) {
	for range 4 {
		s = p.step(k, when[0], when[1])
		free = !slices.ContainsFunc(s.Holds(), func(h string) bool {
			return slices.ContainsFunc(busy[h], func(b Step) bool { return s.At < b.At+b.For+time.Second && b.At < s.At+s.For+time.Second })
		})
		if free {
			for _, h := range s.Holds() {
				busy[h] = append(busy[h], s)
			}
			return s, true
		}
	}
	return s, false
}

// step draws one fault between from and to.
func (p *planner) step(k Kind, from, to time.Duration) Step {
	s := Step{Kind: k, Node: p.rng.IntN(p.o.Brokers)}
	s.At = from + time.Duration(p.rng.Int64N(int64(to-from)/2))
	s.For = p.between(time.Second/2, max(time.Second, to-s.At))
	s.For = min(s.For, to-s.At)
	s.Delay, s.Loss = p.between(5*time.Millisecond, 150*time.Millisecond), p.rng.Float64()*0.2
	switch k {
	case Pair, OneWay:
		if p.o.Brokers > 1 {
			s.Peer = (s.Node + 1 + p.rng.IntN(p.o.Brokers-1)) % p.o.Brokers
		}
	case ZKKill, ZKPause:
		s.Node = p.rng.IntN(p.o.Zookeepers)
	case Jump:
		s.Off = p.off()
	}
	return s
}

// off draws by how much a clock is wrong: from two seconds to more than nine
// hours, the short ones as often as the long ones, forth or back. A day would be
// long enough for a broker to forget its producers, as it should.
func (p *planner) off() time.Duration {
	d := 2 * time.Second << p.rng.IntN(15)
	if p.rng.IntN(2) == 0 {
		return -d
	}
	return d
}

// Holds names what a fault has to itself, from its injection until it is healed: a
// process with its disk, a link, a clock. The order is the same for all.
func (s Step) Holds() []string {
	process, link := fmt.Sprintf("b%d", s.Node), fmt.Sprintf("link-b%d", s.Node)
	switch s.Kind {
	case Kill, Stop, Pause, Fill, FailDisk, Power:
		return []string{process}
	case Isolate, Slow, Alone:
		return []string{link}
	case Pair, OneWay:
		return []string{fmt.Sprintf("link-b%d", min(s.Node, s.Peer)), fmt.Sprintf("link-b%d", max(s.Node, s.Peer))}
	case ZKKill, ZKPause, ZKLose:
		return []string{"zookeeper"}
	case Jump:
		return []string{fmt.Sprintf("clock-b%d", s.Node)}
	}
	return []string{fmt.Sprintf("session-b%d", s.Node)}
}
