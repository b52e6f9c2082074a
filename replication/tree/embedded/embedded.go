// Package embedded keeps the coordination tree of a single node in one file
// (bbolt), with ZooKeeper's semantics. A broker has one session: that of the
// process that has the file open. When it ends, by Close or by a crash, its
// ephemeral nodes are gone at the next opening. Tests of several brokers open
// more sessions on the same file with Join, and end them with Expire.
//
// The file has two buckets:
//
//	nodes   key    depth (1 byte: number of parts of the path) path
//	        value  flags czxid mzxid pzxid ctime mtime owner version creations children data
//	meta    "format" "zxid" "session": big-endian numbers
//
// Keys begin with the depth so that the children of a node lie side by side.
// A Multi is one transaction of bbolt: one fsync however many operations, and
// after a crash it is there whole or not at all.
//
// Crash points: before the transaction's meta page is on disk, nothing has
// happened; after it, everything has. A watch is told only after the second.
package embedded

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	bolt "go.etcd.io/bbolt"

	"github.com/leatmq/leat/replication/tree"
)

// FileName is the tree's file in the first data directory.
const FileName = "leat.db"

const formatVersion = 1

var (
	nodesBucket = []byte("nodes")
	metaBucket  = []byte("meta")
	formatKey   = []byte("format")
	zxidKey     = []byte("zxid")
	sessionKey  = []byte("session")
)

// Options change how a tree is opened. The zero value is right for a broker.
type Options struct {
	Now func() time.Time // nil: time.Now
}

// Tree is one session on an embedded tree.
type Tree struct {
	f       *file
	session int64
	fresh   bool
	watches watches       // guarded by f.mu
	ended   atomic.Int32  // running, closed or expired; set with f.mu held
	expired chan struct{} // closed when the session expires or is closed

	abandoned bool // its ephemeral nodes are still there; guarded by f.mu
}

// file is the open file and the sessions on it.
type file struct {
	db  *bolt.DB
	now func() time.Time

	mu       sync.Mutex // orders commits, and watches with the reads that set them
	sessions []*Tree    // those that have not ended
	open     int        // trees not closed yet: the last one closes db
}

// What may have become of a session.
const (
	running int32 = iota
	closed
	lapsed
)

var _ tree.Tree = (*Tree)(nil)

// Open opens the tree in the file, making it if there is none. A file that
// another process has open gives tree.ErrLocked, an unreadable one
// tree.ErrCorrupt.
func Open(path string, o Options) (*Tree, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	_, err := os.Stat(path)
	fresh := errors.Is(err, fs.ErrNotExist)
	db, err := openFile(path)
	if err != nil {
		return nil, err
	}
	t := newTree(&file{db: db, now: o.Now}, fresh)
	if err := t.begin(); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w", path, err), db.Close())
	}
	return t, nil
}

// newTree is a session that has not begun.
func newTree(f *file, fresh bool) *Tree {
	f.open++
	t := &Tree{f: f, fresh: fresh, expired: make(chan struct{})}
	f.sessions = append(f.sessions, t)
	return t
}

// Fresh says whether this Open made the file: the node has no history in it.
func (t *Tree) Fresh() bool { return t.fresh }

// Session is the number of this opening, from 1.
func (t *Tree) Session() int64 { return t.session }

// begin starts the session: it numbers it, and removes what the sessions before
// it left behind.
func (t *Tree) begin() error {
	return t.f.db.Update(func(tx *bolt.Tx) error {
		meta, err := tx.CreateBucketIfNotExists(metaBucket)
		if err != nil {
			return err
		}
		if _, err := tx.CreateBucketIfNotExists(nodesBucket); err != nil {
			return err
		}
		switch v := number(meta.Get(formatKey)); v {
		case formatVersion:
		case 0:
			if err := meta.Put(formatKey, numberBytes(formatVersion)); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: format %d, this version knows %d", tree.ErrCorrupt, v, formatVersion)
		}
		if err := t.number(meta); err != nil {
			return err
		}
		c := change{nodes: tx.Bucket(nodesBucket), session: t.session, now: t.f.now().UnixMilli()}
		if err := c.nextZxid(meta); err != nil {
			return err
		}
		if err := c.ensureRoot(); err != nil {
			return err
		}
		return c.dropEphemerals(anyone)
	})
}

// number gives the session the next number.
func (t *Tree) number(meta *bolt.Bucket) error {
	t.session = number(meta.Get(sessionKey)) + 1
	return meta.Put(sessionKey, numberBytes(t.session))
}

// Close ends the session: its ephemeral nodes are removed and the file is let
// go.
func (t *Tree) Close() error {
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	if t.ended.Load() == closed {
		return nil
	}
	return errors.Join(t.finish(closed), t.release())
}

// Abandon lets the file go as a crash would: ephemeral nodes stay in it until
// the next Open or, where other sessions have the file open, until Expire.
func (t *Tree) Abandon() error {
	t.f.mu.Lock()
	defer t.f.mu.Unlock()
	if t.ended.Load() == closed {
		return nil
	}
	if t.ended.Swap(closed) == running {
		t.f.sessions = slices.DeleteFunc(t.f.sessions, func(other *Tree) bool { return other == t })
		t.abandoned = true
		close(t.expired)
	}
	return t.release()
}

// Expired is closed when the session has expired or is closed.
func (t *Tree) Expired() <-chan struct{} { return t.expired }

// update runs one change in one transaction.
func (t *Tree) update(f func(*change) error) error {
	return t.f.db.Update(func(tx *bolt.Tx) error {
		c := change{nodes: tx.Bucket(nodesBucket), session: t.session, now: t.f.now().UnixMilli()}
		if err := c.nextZxid(tx.Bucket(metaBucket)); err != nil {
			return err
		}
		return f(&c)
	})
}

func number(b []byte) int64 {
	if len(b) != 8 {
		return 0
	}
	return int64(binary.BigEndian.Uint64(b))
}

func numberBytes(n int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(n)) }
