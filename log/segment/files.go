package segment

import (
	"sync"
	"sync/atomic"
)

// DefaultIndexBytes is how much memory the indexes of all segments may take
// together, unless NewFileCache is told otherwise.
const DefaultIndexBytes = 32 << 20

// FileCache bounds the files that are open and the memory that indexes take, for
// all logs of a broker together. Segments that were not used since it last
// looked go first (the clock algorithm, so that a hit costs no lock). A file in
// use is closed by its last user; while all are in use the bound is exceeded.
type FileCache struct {
	limit      int
	open       atomic.Int64 // files
	index      atomic.Int64 // bytes
	indexLimit atomic.Int64

	mu   sync.Mutex // never held while a segment's lock is taken
	ring []*Segment // the resident segments
	at   map[*Segment]int
	hand int
}

// NewFileCache returns a cache of at most limit open files.
func NewFileCache(limit int) *FileCache {
	c := &FileCache{limit: limit, at: make(map[*Segment]int)}
	c.indexLimit.Store(DefaultIndexBytes)
	return c
}

// Len returns how many files are open.
func (c *FileCache) Len() int { return int(c.open.Load()) }

// IndexBytes returns how much memory the indexes take.
func (c *FileCache) IndexBytes() int64 { return c.index.Load() }

// LimitIndexes sets how much memory the indexes may take, in bytes.
func (c *FileCache) LimitIndexes(bytes int64) {
	c.indexLimit.Store(bytes)
	c.trim()
}

// Sweep gives up what was not used since the last Sweep: called now and then, it
// closes the files of idle logs.
func (c *FileCache) Sweep() {
	c.mu.Lock()
	var idle []*Segment
	for i := len(c.ring) - 1; i >= 0; i-- {
		s := c.ring[i]
		if !s.used.Swap(false) && !s.inUse() {
			c.dropLocked(s)
			idle = append(idle, s)
		}
	}
	c.mu.Unlock()
	evict(idle)
}

// admit notes that a segment became resident, and makes room.
func (c *FileCache) admit(s *Segment) {
	s.used.Store(true)
	c.mu.Lock()
	if _, ok := c.at[s]; !ok {
		c.at[s] = len(c.ring)
		c.ring = append(c.ring, s)
	}
	c.mu.Unlock()
	c.trim()
}

// trim evicts until the bounds are kept, or nothing else can go.
func (c *FileCache) trim() {
	for c.open.Load() > int64(c.limit) || c.index.Load() > c.indexLimit.Load() {
		s := c.victim()
		if s == nil {
			return
		}
		s.Evict()
	}
}

// victim takes the next segment out that was not used since the hand last passed.
func (c *FileCache) victim() *Segment {
	c.mu.Lock()
	defer c.mu.Unlock()
	for range 2 * len(c.ring) {
		c.hand %= len(c.ring)
		s := c.ring[c.hand]
		if s.used.Swap(false) || s.inUse() {
			c.hand++
			continue
		}
		c.dropLocked(s)
		return s
	}
	return nil
}

// forget takes a segment out that is no longer resident.
func (c *FileCache) forget(s *Segment) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.at[s]; ok {
		c.dropLocked(s)
	}
}

func (c *FileCache) dropLocked(s *Segment) {
	i, last := c.at[s], len(c.ring)-1
	c.ring[i] = c.ring[last]
	c.at[c.ring[i]] = i
	c.ring[last] = nil
	c.ring = c.ring[:last]
	delete(c.at, s)
}

func evict(list []*Segment) {
	for _, s := range list {
		s.Evict()
	}
}
