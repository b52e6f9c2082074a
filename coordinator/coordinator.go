// Package coordinator answers for consumer groups: who is in a group, which member reads
// what, and how far each group has read. What it knows is kept in the internal topic
// __consumer_offsets; each partition of the topic is one shard with the groups whose ids hash
// to it. A shard is loaded when this broker comes to lead the partition and is dropped when it
// leads it no longer.
//
//	request ─▶ Groups ─▶ shard (locked) ─▶ group.Table decides ─▶ append ─▶ Table applies
//	                                                                             │
//	answer  ◀── committed so far? ◀──────────── now, or when others have come ◀──┘
//
// A request goes from here to its shard (package shard), whose lock is held while the group's
// pure machine (package group) decides, the records are appended and the decision is applied.
// The answer is given when the log is committed up to where it stood at the decision. Requests
// that wait for other members do so on their caller's goroutine, with nothing locked.
package coordinator

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/shard"
)

// Topic is the name of the groups' internal topic.
const Topic = "__consumer_offsets"

// Groups answers the requests about consumer groups whose partitions are led here. Every
// method may be called from many goroutines. Errors are codes in the answers; none is nil.
type Groups struct {
	log    Log
	config func() Config
	now    func() time.Time
	newID  func() string
	logger *slog.Logger
	shards *shard.Set[*local]

	members atomic.Int64 // bytes that the members of all groups hold

	mu      sync.Mutex
	deleted []group.DeletedTopic // whose offsets are still to be forgotten
	forget  chan struct{}        // deleted has something; capacity 1
}

// New makes a coordinator that leads nothing yet.
func New(o Options) *Groups {
	g := &Groups{
		log: o.Log, config: o.Config, now: o.Now, newID: o.NewID, logger: o.Logger,
		forget: make(chan struct{}, 1),
	}
	if g.config == nil {
		g.config = DefaultConfig
	}
	if g.now == nil {
		g.now = time.Now
	}
	if g.newID == nil {
		g.newID = uuid.NewString
	}
	if g.logger == nil {
		g.logger = slog.New(slog.DiscardHandler)
	}
	g.shards = shard.NewSet(shard.Options[*local]{
		Topic:  Topic,
		Lead:   o.Log.Lead,
		New:    func(int32) *local { return newLocal(g) },
		Now:    g.now,
		Logger: g.logger,
	})
	return g
}

// Run loads what Load was told, keeps the groups' timers and expires offsets until ctx ends.
// Then waiting requests are answered with NOT_COORDINATOR.
func (g *Groups) Run(ctx context.Context) error {
	var all errgroup.Group
	all.Go(func() error { return g.shards.Run(ctx) })
	all.Go(func() error { g.keepHouse(ctx); return nil })
	return all.Wait()
}

// Load makes this broker the coordinator of the partition's groups, from the given leader
// epoch on. It returns at once; until Run has read the partition its groups answer
// COORDINATOR_LOAD_IN_PROGRESS. An epoch that is not newer than the present one is ignored.
func (g *Groups) Load(partition, epoch int32) { g.shards.Load(partition, epoch) }

// Unload ends it: waiting requests get NOT_COORDINATOR. An epoch older than the present one is
// ignored; -1 means whatever it is.
func (g *Groups) Unload(partition, epoch int32) { g.shards.Unload(partition, epoch) }

// PartitionFor gives the partition of Topic that a group belongs to.
func (g *Groups) PartitionFor(groupID string) int32 { return partitionFor(groupID, g.log.Partitions()) }

// enter locks the shard of a group, until its Leave.
func (g *Groups) enter(groupID string) (*shard.Shard[*local], group.Code) {
	sh, err := g.shards.Enter(g.PartitionFor(groupID))
	switch {
	case err == nil:
		sh.Machine.begin()
		return sh, group.None
	case errors.Is(err, shard.ErrLoading):
		return nil, group.LoadInProgress
	default:
		return nil, group.NotCoordinator
	}
}
