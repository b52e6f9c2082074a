package log

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/epoch"
	"github.com/leatmq/leat/log/vfs"
)

// TopicID returns the topic's id; zero when it has none.
func (l *Log) TopicID() [16]byte {
	if id := l.topicID.Load(); id != nil {
		return *id
	}
	return [16]byte{}
}

// SetTopicID gives an id to a log that has none yet. It is written to
// partition.metadata before the next append. A log that has another one keeps it
// and returns an error: the directory belongs to another topic of that name.
func (l *Log) SetTopicID(id [16]byte) error {
	if id == [16]byte{} {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	if have := l.TopicID(); have == id {
		return nil
	} else if have != [16]byte{} {
		return fmt.Errorf("%s belongs to the topic of id %x, not %x", l.Dir(), have, id)
	}
	l.topicID.Store(&id)
	l.metaPending = true
	return nil
}

// writeMeta writes partition.metadata if that is still to be done.
func (l *Log) writeMeta() error {
	if !l.metaPending {
		return nil
	}
	if err := checkpoint.WritePartitionMeta(l.fs(), l.home.Path(checkpoint.PartitionMetaFile), l.TopicID()); err != nil {
		return l.failWrite("write topic id", err)
	}
	l.metaPending = false
	return nil
}

// draftMeta is writeMeta up to the point where it would wait for the disk;
// placeMeta is the rest.
func (l *Log) draftMeta() error {
	if !l.metaPending {
		return nil
	}
	data := checkpoint.EncodePartitionMeta(l.TopicID())
	return l.failWrite("write topic id", vfs.Draft(l.fs(), l.home.Path(checkpoint.PartitionMetaFile), data))
}

func (l *Log) placeMeta() error {
	if !l.metaPending {
		return nil
	}
	if err := vfs.Place(l.fs(), l.home.Path(checkpoint.PartitionMetaFile)); err != nil {
		return l.failWrite("write topic id", err)
	}
	l.metaPending = false
	return nil
}

// loadMeta reads partition.metadata. One that cannot be read is an error: whose data
// this is must not be guessed.
func (l *Log) loadMeta() error {
	id, err := checkpoint.ReadPartitionMeta(l.fs(), l.home.Path(checkpoint.PartitionMetaFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if l.o.TopicID != [16]byte{} {
			l.topicID.Store(&l.o.TopicID)
			l.metaPending = true
		}
		return nil
	case err != nil:
		return err
	}
	l.topicID.Store(&id)
	if want := l.o.TopicID; want != [16]byte{} && want != id {
		return fmt.Errorf("%s belongs to the topic of id %x, not %x", l.Dir(), id, want)
	}
	return nil
}

// AssignEpoch notes that epoch begins at the end of the log: called when this
// broker becomes leader. It is written to disk before it returns; while the disk is
// full, before the next append.
func (l *Log) AssignEpoch(leaderEpoch int32) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.usable(); err != nil {
		return err
	}
	l.state.Lock()
	changed := l.epochs.Assign(epoch.Entry{Epoch: leaderEpoch, Start: l.EndOffset()})
	l.state.Unlock()
	if !changed {
		return nil
	}
	l.epochPending = true
	if err := l.writeEpochs(); !passes(err) {
		return err
	}
	return nil
}

// writePendingEpoch writes an epoch that AssignEpoch found no room for.
func (l *Log) writePendingEpoch() error {
	if !l.epochPending {
		return nil
	}
	return l.writeEpochs()
}

// writeEpochs replaces the leader-epoch checkpoint; the caller holds mu.
func (l *Log) writeEpochs() error {
	l.state.Lock()
	entries := l.epochs.Entries()
	dirty := l.epochsDirty
	l.epochsDirty = false
	l.state.Unlock()
	if err := checkpoint.WriteEpochs(l.fs(), l.home.Path(checkpoint.LeaderEpochFile), entries); err != nil {
		l.state.Lock()
		l.epochsDirty = dirty
		l.state.Unlock()
		return l.failWrite("write leader epochs", err)
	}
	l.epochPending = false
	return nil
}

// writeDirtyEpochs does so if a truncation or an epoch is not in the file yet.
func (l *Log) writeDirtyEpochs() error {
	l.state.Lock()
	dirty := l.epochsDirty
	l.state.Unlock()
	if !dirty && !l.epochPending {
		return nil
	}
	return l.writeEpochs()
}

// LatestEpoch returns the newest leader epoch, -1 when there is none.
func (l *Log) LatestEpoch() int32 {
	l.state.Lock()
	defer l.state.Unlock()
	return l.epochs.Latest().Epoch
}

// EndOffsetForEpoch returns the largest epoch that is not above the asked one
// and the offset at which it ended; (-1, -1) when unknown
// (OffsetForLeaderEpoch, KIP-101, KIP-279).
func (l *Log) EndOffsetForEpoch(leaderEpoch int32) (found int32, end int64) {
	l.state.Lock()
	defer l.state.Unlock()
	return l.epochs.EndOffsetFor(leaderEpoch, l.EndOffset())
}

// EpochAt returns the leader epoch of the record at an offset, -1 when unknown.
func (l *Log) EpochAt(offset int64) int32 {
	l.state.Lock()
	defer l.state.Unlock()
	return l.epochs.At(offset)
}
