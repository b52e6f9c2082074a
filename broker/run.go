package broker

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/leatmq/leat/broker/api"
	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/tree/embedded"
)

// state is what Run makes: the parts of a running broker. Before Run, and while
// it starts, all are nil.
type state struct {
	mu         sync.RWMutex // guards the fields, which scrapes read
	files      *log.FileCache
	dirs       *dir.Set
	partitions *partition.Set
	controller *controller.Controller
	groups     *coordinator.Groups
}

// Run starts everything, serves until ctx ends, and stops everything. It
// returns nil after a clean stop.
func (b *Broker) Run(ctx context.Context) error {
	began := time.Now()
	admin := b.background("admin port", b.serveAdmin)
	defer admin.end()
	err := b.run(ctx, began)
	if err != nil {
		b.logger.Error("the broker ends with an error", "error", err)
	}
	return err
}

// run is Run inside the life of the admin port.
func (b *Broker) run(ctx context.Context, began time.Time) (err error) {
	files := log.NewFileCache(b.config.Int("leat.log.files.max.open"))
	dirs, err := dir.Open(b.config.Dirs(), b.dirOptions(files))
	if err != nil {
		return errors.Join(err, b.server.Close())
	}
	defer func() { err = errors.Join(err, b.closeDirs(dirs)) }()

	store, err := embedded.Open(filepath.Join(dirs.Dirs()[0].Path(), treeFile), embedded.Options{})
	if err != nil {
		return errors.Join(fmt.Errorf("broker: %w", err), b.server.Close())
	}
	defer func() { err = errors.Join(err, store.Close()) }()

	b.assemble(files, dirs, store)
	failed := make(chan error, len(b.tasks()))
	for _, task := range b.tasks() {
		running := b.background(task.name, func(ctx context.Context) error {
			err := task.run(ctx)
			if err != nil {
				failed <- fmt.Errorf("%s: %w", task.name, err)
			}
			return err
		})
		defer running.end()
	}
	return b.serve(ctx, began, failed)
}

// treeFile holds the embedded coordination tree, in the first data directory.
const treeFile = "leat.db"

// task is one part that works in the background while the broker serves.
type task struct {
	name string
	run  func(context.Context) error
}

// tasks are the background parts in the order in which they start; they stop in
// the opposite one.
func (b *Broker) tasks() []task {
	return []task{
		{"data directories", b.state.dirs.Run},
		{"partitions", b.state.partitions.Run},
		{"group coordinator", b.state.groups.Run},
		{"controller", b.state.controller.Run},
	}
}

// assemble makes the parts over the open directories and the tree.
func (b *Broker) assemble(files *log.FileCache, dirs *dir.Set, store *embedded.Tree) {
	s := &b.state
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files, s.dirs = files, dirs
	s.partitions = partition.NewSet(partition.Options{
		Dirs: dirs, GroupCommit: b.config.String("leat.fsync") == "group", Logger: b.logger,
	})
	s.groups = coordinator.New(coordinator.Options{
		Log: groupsLog{s.partitions, func() *controller.Controller { return s.controller }, b.config}, Config: b.groupConfig, Logger: b.logger,
	})
	s.controller = controller.New(b.controllerOptions(dirs, store))
	b.handler.api.Store(api.New(api.Deps{
		BrokerID:   dirs.BrokerID(),
		Partitions: s.partitions,
		Dirs:       dirs,
		Image:      s.controller.Image,
		Controller: s.controller,
		Groups:     s.groups,
		Config:     b.config,
		Metrics:    b.metrics,
		Logger:     b.logger,
	}))
}

// serve waits until everything is led, serves clients, and returns when ctx
// ends, after the last answer, or when a part has failed.
func (b *Broker) serve(ctx context.Context, began time.Time, failed <-chan error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	select {
	case <-b.state.controller.Ready():
	case err := <-failed:
		return errors.Join(err, b.server.Close())
	case <-ctx.Done():
		return b.server.Close()
	}
	apis := b.background("apis", b.handler.api.Load().Run)
	server := b.background("server", b.server.Serve)
	close(b.ready)
	b.announceReady(time.Since(began))
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	case <-server.done:
	}
	b.announceStopping()
	server.cancel()                     // accept nothing, read nothing, and
	err = errors.Join(err, apis.stop()) // answer those who wait
	if cut := server.stop(); cut != nil {
		b.logger.Warn("some answers were not taken in time", "error", cut)
	}
	return err
}

// closeDirs flushes and closes the data directories within the time that is
// left for a shutdown.
func (b *Broker) closeDirs(dirs *dir.Set) error {
	var err error
	if b.state.partitions != nil {
		err = dirs.Checkpoint() // while the high watermarks are known
		b.state.partitions.Close()
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return errors.Join(err, dirs.Close(ctx))
}

// closeTimeout bounds the last flush. A log that is not closed by then is
// recovered at the next start, as after a crash: late is worse than unclean
// only for who waits.
const closeTimeout = 10 * time.Minute

// running is a goroutine with its own end.
type running struct {
	cancel context.CancelFunc
	done   chan struct{}
	err    error // read after done
}

// background runs f until stop; its failure is logged.
func (b *Broker) background(name string, f func(context.Context) error) *running {
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel: cancel, done: make(chan struct{})}
	go func() {
		defer close(r.done)
		if r.err = f(ctx); r.err != nil && !errors.Is(r.err, context.Canceled) {
			b.logger.Error("a part of the broker failed", "part", name, "error", r.err)
		}
	}()
	return r
}

// end ends the goroutine and waits for it; its failure was logged.
func (r *running) end() {
	r.cancel()
	<-r.done
}

// stop is end, and returns what the goroutine returned.
func (r *running) stop() error {
	r.end()
	if errors.Is(r.err, context.Canceled) {
		return nil
	}
	return r.err
}
