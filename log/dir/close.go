package dir

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/leatmq/leat/log/checkpoint"
)

// Close flushes and closes every log, writes the checkpoints and then the
// clean-shutdown mark of each directory that is online, and gives the locks
// back. Run must have returned. When ctx ends first, what is not closed yet
// stays unclean and is recovered at the next start.
func (s *Set) Close(ctx context.Context) error {
	var all sync.WaitGroup
	errs := make([]error, len(s.dirs))
	for i, d := range s.dirs {
		all.Go(func() { errs[i] = d.close(ctx) })
	}
	all.Wait()
	return errors.Join(errors.Join(errs...), s.unlock())
}

// close closes the logs and, if that went well with all of them, says so with
// the mark.
func (d *Dir) close(ctx context.Context) error {
	offline := d.Err() != nil // then it was said when it happened
	err := d.closeLogs(ctx)
	d.removeNow(ctx)
	if err == nil {
		err = d.markClean()
	}
	if err != nil && !offline {
		return fmt.Errorf("%s is not shut down cleanly: %w", d.path, err)
	}
	return nil //nolint:nilerr // of a directory that is offline the error was told when it went
}

// markClean writes the checkpoints and then the mark, if all logs were opened
// and closed.
func (d *Dir) markClean() error {
	if err := d.checkpoint(); err != nil {
		return err
	}
	d.set.mu.RLock()
	broken := len(d.broken)
	d.set.mu.RUnlock()
	if broken > 0 {
		return nil
	}
	path := filepath.Join(d.path, checkpoint.CleanShutdownFile)
	return checkpoint.WriteClean(d.set.o.FS, path, checkpoint.NoBrokerEpoch)
}

// closers is how many logs are closed at a time, for each thread: closing waits
// for the disk, and those that wait together share its commits.
const closers = 32

// manyLogs is from how many logs on one sync of the whole file system costs less
// than those of each log.
const manyLogs = 256

// closeLogs closes the logs, some at a time, until ctx ends.
func (d *Dir) closeLogs(ctx context.Context) error {
	logs := append(d.held(), d.coming()...)
	if d.barrier != nil && len(logs) >= manyLogs {
		return d.closeMany(ctx, logs)
	}
	var all errgroup.Group
	all.SetLimit(closers * d.set.o.Threads)
	for _, h := range logs {
		all.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return h.log.Close()
		})
	}
	return all.Wait()
}

// closeMany closes logs that share one sync: each writes what it has, the last to
// have written syncs the file system, and then all are closed.
func (d *Dir) closeMany(ctx context.Context, logs []*held) error {
	var all errgroup.Group
	var written sync.WaitGroup
	synced := sync.OnceValue(func() error {
		written.Wait()
		return errors.Join(ctx.Err(), d.barrier.Sync())
	})
	writers := make(chan struct{}, closers*d.set.o.Threads)
	written.Add(len(logs))
	for _, h := range logs {
		all.Go(func() error {
			done := sync.OnceFunc(func() { written.Done(); <-writers })
			writers <- struct{}{}
			defer done() // of a log that fails, or is closed already
			if err := ctx.Err(); err != nil {
				return err
			}
			return h.log.CloseWith(func() error {
				done()
				return synced()
			})
		})
	}
	if err := all.Wait(); err != nil {
		return err
	}
	return d.barrier.Sync() // the names
}

// closeLogs closes the logs of directories that are not to be used after all.
func (s *Set) closeLogs() error {
	var errs []error
	for _, d := range s.dirs {
		errs = append(errs, d.closeLogs(context.Background()))
	}
	return errors.Join(errs...)
}

// unlock lets another broker have the directories.
func (s *Set) unlock() error {
	var errs []error
	for _, d := range s.dirs {
		if d.barrier != nil {
			errs = append(errs, d.barrier.Close())
			d.barrier = nil
		}
		if d.lock != nil {
			errs = append(errs, d.lock.Close())
			d.lock = nil
		}
	}
	return errors.Join(errs...)
}
