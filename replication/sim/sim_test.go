package sim

import (
	"flag"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/plan"
)

var (
	seeds = flag.Int("sim.seeds", number("LEAT_SIM_SEEDS", 200), "how many stories are told")
	first = flag.Uint64("sim.first", 1, "the first story's seed")
	only  = flag.Uint64("sim.seed", 0, "tell this one story, with all that happened")
)

// number is a number of the environment.
func number(name string, otherwise int) int {
	if n, err := strconv.Atoi(os.Getenv(name)); err == nil {
		return n
	}
	return otherwise
}

// simulate tells a story: a cluster that is made, has half a minute of faults
// and is given time to recover.
func simulate(seed uint64, b bug, keep bool) *world {
	w := newWorld(seed, b)
	w.keep = keep
	w.parts = []plan.Ref{{Topic: "t"}, {Topic: "t", Partition: 1}, {Topic: topic.ConsumerOffsets}}
	w.checker = newChecker(len(w.parts))
	for range 4 {
		w.addBroker()
	}
	for _, b := range w.brokers {
		w.after(w.between(0, 200*time.Millisecond), b.start)
	}
	w.zk.expire()
	for n := range len(w.parts) - 1 {
		c := &writer{w: w, n: n}
		w.after(time.Second, c.try)
	}
	c := &committer{w: w}
	w.after(time.Second, c.try)
	for n := range 3 {
		m := &member{w: w, n: n}
		w.after(w.between(time.Second, 5*time.Second), m.try)
	}
	w.after(w.between(2*time.Second, 3*time.Second), w.fault)
	w.run(30 * time.Second)
	w.heal()
	w.run(15 * time.Second)
	if w.failure == nil {
		w.checker.end(w)
	}
	return w
}

// TestStories: whatever the faults, nothing committed is lost.
func TestStories(t *testing.T) {
	if *only != 0 {
		w := simulate(*only, none, true)
		t.Log("\n" + w.story(len(w.log)))
		if w.failure != nil {
			t.Fatalf("seed %d: %v", *only, w.failure)
		}
		return
	}
	records, steps, generations := 0, 0, 0
	for seed := *first; seed < *first+uint64(*seeds); seed++ {
		w := simulate(seed, none, false)
		if w.failure != nil {
			w = simulate(seed, none, true)
			t.Fatalf("seed %d: %v\ntold in full by: go test ./replication/sim -run TestStories -sim.seed=%d\n%s",
				seed, w.failure, seed, w.story(60))
		}
		for _, all := range w.checker.committed {
			records += len(all)
		}
		steps += w.steps
		generations += int(w.checker.generation)
	}
	t.Logf("%d stories, %d events, %d records committed, %d generations of consumers", *seeds, steps, records, generations)
	if records < *seeds*50 || generations < *seeds {
		t.Errorf("%d records and %d generations: next to nothing happens", records, generations)
	}
}

// TestPlantedBugsAreFound: the checker sees what it is there to see.
func TestPlantedBugsAreFound(t *testing.T) {
	for name, b := range map[string]bug{
		"election from outside the in-sync set":  unclean,
		"high watermark of the leader alone":     bareWatermark,
		"followers that do not truncate":         noTruncation,
		"in-sync sets that leaders shrink alone": ownShrink,
		"coordinators that do not load":          emptyGroups,
	} {
		t.Run(name, func(t *testing.T) {
			for seed := uint64(1); seed <= 300; seed++ {
				if w := simulate(seed, b, false); w.failure != nil {
					t.Logf("seed %d: %v", seed, w.failure)
					return
				}
			}
			t.Error("not found in 300 stories")
		})
	}
}

// TestSameSeedSameStory, to the letter.
func TestSameSeedSameStory(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		a, b := simulate(seed, none, true), simulate(seed, none, true)
		if a.digest != b.digest || a.steps != b.steps {
			t.Fatalf("seed %d told two stories", seed)
		}
	}
	if simulate(1, none, true).digest == simulate(2, none, true).digest {
		t.Fatal("two seeds told one story")
	}
}
