package embedded

import (
	"encoding/binary"
	"fmt"
	"strings"

	"github.com/leatmq/leat/replication/tree"
)

// headerSize is what stands before a node's data.
const headerSize = 1 + 6*8 + 3*4

// hasData tells an empty datum from none.
const hasData = 1

// node is a decoded value. Its creations count is what names sequential
// children; ZooKeeper's cversion, which also counts deletions, follows from it.
type node struct {
	stat      tree.Stat
	creations int32
	data      []byte // aliases the transaction's page
}

func decodeNode(value []byte) (node, error) {
	if len(value) < headerSize {
		return node{}, fmt.Errorf("%w: value of %d bytes", tree.ErrCorrupt, len(value))
	}
	be := binary.BigEndian
	long := func(i int) int64 { return int64(be.Uint64(value[1+8*i:])) }
	short := func(i int) int32 { return int32(be.Uint32(value[1+6*8+4*i:])) }
	n := node{creations: short(1)}
	n.stat = tree.Stat{
		Czxid: long(0), Mzxid: long(1), Pzxid: long(2), Ctime: long(3), Mtime: long(4), EphemeralOwner: long(5),
		Version: short(0), NumChildren: short(2), DataLength: int32(len(value) - headerSize),
	}
	n.stat.Cversion = 2*n.creations - n.stat.NumChildren
	if value[0]&hasData != 0 {
		n.data = value[headerSize:]
	}
	return n, nil
}

func (n *node) encode() []byte {
	be := binary.BigEndian
	b := make([]byte, 1, headerSize+len(n.data))
	if n.data != nil {
		b[0] = hasData
	}
	s := &n.stat
	for _, v := range [...]int64{s.Czxid, s.Mzxid, s.Pzxid, s.Ctime, s.Mtime, s.EphemeralOwner} {
		b = be.AppendUint64(b, uint64(v))
	}
	for _, v := range [...]int32{s.Version, n.creations, s.NumChildren} {
		b = be.AppendUint32(b, uint32(v))
	}
	return append(b, n.data...)
}

// view is the node's Stat after a change to it.
func (n *node) view() tree.Stat {
	n.stat.DataLength = int32(len(n.data))
	n.stat.Cversion = 2*n.creations - n.stat.NumChildren
	return n.stat
}

// maxDepth is what fits in the key's first byte.
const maxDepth = 255

// key is a node's key: its depth, then its path.
func key(path string) []byte {
	b := make([]byte, 0, 1+len(path))
	return append(append(b, depth(path)), path...)
}

// childrenPrefix is what the keys of all children of a node, and of no other
// node, begin with.
func childrenPrefix(path string) []byte {
	b := make([]byte, 0, 2+len(path))
	b = append(append(b, depth(path)+1), path...)
	if path != "/" {
		b = append(b, '/')
	}
	return b
}

func depth(path string) byte {
	if path == "/" {
		return 0
	}
	return byte(strings.Count(path, "/"))
}

// checkPath is tree.ValidatePath and the limits of this store.
func checkPath(path string) error {
	if err := tree.ValidatePath(path); err != nil {
		return err
	}
	if strings.Count(path, "/") >= maxDepth || len(path) > 1<<14 {
		return fmt.Errorf("path of %d bytes: %w", len(path), tree.ErrBadPath)
	}
	return nil
}
