// Package wait is who waits for what at which partition: long polls that want
// bytes, and produce answers that want the high watermark. Nobody has a
// goroutine or a timer per partition.
//
//	List (one per partition)          Watcher (one per fetch session or request)
//	  ├── Link ───────────────────────→ changed: Link → Link → …
//	  ├── Link ──────────→ …            pending bytes, armed or not
//	  └── Notify(Event) marks each Link changed, adds the bytes, and wakes the
//	      Watchers that are armed and have now got what they asked for
//
// A Watcher keeps the list of its Links that changed since it last looked, so
// looking again costs what changed and not what is watched: an idle consumer of
// 10,000 partitions costs nothing. Whoever appends wakes the waiter directly.
//
// The one order of locks is List, then Watcher. Wake functions run with neither
// held, on the goroutine that notified.
package wait

import "sync"

// Event is what happened at a partition. What a Link does not want passes it by.
type Event struct {
	// Offset is the partition's high watermark after the event.
	Offset int64
	// Bytes became readable to consumers; 0: the high watermark has not moved.
	Bytes int64
	// Written is how many bytes followers can read now.
	Written int64
	// Safe is how far the leader alone answers for its log after the event.
	Safe int64
	// Low is the partition's low watermark after the event.
	Low int64
	// Lost is true when the partition can no longer be waited for: another
	// leader, deleted, its disk failed. It wakes everybody.
	Lost bool
}

// Want is what a Link waits for.
type Want int8

// What can be waited for.
const (
	// Committed is the high watermark: consumers, and producers with acks=all,
	// want it.
	Committed Want = iota
	// Written is the end of the log: followers want it. They are not woken for
	// the high watermark, but look at it with their next fetch.
	Written
	// WrittenOrCommitted is Written, and the high watermark as soon as it
	// moves: followers with consumers of their own want it (KIP-392).
	WrittenOrCommitted
	// Safe is what the leader alone answers for: producers with acks=1 want it,
	// where records must be on disk first.
	Safe
	// Low is the low watermark: DeleteRecords wants it.
	Low
)

// List is who watches one partition. The zero List is empty and ready.
type List struct {
	mu    sync.Mutex
	first *Link
}

// Link is one partition as seen by one Watcher. It belongs to whoever owns the
// Watcher and is embedded in what that keeps per partition.
type Link struct {
	// Of is what the owner keeps per partition; set it before Watch.
	Of any
	// Want is what is waited for. Set it before Watch.
	Want Want
	// From is the offset that matters: events that leave below it what is
	// wanted are not for this link. Followers have none. Set it before Watch.
	From int64

	list       *List // nil while not watching; guarded by the owner
	watcher    *Watcher
	prev, next *Link // neighbours in list; guarded by list.mu

	changed    bool  // in the watcher's chain; guarded by watcher.mu
	back, then *Link // neighbours in the chain; guarded by watcher.mu
}

// Watcher collects what happened at the partitions it watches. Its methods
// other than those that Notify uses are called by one owner at a time.
type Watcher struct {
	mu          sync.Mutex
	first, last *Link  // chain of changed links, oldest first
	pending     int64  // bytes that became readable since Changed
	lost        bool   // an Event.Lost since Changed
	wake        func() // nil: not armed
	need        int64
}

// Watching says whether the link is on a list.
func (k *Link) Watching() bool { return k.list != nil }

// Watch begins to hear of l's partition. The link must not be watching.
func (w *Watcher) Watch(l *List, k *Link) {
	k.list, k.watcher = l, w
	l.mu.Lock()
	defer l.mu.Unlock()
	k.next = l.first
	if k.next != nil {
		k.next.prev = k
	}
	l.first = k
}

// Unwatch stops hearing, and takes the link out of the chain of changed ones.
func (w *Watcher) Unwatch(k *Link) {
	if l := k.list; l != nil {
		l.mu.Lock()
		if k.prev != nil {
			k.prev.next = k.next
		} else {
			l.first = k.next
		}
		if k.next != nil {
			k.next.prev = k.prev
		}
		k.prev, k.next, k.list = nil, nil, nil
		l.mu.Unlock()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if k.changed {
		w.unchain(k)
	}
}

// Watched says whether anybody watches. An append asks it before it works out
// what to tell.
func (l *List) Watched() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.first != nil
}

// Notify tells all watchers of the partition.
func (l *List) Notify(e Event) {
	var few [8]func()
	wake := few[:0]
	l.mu.Lock()
	for k := l.first; k != nil; k = k.next {
		bytes, wanted := k.wants(&e)
		if !wanted && !e.Lost {
			continue
		}
		if f := k.watcher.note(k, bytes, e.Lost); f != nil {
			wake = append(wake, f)
		}
	}
	l.mu.Unlock()
	for _, f := range wake {
		f()
	}
}

// wants says whether an event is for the link, and how many bytes it counts for.
func (k *Link) wants(e *Event) (bytes int64, ok bool) {
	switch k.Want {
	case Written:
		return e.Written, e.Written > 0 || e.Bytes > 0
	case WrittenOrCommitted:
		if e.Written == 0 {
			return anything, e.Bytes > 0
		}
		return e.Written, true
	case Safe:
		return anything, e.Safe >= k.From
	case Low:
		return anything, e.Low >= k.From
	}
	written := e.Written > 0 && e.Bytes == 0 // and nothing else
	return e.Bytes, !written && e.Offset >= k.From
}

// anything is as many bytes as anybody can need.
const anything = 1 << 40

// note marks the link and returns what wakes its watcher, nil if it is not to
// be woken.
func (w *Watcher) note(k *Link, bytes int64, lost bool) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.chain(k)
	w.pending = min(w.pending+bytes, anything)
	w.lost = w.lost || lost
	if w.wake == nil || !w.due(w.need) {
		return nil
	}
	f := w.wake
	w.wake = nil
	return f
}

func (w *Watcher) due(need int64) bool { return w.lost || w.pending >= need }

// Arm asks for one call of wake once so many bytes became readable since
// Changed, or a partition is lost. It returns false, and does not arm, when that
// is already so.
func (w *Watcher) Arm(need int64, wake func()) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.due(need) {
		return false
	}
	w.wake, w.need = wake, need
	return true
}

// Disarm takes Arm back. A wake that is on its way still comes.
func (w *Watcher) Disarm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wake = nil
}
