package crashfs

import (
	"math/rand/v2"
	"time"
)

// sector is what the disk writes at once: a torn write keeps whole sectors.
const sector = 512

// node is a file or a directory, whatever its names.
type node struct {
	mtime time.Time

	// Of a file.
	linked  bool     // it has a name
	opens   int      // handles of this generation
	data    []byte   // what readers see
	durable []byte   // what a crash cannot take
	waiting []change // from durable to data, in order

	// Of a directory; names is nil in a file.
	names        map[string]*node // what readers see
	durableNames map[string]*node
	moves        []*move // from durableNames to names, in order
}

// change is a write or a truncation of a file that has not been synced.
type change struct {
	off  int64
	data []byte // nil: a truncation to off
}

// move is a change of names that has not been synced: a creation, a removal, or
// a rename, which may concern two directories. It happens whole or not at all.
type move struct {
	parts []part
	done  bool // already durable, through another directory
}

// part sets a name in a directory; a nil node removes it.
type part struct {
	dir  *node
	name string
	to   *node
}

func newDir(now time.Time) *node {
	return &node{mtime: now, names: map[string]*node{}, durableNames: map[string]*node{}}
}

func (n *node) isDir() bool { return n.names != nil }

// apply does one change to a content.
func (c change) apply(content []byte) []byte {
	if c.data == nil {
		return resize(content, c.off)
	}
	if end := c.off + int64(len(c.data)); end > int64(len(content)) {
		content = resize(content, end)
	}
	copy(content[c.off:], c.data)
	return content
}

// resize cuts a content or lengthens it with zeros.
func resize(content []byte, size int64) []byte {
	if size <= int64(len(content)) {
		return content[:size]
	}
	return append(content, make([]byte, size-int64(len(content)))...)
}

// sync makes the content durable.
func (n *node) sync() {
	for _, c := range n.waiting {
		n.durable = c.apply(n.durable)
	}
	n.waiting = nil
}

// settle makes a random part of what waits durable and forgets the rest.
func (n *node) settle(rng *rand.Rand) {
	kept := pick(rng, len(n.waiting))
	for i, c := range n.waiting {
		switch {
		case !kept(i):
			if c.data != nil && rng.IntN(8) == 0 { // the length without the bytes
				n.durable = resize(n.durable, max(int64(len(n.durable)), c.off+int64(len(c.data))))
			}
		case c.data != nil && rng.IntN(3) == 0:
			n.durable = c.tear(rng, n.durable)
		default:
			n.durable = c.apply(n.durable)
		}
	}
	n.waiting = nil
}

// tear writes some of the sectors that a write touches: a prefix or any.
func (c change) tear(rng *rand.Rand, content []byte) []byte {
	first := c.off / sector
	count := (c.off+int64(len(c.data))-1)/sector - first + 1
	kept := pick(rng, int(count))
	for i := range count {
		if !kept(int(i)) {
			continue
		}
		from := max(c.off, (first+i)*sector)
		to := min(c.off+int64(len(c.data)), (first+i+1)*sector)
		content = change{from, c.data[from-c.off : to-c.off]}.apply(content)
	}
	return content
}

// pick chooses which of n things in a row reach the disk: all, none, a prefix,
// or each by chance.
func pick(rng *rand.Rand, n int) func(i int) bool {
	switch rng.IntN(6) {
	case 0:
		return func(int) bool { return true }
	case 1:
		return func(int) bool { return false }
	case 2, 3:
		prefix := rng.IntN(n + 1)
		return func(i int) bool { return i < prefix }
	}
	return func(int) bool { return rng.IntN(2) == 0 }
}

// each calls visit for every file below n, ordered by path.
func (n *node) each(visit func(*node)) {
	for _, name := range sortedNames(n.names) {
		if child := n.names[name]; child.isDir() {
			child.each(visit)
		} else {
			visit(child)
		}
	}
}
