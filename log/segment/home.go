package segment

import (
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/leatmq/leat/log/vfs"
)

// Home is where the segments of one log live, and what they share.
type Home struct {
	fsys   vfs.FS
	files  *FileCache
	logger *slog.Logger
	// interval is index.interval.bytes
	interval atomic.Int64

	mu  sync.RWMutex // held for reading while a file is opened by name
	dir string
}

// NewHome returns the home of a log's segments.
func NewHome(fsys vfs.FS, dir string, files *FileCache, logger *slog.Logger) *Home {
	return &Home{fsys: fsys, dir: dir, files: files, logger: logger}
}

// SetIndexInterval sets how many bytes of log get at most one index entry
// (index.interval.bytes).
func (h *Home) SetIndexInterval(bytes int) { h.interval.Store(int64(bytes)) }

// Dir returns the directory.
func (h *Home) Dir() string {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.dir
}

// Path returns the path of a file in the directory.
func (h *Home) Path(name string) string { return filepath.Join(h.Dir(), name) }

// Move renames the directory. Files that are open stay so.
func (h *Home) Move(dir string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if dir == h.dir {
		return nil
	}
	if err := h.fsys.Rename(h.dir, dir); err != nil {
		return err
	}
	h.dir = dir
	return nil
}

// open opens a file by name, while the directory keeps its name.
func (h *Home) open(name string, flag int) (vfs.File, error) {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return h.fsys.OpenFile(filepath.Join(h.dir, name), flag, 0o644)
}

// within runs do with the path of a file, while the directory keeps its name.
func (h *Home) within(name string, do func(path string) error) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	return do(filepath.Join(h.dir, name))
}

// remove removes a file, if it is there.
func (h *Home) remove(name string) error {
	return h.within(name, func(path string) error {
		if err := h.fsys.Remove(path); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	})
}

// rename gives a file another name, if it is there.
func (h *Home) rename(from, to string) error {
	h.mu.RLock()
	defer h.mu.RUnlock()
	err := h.fsys.Rename(filepath.Join(h.dir, from), filepath.Join(h.dir, to))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
