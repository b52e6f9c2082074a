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

// closeLogs closes the logs, some at a time, until ctx ends.
func (d *Dir) closeLogs(ctx context.Context) error {
	var all errgroup.Group
	all.SetLimit(closers * d.set.o.Threads)
	for _, h := range append(d.held(), d.coming()...) {
		all.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return h.log.Close()
		})
	}
	return all.Wait()
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
		if d.lock != nil {
			errs = append(errs, d.lock.Close())
			d.lock = nil
		}
	}
	return errors.Join(errs...)
}
