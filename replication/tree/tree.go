// Package tree is the coordination tree: a small hierarchy of nodes with
// versions, sessions and one-shot watches, in which the cluster keeps what it
// must agree on. Its shape is ZooKeeper's, so that Kafka's own paths fit in it:
//
//	node      path, data, Stat; persistent or ephemeral (gone with its session)
//	sequence  a created name may get a 10-digit counter of its parent
//	version   of the data, from 0; a write may demand the version it has read
//	zxid      number of the change; all parts of a Multi have the same
//	watch     told once of the next change of a node, or of its children
//
// package embedded keeps the tree of a single node in one file, package zk is a
// session on a ZooKeeper ensemble; package treetest is what both must pass.
package tree

import "errors"

// The errors of a tree. Implementations wrap them with the path.
var (
	ErrNoNode     = errors.New("no such node")
	ErrNodeExists = errors.New("node exists")
	ErrBadVersion = errors.New("node has another version")
	ErrNotEmpty   = errors.New("node has children")
	ErrNoChildren = errors.New("ephemeral nodes have no children")
	ErrBadPath    = errors.New("malformed path")
	ErrRolledBack = errors.New("another part of the multi failed")
	ErrClosed     = errors.New("tree is closed")
	ErrExpired    = errors.New("session has expired")
	ErrCorrupt    = errors.New("tree file is damaged")
	ErrLocked     = errors.New("tree file is in use by another process")
	ErrTooLarge   = errors.New("node is too large")
	ErrNoAuth     = errors.New("not allowed by the node's access list")
)

// AnyVersion makes a write unconditional.
const AnyVersion int32 = -1

// MaxData is the most bytes a node may hold: what a ZooKeeper client of Kafka's
// settings can read.
const MaxData = 4 << 20

// Stat is what the tree knows about a node.
type Stat struct {
	Czxid, Mzxid, Pzxid int64 // changes that created it, set it, changed its children
	Ctime, Mtime        int64 // milliseconds since 1970
	Version             int32 // how often the data was set
	Cversion            int32 // how often the list of children changed
	EphemeralOwner      int64 // session, 0 for a persistent node
	DataLength          int32
	NumChildren         int32
}

// Node is what Get returns.
type Node struct {
	Data []byte // nil: none
	Stat Stat
}

// EventType says what a watch has seen.
type EventType int8

// The events, with ZooKeeper's numbers.
const (
	NodeCreated         EventType = 1
	NodeDeleted         EventType = 2
	NodeDataChanged     EventType = 3
	NodeChildrenChanged EventType = 4
	SessionExpired      EventType = -112
)

// Event is what a watch is told. After it the watch is spent.
type Event struct {
	Type EventType
	Path string
}

// Watch is called at most once, in the order of the changes, after the change
// can be read. It must not block and must not call the tree. A nil Watch is
// none.
type Watch func(Event)

// Tree is one session on a coordination tree. All methods may be called
// concurrently. After a session has expired all of them return ErrExpired.
type Tree interface {
	// Get reads a node. The watch sees it set or deleted; where the answer is
	// ErrNoNode no watch is left.
	Get(path string, w Watch) (Node, error)
	// GetAll reads many nodes at once; a missing one has a negative
	// Stat.Version and no error.
	GetAll(paths []string) ([]Node, error)
	// Exists is Get without the data. Where the answer is ErrNoNode the watch
	// stays and sees the node created.
	Exists(path string, w Watch) (Stat, error)
	// Children lists a node's children, sorted. The watch sees a child come or
	// go, or the node deleted.
	Children(path string, w Watch) ([]string, Stat, error)
	// Multi does all of the operations or none. On failure the error is a
	// *MultiError that names the first one that failed.
	Multi(ops ...Op) ([]Result, error)
	// Session is the id of this session, never 0.
	Session() int64
	// Expired is closed when the session has expired. Close closes it too.
	Expired() <-chan struct{}
	// Close ends the session: its ephemeral nodes go.
	Close() error
}
