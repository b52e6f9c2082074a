package coordinator

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/leatmq/leat/coordinator/group"
	"github.com/leatmq/leat/coordinator/shard"
)

// maxInflated is what one batch of the internal topic may inflate to, in bytes.
const maxInflated = 1 << 30

// local has the groups of one partition and the requests that wait for them. It is the
// machine of a shard.
type local struct {
	groups *Groups
	loader *group.Loader // while loading
	table  *group.Table
	turn   group.Turn
	config Config // the turn's

	waiting map[group.Token]chan<- reply
	last    group.Token
	counted int64 // bytes of the table's members that are in Groups.members

	commit group.Commit // memory for a request
}

// reply answers one parked request.
type reply struct {
	join group.JoinAnswer
	sync group.SyncAnswer
	end  int64 // the log must be committed so far before it is given
}

func newLocal(g *Groups) *local {
	return &local{groups: g, loader: group.NewLoader(maxInflated), waiting: map[group.Token]chan<- reply{}}
}

// begin makes the turn ready for an input.
func (l *local) begin() {
	l.config = l.groups.config()
	l.turn.Begin(l.groups.now(), &l.config.Group)
	l.turn.Room = l.config.MaxMembers - l.groups.members.Load()
}

// settle appends what the turn wants written and gives the answers. The fault is that of the
// last append.
func (l *local) settle(w *shard.Writer) (fault group.Fault) {
	for len(l.turn.Records) > 0 {
		base, err := l.append(w)
		fault = faultOf(err)
		if err != nil {
			l.groups.logger.Error("records of groups could not be appended", "topic", Topic, "error", err)
		}
		l.table.Written(&l.turn, group.Appended{Base: base, Fault: fault})
	}
	l.deliver(w.End())
	if bytes := l.table.Bytes(); bytes != l.counted {
		l.groups.members.Add(bytes - l.counted)
		l.counted = bytes
	}
	return fault
}

func (l *local) append(w *shard.Writer) (base int64, err error) {
	w.Begin(shard.Batch{NowMs: l.turn.Now.UnixMilli(), Codec: l.config.Codec, Numbered: l.turn.Numbered})
	for _, r := range l.turn.Records {
		w.Add(r.Key, r.Value)
	}
	return w.Flush()
}

// deliver gives the turn's answers to who waits for them. Who has gone is not found.
func (l *local) deliver(end int64) {
	for i := range l.turn.Joined {
		a := &l.turn.Joined[i]
		l.give(a.Token, reply{join: *a, end: end})
	}
	for i := range l.turn.Synced {
		a := &l.turn.Synced[i]
		l.give(a.Token, reply{sync: *a, end: end})
	}
	for i := range l.turn.Notes {
		n := &l.turn.Notes[i]
		level := slog.LevelDebug
		if strings.HasPrefix(n.Event, "removed") || strings.HasPrefix(n.Event, "refused") {
			level = slog.LevelInfo
		}
		l.groups.logger.Log(context.Background(), level, "group: "+n.Event,
			"group", n.Group, "generation", n.Generation, "member", n.Member)
	}
}

func (l *local) give(t group.Token, r reply) {
	if c := l.waiting[t]; c != nil {
		c <- r // its one place is free: a token is answered once
		delete(l.waiting, t)
	}
}

// park makes a place for an answer.
func (l *local) park() (group.Token, <-chan reply) {
	l.last++
	c := make(chan reply, 1)
	l.waiting[l.last] = c
	return l.last, c
}

// await waits for an answer to be given and, if need be, committed. It is false when ctx ends
// first, or the answer could not be committed.
func (g *Groups) await(ctx context.Context, sh *shard.Shard[*local], t group.Token, c <-chan reply) (r reply, fault group.Fault) {
	select {
	case r = <-c:
		return r, g.committed(ctx, sh, r.end)
	default:
	}
	select {
	case r = <-c:
		return r, g.committed(ctx, sh, r.end)
	case <-ctx.Done():
	}
	if sh.Again() == nil {
		delete(sh.Machine.waiting, t)
		sh.Leave()
	}
	select {
	case r = <-c: // it came in between
		return r, g.committed(ctx, sh, r.end)
	default:
		return r, group.NotLeader
	}
}

// committed waits until the log is committed up to end. It must be called after Leave.
func (g *Groups) committed(ctx context.Context, sh *shard.Shard[*local], end int64) group.Fault {
	return faultOf(sh.Wait(ctx, end, g.config().CommitTimeout))
}

func faultOf(err error) group.Fault {
	switch {
	case err == nil:
		return group.NoFault
	case errors.Is(err, shard.ErrNotLeader):
		return group.NotLeader
	case errors.Is(err, shard.ErrUnavailable):
		return group.Unavailable
	case errors.Is(err, shard.ErrTooLarge):
		return group.TooLarge
	case errors.Is(err, shard.ErrTimedOut):
		return group.Late
	case errors.Is(err, context.Canceled):
		return group.NotLeader // the broker stops
	default:
		return group.Broken
	}
}

// Replay is shard.Machine's.
func (l *local) Replay(batches []byte) error { return l.loader.Replay(batches) }

// Loaded is shard.Machine's.
func (l *local) Loaded(w *shard.Writer) {
	l.begin()
	var skipped group.Skipped
	l.table, skipped = l.loader.Finish(&l.turn)
	l.loader = nil
	l.settle(w)
	if skipped.Corrupt > 0 {
		l.groups.logger.Error("records of groups could not be read and were passed over",
			"topic", Topic, "records", skipped.Corrupt, "first", skipped.First)
	}
	for kind, n := range skipped.Kinds {
		l.groups.logger.Warn("records of groups are of another kind and were passed over",
			"topic", Topic, "records", n, "kind", kind)
	}
}

// Deadline is shard.Machine's.
func (l *local) Deadline() (time.Time, bool) { return l.table.Deadline() }

// Tick is shard.Machine's.
func (l *local) Tick(w *shard.Writer) {
	for {
		l.begin()
		if !l.table.Tick(&l.turn) {
			return
		}
		l.settle(w)
	}
}

// Retire is shard.Machine's.
func (l *local) Retire() {
	l.begin()
	l.table.Retire(&l.turn)
	l.deliver(0)
	l.groups.members.Add(-l.counted)
	l.counted = 0
}
