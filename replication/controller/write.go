package controller

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// The most that one Multi has. A ZooKeeper server takes 1 MiB at once
// (jute.maxbuffer), and its other clients wait meanwhile.
const (
	maxOps   = 1000
	maxBytes = 600_000
)

// errConflict means that the tree is not as the picture has it: it must be read
// again before anything is decided.
var errConflict = errors.New("the tree has changed")

// write does the operations of a step under the check that this is still the
// controller, in order, in as few Multis as their size allows. What a Multi that
// fails leaves undone is decided again by who reads the tree afterwards; so each
// step's operations stand in an order in which every beginning of them is
// sound: a topic before its partitions' states, children gone before parents.
func (t *term) write(writes []tree.Op) error {
	for len(writes) > 0 {
		n, size := 0, 0
		for n < min(len(writes), maxOps) && (n == 0 || size+opSize(&writes[n]) <= maxBytes) {
			size += opSize(&writes[n])
			n++
		}
		if err := t.multi(writes[:n]); err != nil {
			return err
		}
		writes = writes[n:]
	}
	return nil
}

// opSize is about what an operation takes in a request.
func opSize(op *tree.Op) int { return len(op.Path) + len(op.Data) + 64 }

// multi does the operations, all or none. Where one fails because what it is to
// bring about is so already, the others are done without it.
func (t *term) multi(writes []tree.Op) error {
	ops := append([]tree.Op{tree.Check(znode.ControllerEpoch, t.epochNode)}, writes...)
	for {
		_, err := t.tree.Multi(ops...)
		var multi *tree.MultiError
		if !errors.As(err, &multi) {
			return err
		}
		if multi.Index == 0 {
			return fmt.Errorf("%w: %w", ErrNotController, err)
		}
		op := &ops[multi.Index]
		switch {
		case needless(op, multi.Err):
			if ops = slices.Delete(ops, multi.Index, multi.Index+1); len(ops) == 1 {
				return nil
			}
		case op.Kind == tree.OpCreate && isConfig(op.Path) && errors.Is(multi.Err, tree.ErrNodeExists):
			*op = tree.Set(op.Path, op.Data, tree.AnyVersion)
		case isAny(multi.Err, tree.ErrBadVersion, tree.ErrNodeExists, tree.ErrNoNode, tree.ErrNotEmpty):
			return fmt.Errorf("%w: %w", errConflict, err)
		default:
			return err
		}
	}
}

// needless says whether what an operation is to bring about is so already: a
// folder is there, a node is gone.
func needless(op *tree.Op, cause error) bool {
	switch op.Kind {
	case tree.OpCreate:
		return op.Data == nil && op.Flags == 0 && errors.Is(cause, tree.ErrNodeExists)
	case tree.OpDelete:
		return errors.Is(cause, tree.ErrNoNode)
	}
	return false
}

func isConfig(path string) bool { return strings.HasPrefix(path, znode.Configs+"/") }

func isAny(err error, kinds ...error) bool {
	return slices.ContainsFunc(kinds, func(kind error) bool { return errors.Is(err, kind) })
}
