package session

import (
	"cmp"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how large a Cache may get.
type Options struct {
	// Slots is max.incremental.fetch.session.cache.slots.
	Slots int
	// Partitions bounds the partitions of all sessions together
	// (leat.fetch.session.partitions.max). 0: no bound.
	Partitions int64
	// MinAge protects a session: within it, it is not evicted unless it was
	// idle for so long. 0: two minutes.
	MinAge time.Duration
	Now    func() time.Time
	// Random gives ids; it need not be unguessable, only spread.
	Random func() uint32
}

// Cache is the sessions of all consumers, bounded in number. All methods may be
// called concurrently.
type Cache struct {
	o Options

	mu       sync.Mutex
	sessions map[int32]*Session
	evicted  int64

	partitions atomic.Int64 // of all sessions
}

// NewCache returns an empty cache.
func NewCache(o Options) *Cache {
	if o.MinAge == 0 {
		o.MinAge = 2 * time.Minute
	}
	return &Cache{o: o, sessions: make(map[int32]*Session)}
}

// Use takes a session for the fetch of an epoch; Release gives it back.
//
// Errors: ErrNotFound, ErrEpoch, ErrIDs.
func (c *Cache) Use(id, epoch int32, ids bool) (*Session, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.sessions[id]
	if s == nil {
		return nil, ErrNotFound
	}
	if c.full(0) { // it has grown too large: the client begins again, without it
		c.evicted++
		c.remove(s)
		return nil, ErrNotFound
	}
	if err := s.begin(epoch, ids); err != nil {
		return nil, err
	}
	s.used = c.o.Now()
	return s, nil
}

// Keep gives a new session an id and remembers it, if there is room or another
// has to go. It returns the id, 0 when the session is not kept.
func (c *Cache) Keep(s *Session) int32 {
	c.mu.Lock()
	if c.full(s.Len()) || len(c.sessions) >= c.o.Slots && !c.makeRoom(s) {
		c.mu.Unlock()
		return 0
	}
	s.created = c.o.Now()
	s.used = s.created
	id := c.freeID()
	c.sessions[id] = s
	s.mu.Lock()
	s.id = id
	s.mu.Unlock()
	s.total.Store(&c.partitions)
	c.partitions.Add(int64(s.Len()))
	c.mu.Unlock()
	return id
}

// full tells whether more partitions would be over the bound.
func (c *Cache) full(more int) bool {
	return c.o.Partitions > 0 && c.partitions.Load()+int64(more) > c.o.Partitions
}

func (c *Cache) freeID() int32 {
	for {
		id := int32(c.o.Random() & math.MaxInt32)
		if id != 0 && c.sessions[id] == nil {
			return id
		}
	}
}

// makeRoom evicts one session for a new one: one that was idle for MinAge, or
// else the least of those older than MinAge, if it is less than the new one. A
// follower's session is more than any consumer's, and has one of theirs go
// whatever its age; otherwise fewer partitions are less. c.mu is held.
func (c *Cache) makeRoom(fresh *Session) bool {
	if c.o.Slots <= 0 {
		return false
	}
	old := c.o.Now().Add(-c.o.MinAge)
	var idle, least *Session
	for _, s := range c.sessions {
		if !s.used.After(old) && (idle == nil || s.used.Before(idle.used)) {
			idle = s
		}
		if (!s.created.After(old) || fresh.follower && !s.follower) && s.less(fresh) && (least == nil || s.less(least)) {
			least = s
		}
	}
	victim := cmp.Or(idle, least)
	if victim == nil {
		return false
	}
	c.evicted++
	c.remove(victim)
	return true
}

// End closes a session, if it is there.
func (c *Cache) End(id int32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.sessions[id]; s != nil {
		c.remove(s)
	}
}

func (c *Cache) remove(s *Session) {
	delete(c.sessions, s.id)
	if s.total.Swap(nil) != nil {
		c.partitions.Add(-int64(s.Len()))
	}
	s.end()
}

// Stats is what a cache holds.
type Stats struct {
	Sessions   int
	Partitions int
	Evicted    int64 // since the start
}

// Stats counts what the cache holds.
func (c *Cache) Stats() Stats {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := Stats{Sessions: len(c.sessions), Evicted: c.evicted}
	for _, s := range c.sessions {
		out.Partitions += s.Len()
	}
	return out
}
