package main

import (
	"fmt"
	"maps"
)

// Place is where a record stands.
type Place struct {
	Partition int32
	Offset    int64
}

// History is what producers were told and readers saw. Its checks are the
// promises of the log: an acknowledged record is where the broker said, for
// ever; an offset never changes its record; an idempotent record stands once.
type History struct {
	acked map[Place]string // what the broker acknowledged where
	seen  map[Place]string // what a reader saw where, in any round
}

// NewHistory returns an empty history.
func NewHistory() *History {
	return &History{acked: map[Place]string{}, seen: map[Place]string{}}
}

// Acknowledge notes that the broker acknowledged id at p. Two records with one
// place are an offset reused.
func (h *History) Acknowledge(p Place, id string) error {
	if was, ok := h.acked[p]; ok {
		return fmt.Errorf("offset reused: partition %d offset %d was acknowledged for %s and again for %s", p.Partition, p.Offset, was, id)
	}
	if was, ok := h.seen[p]; ok && was != id {
		return fmt.Errorf("offset reused: partition %d offset %d held %s, now %s was acknowledged there", p.Partition, p.Offset, was, id)
	}
	h.acked[p] = id
	return nil
}

// Acknowledged counts the acknowledged records.
func (h *History) Acknowledged() int { return len(h.acked) }

// Promised returns what is acknowledged up to now: what a read that begins now
// must show.
func (h *History) Promised() map[Place]string { return maps.Clone(h.acked) }

// CheckRead compares a whole read of the topic with what was promised before it
// began and with earlier reads, and remembers it. idempotent tells which ids
// must not stand twice.
func (h *History) CheckRead(read, promised map[Place]string, idempotent func(id string) bool) error {
	for p, id := range promised {
		switch got, ok := read[p]; {
		case !ok:
			return fmt.Errorf("lost: %s was acknowledged at partition %d offset %d and is not there", id, p.Partition, p.Offset)
		case got != id:
			return fmt.Errorf("changed: %s was acknowledged at partition %d offset %d, where %s stands", id, p.Partition, p.Offset, got)
		}
	}
	for p, id := range h.seen {
		if got, ok := read[p]; !ok || got != id {
			return fmt.Errorf("changed: partition %d offset %d held %s once and now %q", p.Partition, p.Offset, id, got)
		}
	}
	places := make(map[string]Place, len(read))
	for p, id := range read {
		if other, twice := places[id]; twice && idempotent(id) {
			return fmt.Errorf("doubled: %s of an idempotent producer stands at %v and %v", id, other, p)
		}
		places[id] = p
	}
	h.seen = read
	return nil
}
