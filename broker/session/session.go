// Package session is incremental fetching (KIP-227): the broker remembers which
// partitions a consumer reads and what it was told about each, so that a fetch
// names, and an answer holds, only what changed.
//
//	request (id, epoch)
//	(0, 0)        fetch everything listed, and begin a session
//	(id, 0)       the same, and the session id ends
//	(0, -1)       fetch everything listed, without a session
//	(id, -1)      the same, and the session id ends
//	(id, n > 0)   fetch what the session has, after the changes listed; n must
//	              be the epoch that is expected
//
// Each Part of a Session is linked to its partition, which tells it when
// something happens. A fetch looks only at parts that were told something, that
// the client changed, or that were not done with the last time; so an idle
// consumer costs nothing however many partitions it reads.
package session

import (
	"errors"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/partition/wait"
)

// Epochs with a meaning of their own.
const (
	Initial int32 = 0  // begin a session
	Final   int32 = -1 // no session
)

// What can be wrong with a session.
var (
	// ErrNotFound means that there is no session of that id: it was evicted,
	// or the broker was restarted (FETCH_SESSION_ID_NOT_FOUND).
	ErrNotFound = errors.New("no fetch session of this id")
	// ErrEpoch means that the request is not the one that comes next, or that
	// the one before is not answered yet (INVALID_FETCH_SESSION_EPOCH).
	ErrEpoch = errors.New("not the next epoch of the fetch session")
	// ErrIDs means that a session of topic ids was asked with names, or the
	// other way round (FETCH_SESSION_TOPIC_ID_ERROR).
	ErrIDs = errors.New("fetch session mixes topic names and ids")
)

// Key names a partition in a session: by topic name or, from fetch version 13
// on, by topic id.
type Key struct {
	Topic string
	ID    topic.ID
	Index int32
}

// Asked is what the client wants of a partition.
type Asked struct {
	Offset           int64
	MaxBytes         int32
	LeaderEpoch      int32 // what the client believes it to be, -1: does not say
	LastFetchedEpoch int32 // -1: does not say
	LogStart         int64 // where the log of a follower begins, -1: does not say
}

// Part is one partition of a session.
type Part struct {
	Link wait.Link
	Key  Key
	name []byte // Key.Topic
	Asked

	// Replica is where it is read, nil until it was found.
	Replica *partition.Replica

	// What the client was last told; -1 after an error, so that the end of the
	// error is told too.
	HighWatermark int64
	StartOffset   int64
}

// Name is the topic's name as the client gave it, to be written only.
func (p *Part) Name() []byte { return p.name }

// Session is what the broker remembers for one consumer. While a fetch uses it,
// between Use (or New) and Release, it belongs to that fetch alone.
type Session struct {
	Watcher wait.Watcher

	parts map[Key]*Part
	count atomic.Int64 // of parts
	// total is the cache's count of the parts of all sessions; nil while the
	// session is not in a cache.
	total atomic.Pointer[atomic.Int64]
	ids   bool

	looked   time.Time // when all parts were marked last
	follower bool      // not a consumer's; never written after the session is kept

	mu     sync.Mutex // guards what follows
	id     int32      // 0: not in the cache, lives for one fetch
	next   int32      // epoch that the next request must have
	busy   bool
	closed bool

	created, used time.Time // guarded by the cache
}

// New returns a session in use that is not in a cache yet. ids says that its
// partitions are named by topic ids.
func New(ids bool, size int) *Session {
	return &Session{parts: make(map[Key]*Part, size), ids: ids, next: 1, busy: true}
}

// OfFollower makes a new session one that a follower fetches with: consumers
// cannot push it out of the cache.
func (s *Session) OfFollower() { s.follower = true }

// less says whether a session is worth less than another to whoever has to
// choose.
func (s *Session) less(than *Session) bool {
	if s.follower != than.follower {
		return than.follower
	}
	return s.Len() < than.Len()
}

// ID is the session's id, 0 when it is not kept.
func (s *Session) ID() int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.id
}

// ByID says whether partitions are named by topic ids.
func (s *Session) ByID() bool { return s.ids }

// Len is how many partitions it has.
func (s *Session) Len() int { return int(s.count.Load()) }

// Set notes what the client wants of a partition, adding it if it is new, and
// has it looked at. It returns the part.
func (s *Session) Set(k Key, a Asked) *Part {
	p := s.parts[k]
	if p == nil {
		p = &Part{Key: k, name: []byte(k.Topic), HighWatermark: -1, StartOffset: -1}
		p.Link.Of = p
		s.parts[k] = p
		s.counted(1)
	}
	p.Asked = a
	s.Watcher.Mark(&p.Link)
	return p
}

// SetNamed is Set for a name that is still in a request's buffer: it allocates
// only for a partition that is new.
func (s *Session) SetNamed(name []byte, index int32, a Asked) *Part {
	if p := s.parts[Key{Topic: string(name), Index: index}]; p != nil {
		p.Asked = a
		s.Watcher.Mark(&p.Link)
		return p
	}
	return s.Set(Key{Topic: string(name), Index: index}, a)
}

// Forget takes a partition out, if it is there.
func (s *Session) Forget(k Key) {
	p := s.parts[k]
	if p == nil {
		return
	}
	s.Watcher.Unwatch(&p.Link)
	delete(s.parts, k)
	s.counted(-1)
}

// MarkAll has all partitions looked at, if that was not done for so long.
func (s *Session) MarkAll(now time.Time, every time.Duration) {
	if now.Sub(s.looked) < every {
		return
	}
	s.looked = now
	for _, p := range s.parts {
		s.Watcher.Mark(&p.Link)
	}
}

// counted notes that the session has n more partitions.
func (s *Session) counted(n int64) {
	s.count.Add(n)
	if t := s.total.Load(); t != nil {
		t.Add(n)
	}
}

// Release ends the use of the session by a fetch: the next one may come.
func (s *Session) Release() {
	s.mu.Lock()
	closed := s.closed
	s.busy = false
	s.mu.Unlock()
	if closed {
		s.unlink()
	}
}

// Closed says whether the session was ended while a fetch uses it.
func (s *Session) Closed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Discard ends a session that is in no cache.
func (s *Session) Discard() { s.unlink() }

// begin checks that epoch is the one that comes next and takes the session.
func (s *Session) begin(epoch int32, ids bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return ErrNotFound
	case s.ids != ids:
		return ErrIDs
	case s.busy || epoch != s.next:
		return ErrEpoch
	}
	s.busy = true
	if s.next++; s.next == math.MinInt32 {
		s.next = 1
	}
	return nil
}

// end closes the session. Links go at once, or, while a fetch uses it, when
// that is done.
func (s *Session) end() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	busy := s.busy
	s.mu.Unlock()
	if !busy {
		s.unlink()
	}
}

func (s *Session) unlink() {
	for _, p := range s.parts {
		s.Watcher.Unwatch(&p.Link)
	}
	s.parts = nil
}
