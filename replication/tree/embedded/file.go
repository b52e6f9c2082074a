package embedded

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"

	"github.com/leatmq/leat/replication/tree"
)

// lockTimeout is how long another process may still hold the file. One that is
// just ending needs a moment.
const lockTimeout = 200 * time.Millisecond

// openFile opens the file for writing, after proving that it can be read.
func openFile(path string) (*bolt.DB, error) {
	if err := verify(path); err != nil {
		return nil, err
	}
	db, err := bolt.Open(path, 0o600, &bolt.Options{
		Timeout:        lockTimeout,
		NoFreelistSync: true,
		FreelistType:   bolt.FreelistMapType,
	})
	if err != nil {
		return nil, openError(path, err)
	}
	return db, nil
}

// verify reads every node once. bbolt takes its pages from mapped memory and
// panics at a damaged one, or faults beyond the end of a file cut short, partly
// on goroutines of its own, where nothing could catch it. So all of them are
// looked at here first, on this goroutine.
func verify(path string) (err error) {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Size() == 0:
		return nil
	case err != nil:
		return fmt.Errorf("open tree: %w", err)
	case info.Size() < 4*int64(os.Getpagesize()):
		return corrupt(path, fmt.Sprintf("only %d bytes long", info.Size()))
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if r := recover(); r != nil {
			err = corrupt(path, r)
		}
	}()
	db, err := bolt.Open(path, 0o600, &bolt.Options{ReadOnly: true, Timeout: lockTimeout})
	if err != nil {
		return openError(path, err)
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return db.View(func(tx *bolt.Tx) error {
		if info.Size() < tx.Size() {
			return corrupt(path, fmt.Sprintf("%d bytes long instead of %d", info.Size(), tx.Size()))
		}
		nodes := tx.Bucket(nodesBucket)
		if nodes == nil {
			return nil
		}
		return nodes.ForEach(func(k, v []byte) error {
			if _, err := decodeNode(v); err != nil {
				return corrupt(path, fmt.Sprintf("node %q: %v", k, err))
			}
			return nil
		})
	})
}

func openError(path string, err error) error {
	switch {
	case errors.Is(err, bolterrors.ErrTimeout):
		return fmt.Errorf("%s: %w", path, tree.ErrLocked)
	case errors.Is(err, bolterrors.ErrInvalid), errors.Is(err, bolterrors.ErrChecksum), errors.Is(err, bolterrors.ErrVersionMismatch):
		return corrupt(path, err)
	}
	return fmt.Errorf("open tree: %w", err)
}

func corrupt(path string, cause any) error {
	return fmt.Errorf("%s: %w: %v; move it away to start with an empty tree, into which "+
		"the partitions of the data directory are adopted", path, tree.ErrCorrupt, cause)
}
