package sim

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/znode"
)

// checker knows what must never be undone.
type checker struct {
	committed [][]line         // by partition: all that was ever below a high watermark
	place     []map[string]int // of each committed value
	acked     []map[string]int64
	offset    int64 // that the group has committed, as its client knows

	generation int32          // of the group with members, as its members know
	owners     map[string]int // member by generation and partition
	progress   map[int]int64  // by partition: what the members have committed
}

func newChecker(partitions int) checker {
	c := checker{
		committed: make([][]line, partitions), offset: -1, owners: map[string]int{}, progress: map[int]int64{},
	}
	for range partitions {
		c.place = append(c.place, map[string]int{})
		c.acked = append(c.acked, map[string]int64{})
	}
	return c
}

// state looks at a partition's state as it is written: LeaderInIsr.
func (c *checker) state(w *world, path, data string) {
	s, err := znode.DecodeState([]byte(data))
	if err != nil || len(s.ISR) == 0 || s.Leader != image.NoBroker && !slices.Contains(s.ISR, s.Leader) {
		w.fail("%s: the leader is not in sync: %s", path, data)
	}
}

// current says whether a replica leads at the latest epoch there is.
func (r *replica) current() bool {
	s, _, ok := r.b.w.zk.state(r.b.w.parts[r.n])
	return ok && r.led != nil && s.Leader == r.b.id && s.LeaderEpoch == r.epoch
}

// leads looks at a new leader: it must have all that was committed.
func (c *checker) leads(r *replica) {
	if all := c.committed[r.n]; r.current() && !prefix(all, r.log) {
		r.b.w.fail("broker %d leads %d at %d and lacks committed records: it has %d, of %d equal to the first %d",
			r.b.id, r.n, r.epoch, len(r.log), common(all, r.log), len(all))
	}
}

// raised looks at what a leader shows.
func (c *checker) raised(r *replica) {
	all, shown := c.committed[r.n], r.log[:r.high]
	if same := common(all, shown); same < min(len(all), len(shown)) {
		r.b.w.fail("broker %d, leading %d at %d, shows record %d as %v; it was committed as %v",
			r.b.id, r.n, r.epoch, same, shown[same], all[same])
		return
	}
	for i := len(all); i < len(shown); i++ {
		if at, twice := c.place[r.n][shown[i].value]; twice {
			r.b.w.fail("%d: record %d is record %d again", r.n, i, at)
		}
		c.place[r.n][shown[i].value] = i
		c.committed[r.n] = append(c.committed[r.n], shown[i])
	}
}

// follows looks at a follower: up to its high watermark it has what was
// committed.
func (c *checker) follows(r *replica) {
	all, shown := c.committed[r.n], r.log[:r.high]
	if !prefix(shown, all) {
		r.b.w.fail("broker %d, following %d at %d, has other records below its high watermark %d", r.b.id, r.n, r.epoch, r.high)
	}
}

// wrote notes what a writer was told.
func (c *checker) wrote(w *world, n int, value string, offset int64) {
	if at, ok := c.place[n][value]; !ok || int64(at) != offset {
		w.fail("%d: %s is acknowledged at %d and not committed there", n, value, offset)
	}
	c.acked[n][value] = offset
}

// owns notes what a member was told to read: in one generation nobody else is.
func (c *checker) owns(w *world, m *member, partition int) {
	c.generation = max(c.generation, m.generation)
	key := fmt.Sprintf("%d/%d", m.generation, partition)
	if other, ok := c.owners[key]; ok && other != m.n {
		w.fail("members %d and %d both read %d in generation %d", other, m.n, partition, m.generation)
	}
	c.owners[key] = m.n
}

// loaded looks at what a new coordinator has read: nothing that members were
// told is forgotten.
func (c *checker) loaded(w *world, g *coordinator) {
	c.fetched(w, g.offset("g", 0))
	for partition, offset := range c.progress {
		if now := g.offset("m", int32(partition)); now < offset {
			w.fail("the members' offset of %d is %d, after %d was committed", partition, now, offset)
		}
	}
	if m := g.table.Get("m"); c.generation > 0 && (m == nil || m.Generation() < c.generation) {
		w.fail("the members' group is %v, after generation %d", m, c.generation)
	}
}

// fetched looks at what the group's coordinator says is committed.
func (c *checker) fetched(w *world, offset int64) {
	if offset < c.offset {
		w.fail("the group's offset is %d, after %d was committed", offset, c.offset)
	}
}

// end looks at a cluster that was given time to recover.
func (c *checker) end(w *world) {
	for n, ref := range w.parts {
		s, _, ok := w.zk.state(ref)
		im, _ := w.zk.picture()
		p := im.Partition(ref.Topic, ref.Partition)
		if !ok || s.Leader == image.NoBroker || len(s.ISR) != len(p.Replicas) {
			w.fail("%d has not recovered: %+v of %v", n, s, p.Replicas)
			return
		}
		leader := w.brokers[s.Leader].parts[n]
		for _, id := range p.Replicas {
			if log := w.brokers[id].parts[n].log; !slices.Equal(log[:min(leader.high, int64(len(log)))], leader.log[:leader.high]) {
				w.fail("%d: brokers %d and %d differ", n, id, s.Leader)
			}
		}
		for value, at := range c.acked[n] {
			if at >= leader.high || leader.log[at].value != value {
				w.fail("%d: %s is lost, which was acknowledged at %d", n, strconv.Quote(value), at)
			}
		}
	}
}

// prefix says whether a list begins with another.
func prefix(short, long []line) bool { return common(short, long) == len(short) }

// common is how many entries two lists begin with alike.
func common(a, b []line) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
