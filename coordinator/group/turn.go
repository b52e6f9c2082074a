package group

import (
	"time"

	"github.com/leatmq/leat/coordinator/group/entry"
)

// Turn is one input's surroundings and what came of it. It may be used again after Begin.
type Turn struct {
	Now    time.Time
	Config *Config
	// Room is how many bytes more the members of all groups may hold.
	Room int64

	// Joined and Synced are the answers to parked requests, in order.
	Joined []JoinAnswer
	Synced []SyncAnswer
	// Records must be appended as one batch, and Written called, before the next input.
	Records []Record
	// Numbered says that the batch has the base sequence 0, as Kafka gives it to offsets.
	Numbered bool
	// Notes tell of what is worth a log line.
	Notes []Note

	group *Group
	write write
	bytes []byte // what keys and values of Records are in
}

// Record is a key and a value for __consumer_offsets; a nil value deletes the key.
type Record struct {
	Key, Value []byte
}

// Appended is how appending a Turn's Records went.
type Appended struct {
	Base  int64 // the first record's offset, when there was no fault
	Fault Fault
}

// Note is something that happened to a group.
type Note struct {
	Group      string
	Generation int32
	Event      string
	Member     string // empty where none had a part in it
}

// write is what is to be done when the records are appended or could not be.
type write interface {
	written(t *Turn, a Appended)
}

// Begin makes the turn ready for an input.
func (t *Turn) Begin(now time.Time, c *Config) {
	t.Now, t.Config = now, c
	clear(t.Joined)
	clear(t.Synced)
	clear(t.Notes)
	t.Joined, t.Synced, t.Notes = t.Joined[:0], t.Synced[:0], t.Notes[:0]
	t.group, t.write = nil, nil
	t.dropRecords()
}

func (t *Turn) dropRecords() {
	clear(t.Records)
	t.Records, t.Numbered = t.Records[:0], false
	t.bytes = t.bytes[:0]
}

func (t *Turn) note(g *Group, event, member string) {
	t.Notes = append(t.Notes, Note{g.id, g.generation, event, member})
}

// cut returns what has been put on t.bytes from index at on.
func (t *Turn) cut(at int) []byte { return t.bytes[at:len(t.bytes):len(t.bytes)] }

// recordOffset asks for a committed offset to be written.
func (t *Turn) recordOffset(group string, at Partition, v entry.OffsetValue) {
	n := len(t.bytes)
	t.bytes = entry.AppendOffsetKey(t.bytes, group, at.Topic, at.Index)
	key := t.cut(n)
	n = len(t.bytes)
	t.bytes = entry.AppendOffset(t.bytes, v)
	t.Records = append(t.Records, Record{key, t.cut(n)})
}

// eraseOffset asks for a committed offset to be deleted.
func (t *Turn) eraseOffset(group string, at Partition) {
	n := len(t.bytes)
	t.bytes = entry.AppendOffsetKey(t.bytes, group, at.Topic, at.Index)
	t.Records = append(t.Records, Record{t.cut(n), nil})
}

// recordGroup asks for a group to be written.
func (t *Turn) recordGroup(group string, v entry.GroupValue) {
	n := len(t.bytes)
	t.bytes = entry.AppendGroupKey(t.bytes, group)
	key := t.cut(n)
	n = len(t.bytes)
	t.bytes = entry.AppendGroup(t.bytes, v)
	t.Records = append(t.Records, Record{key, t.cut(n)})
}

// eraseGroup asks for a group to be deleted.
func (t *Turn) eraseGroup(group string) {
	n := len(t.bytes)
	t.bytes = entry.AppendGroupKey(t.bytes, group)
	t.Records = append(t.Records, Record{t.cut(n), nil})
}
