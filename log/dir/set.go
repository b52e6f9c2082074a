package dir

import (
	"cmp"
	"hash/fnv"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
)

// Set is all data directories of a broker. All methods may be called
// concurrently.
//
// Locks, in the order in which they are taken: names, a held log's busy, a
// directory's points, mu. The logs' own locks come after all of them.
type Set struct {
	o    Options
	id   identity
	dirs []*Dir

	// names is held while a partition's directory is created, renamed or moved.
	names nameLocks

	mu   sync.RWMutex // guards what follows and the maps of each directory
	logs map[checkpoint.Partition]*held
	// preferred is where Move wants partitions that do not exist yet.
	preferred map[checkpoint.Partition]*Dir

	offline chan struct{} // has a value when a directory went offline; capacity 1
	told    map[*Dir]bool // OnOffline was told; Run's alone
}

// nameLocks has a lock for each partition. Partitions may share one: it is held
// while the disk is waited for, and many partitions are created or deleted
// together.
type nameLocks [256]sync.Mutex

// of returns a partition's lock.
func (n *nameLocks) of(p checkpoint.Partition) *sync.Mutex {
	h := fnv.New32a()
	h.Write([]byte(p.String()))
	return &n[h.Sum32()%uint32(len(n))]
}

// ClusterID returns the cluster that the directories belong to.
func (s *Set) ClusterID() string { return s.id.clusterID }

// BrokerID returns the broker that the directories belong to.
func (s *Set) BrokerID() int32 { return s.id.brokerID }

// Dirs returns the directories in the order of log.dirs.
func (s *Set) Dirs() []*Dir { return slices.Clone(s.dirs) }

// Logs ranges over the current logs of all directories in no particular order,
// without future copies. Logs created or deleted meanwhile may be left out.
func (s *Set) Logs() iter.Seq2[checkpoint.Partition, *log.Log] {
	return func(yield func(checkpoint.Partition, *log.Log) bool) {
		for _, d := range s.dirs {
			for _, h := range d.held() {
				if !yield(h.partition, h.log) {
					return
				}
			}
		}
	}
}

// Get returns the current log of a partition.
func (s *Set) Get(p checkpoint.Partition) (*log.Log, bool) {
	if h := s.get(p); h != nil {
		return h.log, true
	}
	return nil, false
}

// DirOf returns the directory that holds a partition's current log.
func (s *Set) DirOf(p checkpoint.Partition) (*Dir, bool) {
	if h := s.get(p); h != nil {
		return h.dir, true
	}
	return nil, false
}

func (s *Set) get(p checkpoint.Partition) *held {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.logs[p]
}

func (s *Set) add(h *held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logs[h.partition] = h
	h.dir.logs[h.partition] = h
}

func (s *Set) drop(h *held) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.logs, h.partition)
	delete(h.dir.logs, h.partition)
}

// HighWatermark returns the high watermark that was last checkpointed for a
// partition, 0 when there is none. The caller clamps it into the log.
func (s *Set) HighWatermark(p checkpoint.Partition) int64 {
	d, ok := s.DirOf(p)
	if !ok {
		return 0
	}
	d.points.mu.Lock()
	defer d.points.mu.Unlock()
	return d.points.high[p]
}

// Logs returns the logs in this directory, ordered by partition. Those of an
// offline directory are still listed.
func (d *Dir) Logs() []Entry {
	var list []Entry
	for _, h := range d.held() {
		list = append(list, Entry{Partition: h.partition, Log: h.log})
	}
	for _, h := range d.coming() {
		list = append(list, Entry{Partition: h.partition, Log: h.log, Future: true})
	}
	slices.SortFunc(list, func(a, b Entry) int {
		return cmp.Or(a.Partition.Compare(b.Partition), boolCompare(a.Future, b.Future))
	})
	return list
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case b:
		return -1
	}
	return 1
}

// held returns the current logs of this directory, in no order.
func (d *Dir) held() []*held {
	d.set.mu.RLock()
	defer d.set.mu.RUnlock()
	list := make([]*held, 0, len(d.logs))
	for _, h := range d.logs {
		list = append(list, h)
	}
	return list
}

// coming returns the copies under way to this directory, in no order.
func (d *Dir) coming() []*held {
	d.set.mu.RLock()
	defer d.set.mu.RUnlock()
	return slices.Collect(maps.Values(d.futures))
}

// each visits the current logs of this directory, in no order.
func (d *Dir) each(visit func(checkpoint.Partition, *log.Log)) {
	for _, h := range d.held() {
		visit(h.partition, h.log)
	}
}
