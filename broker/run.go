package broker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/leatmq/leat/broker/api"
	"github.com/leatmq/leat/coordinator"
	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/dir"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/replication/configs"
	"github.com/leatmq/leat/replication/control"
	"github.com/leatmq/leat/replication/controller"
	"github.com/leatmq/leat/replication/fetcher"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
)

// state is what Run makes: the parts of a running broker. Before Run, and while
// it starts, all are nil.
type state struct {
	mu         sync.RWMutex // guards the fields, which scrapes read
	files      *log.FileCache
	dirs       *dir.Set
	partitions *partition.Set
	member     *member.Member
	controller *controller.Controller
	control    *control.Control
	configs    *configs.Configs
	between    between
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
	dirs, tree, err := b.open(ctx, files)
	if err != nil {
		return errors.Join(err, b.server.Close())
	}
	defer func() { err = errors.Join(err, b.closeDirs(dirs)) }()
	defer func() { err = errors.Join(err, tree.close()) }()
	b.assemble(files, dirs, tree)
	defer b.state.between.close()
	failed := make(chan error, len(b.tasks())+1)
	for _, t := range b.tasks() {
		running := b.part(t, failed)
		defer running.end()
	}
	return b.serve(ctx, began, failed)
}

// open opens the data directories and begins the first session on the tree.
func (b *Broker) open(ctx context.Context, files *log.FileCache) (*dir.Set, *sessions, error) {
	o := b.dirOptions(files)
	if !b.clustered() {
		dirs, err := dir.Open(b.config.Dirs(), o)
		if err != nil {
			return nil, nil, err
		}
		tree, err := openNode(dirs, b.now)
		if err != nil {
			return nil, nil, errors.Join(err, b.closeDirs(dirs))
		}
		return dirs, tree, nil
	}
	if err := b.checkAddresses(); err != nil {
		return nil, nil, fmt.Errorf("broker: %w", err)
	}
	tree, err := b.openEnsemble(ctx, &o)
	if err != nil {
		return nil, nil, err
	}
	dirs, err := dir.Open(b.config.Dirs(), o)
	if err != nil {
		return nil, nil, errors.Join(err, tree.close())
	}
	return dirs, tree, nil
}

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
		{"in-sync sets", b.state.between.alter.Run},
		{"followers", b.state.between.fetcher.Run},
		{"group coordinator", b.state.groups.Run},
		{"orders to brokers", b.state.between.channel.Run},
	}
}

// part runs a task; failed hears of its failure.
func (b *Broker) part(t task, failed chan<- error) *running {
	return b.background(t.name, func(ctx context.Context) error {
		err := t.run(ctx)
		if err != nil {
			failed <- fmt.Errorf("%s: %w", t.name, err)
		}
		return err
	})
}

// assemble makes the parts over the open directories and the tree. They know
// each other through b.state, which is complete before any of them runs.
func (b *Broker) assemble(files *log.FileCache, dirs *dir.Set, tree *sessions) {
	s := &b.state
	s.mu.Lock()
	defer s.mu.Unlock()
	s.files, s.dirs = files, dirs
	s.between = b.connect(dirs)
	s.partitions = partition.NewSet(partition.Options{
		Dirs: dirs, GroupCommit: b.config.String("leat.fsync") == "group",
		MaxLag: b.config.Duration("replica.lag.time.max.ms"),
		Alive: func(id int32) bool {
			_, alive := s.control.Image().Broker(id)
			return alive
		},
		Propose: s.between.alter.Propose,
		Damaged: b.damaged,
		Now:     b.now,
		Logger:  b.logger,
	})
	s.between.fetcher = fetcher.New(b.fetcherOptions(dirs.BrokerID()))
	s.control = control.New(b.controlOptions())
	s.control.Show(image.Changes{ClusterID: dirs.ClusterID()})
	s.groups = coordinator.New(coordinator.Options{
		Log: groupsLog{s.partitions, s.control.Image, b.config}, Config: b.groupConfig, Now: b.now, Logger: b.logger,
	})
	s.controller = controller.New(b.controllerOptions())
	s.configs = configs.New(configs.Options{
		Session: func(ctx context.Context) (member.Session, error) { return s.member.Await(ctx) },
		Apply:   b.configChanged, Topics: s.control.Topics, Now: b.now, Logger: b.logger,
	})
	s.member = member.New(b.memberOptions(tree))
	b.handler.api.Store(api.New(b.apiDeps()))
}

// apiDeps is what the APIs work with. state.mu is held.
func (b *Broker) apiDeps() api.Deps {
	s := &b.state
	d := api.Deps{
		BrokerID:    s.dirs.BrokerID(),
		Partitions:  s.partitions,
		Dirs:        s.dirs,
		Image:       s.control.Image,
		Controller:  s.controller,
		AlterConfig: s.configs.Alter,
		Groups:      s.groups,
		Config:      b.config,
		Metrics:     b.metrics,
		Now:         b.now,
		Logger:      b.logger,
	}
	if !b.clustered() {
		return d
	}
	d.ProducerIDs = b.producerIDs
	d.Cluster = &api.Cluster{
		LeaderAndISR:        s.control.LeaderAndISR,
		UpdateMetadata:      s.control.UpdateMetadata,
		StopReplica:         s.control.StopReplica,
		AlterPartition:      s.controller.AlterPartition,
		ControlledShutdown:  s.controller.AnswerShutdown,
		AllocateProducerIDs: b.allocateProducerIDs,
		Active:              s.controller.Active,
		Ask:                 s.between.envoy.Ask,
		Throttle:            s.between.out,
		Internal:            b.settings().Internal,
		Await:               s.control.Await,
		Informed:            s.control.Informed(),
	}
	return d
}

// front is what serves clients, and other brokers.
type front struct{ apis, server *running }

// serve registers the broker, waits until it knows its part, serves clients, and
// returns when ctx ends, after the last answer, or when a part has failed. In a
// cluster the controller must reach a broker before it can be ready.
func (b *Broker) serve(ctx context.Context, began time.Time, failed chan error) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var f *front
	if b.clustered() {
		f = b.openFront()
	}
	membership := b.part(task{"membership", b.state.member.Run}, failed)
	defer membership.end()
	select {
	case <-b.informed:
	case err := <-failed:
		return errors.Join(err, b.closeFront(f))
	case <-ctx.Done():
		return b.closeFront(f)
	}
	if f == nil {
		f = b.openFront()
	}
	close(b.ready)
	b.announceReady(time.Since(began))
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
	case <-f.server.done:
	}
	b.announceStopping()
	if err == nil {
		b.handOver()
	}
	return errors.Join(err, b.closeFront(f))
}

func (b *Broker) openFront() *front {
	return &front{
		apis:   b.background("apis", b.handler.api.Load().Run),
		server: b.background("server", b.server.Serve),
	}
}

// closeFront ends the serving, if it has begun: accept nothing, read nothing,
// and answer those who wait.
func (b *Broker) closeFront(f *front) error {
	if f == nil {
		return b.server.Close()
	}
	f.server.cancel()
	err := f.apis.stop()
	if cut := f.server.stop(); cut != nil {
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
