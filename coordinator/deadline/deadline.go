// Package deadline keeps things in the order in which their time is up.
//
// It is made for deadlines that are put off far more often than they are met, as a session's
// is by every heartbeat: putting one off only notes the new time in the entry. The entry stays
// where it is in the heap, too early, and is moved when it comes to the top:
//
//	due   when the time is really up
//	at    what the heap is ordered by; never after due
//
// So Set costs nothing when a deadline moves away, and the logarithm of the heap's size once
// in a while. It is pure: time is an argument.
package deadline

import "time"

// Entry is a thing with a deadline. Its zero value is in no heap; it belongs to one heap at a
// time and must not be copied while it is in one.
type Entry[T any] struct {
	Value T
	due   time.Time
	at    time.Time // invariant: not after due
	place int       // index in the heap + 1, 0 when in none
}

// Set tells whether a deadline is set.
func (e *Entry[T]) Set() bool { return e.place != 0 }

// Due is the deadline that is set.
func (e *Entry[T]) Due() time.Time { return e.due }

// Heap holds entries. The zero value is ready.
type Heap[T any] struct {
	entries []*Entry[T]
}

// Len is how many deadlines are set.
func (h *Heap[T]) Len() int { return len(h.entries) }

// Set gives e the deadline due, in place of any that it has.
func (h *Heap[T]) Set(e *Entry[T], due time.Time) {
	e.due = due
	switch {
	case e.place == 0:
		e.at = due
		h.entries = append(h.entries, e)
		e.place = len(h.entries)
		h.up(e)
	case due.Before(e.at):
		e.at = due
		h.up(e)
	}
}

// Clear takes e's deadline away, if it has one.
func (h *Heap[T]) Clear(e *Entry[T]) {
	if e.place == 0 {
		return
	}
	last := h.entries[len(h.entries)-1]
	h.entries[len(h.entries)-1] = nil
	h.entries = h.entries[:len(h.entries)-1]
	if last != e {
		h.put(last, e.place-1)
		h.up(last)
		h.down(last)
	}
	e.place = 0
}

// Next is a time before which nothing is due; it may be too early. It is false when no
// deadline is set.
func (h *Heap[T]) Next() (time.Time, bool) {
	if len(h.entries) == 0 {
		return time.Time{}, false
	}
	return h.entries[0].at, true
}

// Pop takes an entry whose deadline is not after now off the heap, the earliest first, or
// returns nil. Afterwards Next is right.
func (h *Heap[T]) Pop(now time.Time) *Entry[T] {
	for len(h.entries) > 0 {
		e := h.entries[0]
		if e.at.Before(e.due) {
			e.at = e.due
			h.down(e)
			continue
		}
		if e.due.After(now) {
			return nil
		}
		h.Clear(e)
		return e
	}
	return nil
}

func (h *Heap[T]) put(e *Entry[T], i int) {
	h.entries[i] = e
	e.place = i + 1
}

func (h *Heap[T]) up(e *Entry[T]) {
	for i := e.place - 1; i > 0; {
		parent := (i - 1) / 2
		p := h.entries[parent]
		if !e.at.Before(p.at) {
			return
		}
		h.put(p, i)
		h.put(e, parent)
		i = parent
	}
}

func (h *Heap[T]) down(e *Entry[T]) {
	for i := e.place - 1; ; {
		child := 2*i + 1
		if child >= len(h.entries) {
			return
		}
		if right := child + 1; right < len(h.entries) && h.entries[right].at.Before(h.entries[child].at) {
			child = right
		}
		c := h.entries[child]
		if !c.at.Before(e.at) {
			return
		}
		h.put(c, i)
		h.put(e, child)
		i = child
	}
}
