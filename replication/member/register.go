package member

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// register announces this broker and returns its epoch: the czxid of its node,
// which is why the node is created first and then set.
//
// A node of this id may be there already. If it advertises what this broker
// does, it is what a life of this broker before this one left behind, for two
// processes cannot hold the same ports and the same data directory: it is
// replaced. Otherwise it is waited for: it may be that of a dead broker. So is
// whatever has come to stand there since this broker first registered, unless it
// is of one of its own sessions: two that replace each other would never end.
func (m *Member) register(ctx context.Context, t tree.Tree) (int64, error) {
	path := znode.BrokerPath(m.o.BrokerID)
	b := m.o.Registration()
	b.Timestamp = m.o.Now().UnixMilli()
	if err := m.checkEndpoints(t, b.Endpoints); err != nil {
		return 0, err
	}
	deadline := m.o.Now().Add(2 * m.o.SessionTimeout)
	ops := []tree.Op{tree.Create(path, nil, tree.Ephemeral), tree.Set(path, znode.EncodeBroker(b), 0)}
	for {
		epoch, err := m.create(t, ops)
		if !errors.Is(err, tree.ErrNodeExists) {
			return epoch, err
		}
		old, gone, err := m.found(t, path)
		switch {
		case err != nil:
			return 0, err
		case old == nil:
			continue
		case old.Stat.EphemeralOwner == t.Session():
			return old.Stat.Czxid, nil
		case m.past[old.Stat.EphemeralOwner], len(m.past) == 0 && m.ours(old, b.Endpoints):
			epoch, err := m.takeOver(t, old, ops)
			if errors.Is(err, tree.ErrNoNode) || errors.Is(err, tree.ErrBadVersion) {
				continue
			}
			return epoch, err
		}
		m.o.Logger.Warn("another broker is registered with this id; waiting for it to go", "broker", m.o.BrokerID,
			"registration", string(old.Data), "at most", deadline.Sub(m.o.Now()).Round(time.Second))
		if err := m.waitFor(ctx, gone, deadline); err != nil {
			return 0, err
		}
	}
}

// create makes the registration and returns its epoch.
func (m *Member) create(t tree.Tree, ops []tree.Op) (int64, error) {
	r, err := t.Multi(ops...)
	if err != nil {
		return 0, fmt.Errorf("register broker %d: %w", m.o.BrokerID, err)
	}
	last := r[len(r)-1].Stat
	m.past[t.Session()] = true
	m.o.Logger.Info("broker registered", "broker", m.o.BrokerID, "epoch", last.Czxid)
	return last.Czxid, nil
}

// found reads the registration that is in the way, nil if it has gone, and arms
// a watch for its end.
func (m *Member) found(t tree.Tree, path string) (*tree.Node, <-chan struct{}, error) {
	gone := make(chan struct{})
	n, err := t.Get(path, func(tree.Event) { close(gone) })
	if errors.Is(err, tree.ErrNoNode) {
		return nil, nil, nil
	}
	if err != nil {
		return nil, nil, fmt.Errorf("register broker %d: %w", m.o.BrokerID, err)
	}
	return &n, gone, nil
}

// ours says whether a registration of this id is of this broker's own past.
func (m *Member) ours(n *tree.Node, endpoints []image.Endpoint) bool {
	b, err := znode.DecodeBroker(n.Data)
	return err == nil && len(endpoints) > 0 && slices.Equal(b.Endpoints, endpoints)
}

// takeOver replaces the registration of this broker's own past, and ends the
// office that it may have held.
func (m *Member) takeOver(t tree.Tree, old *tree.Node, ops []tree.Op) (int64, error) {
	m.o.Logger.Info("replacing the registration that this broker left behind when it died",
		"broker", m.o.BrokerID, "session", old.Stat.EphemeralOwner)
	path := znode.BrokerPath(m.o.BrokerID)
	all := append([]tree.Op{tree.Delete(path, old.Stat.Version)}, ops...)
	c, err := t.Get(znode.ControllerPath, nil)
	if err == nil && c.Stat.EphemeralOwner == old.Stat.EphemeralOwner {
		all = append([]tree.Op{tree.Delete(znode.ControllerPath, c.Stat.Version)}, all...)
	}
	return m.create(t, all)
}

// waitFor waits for the end of a registration that is not this broker's.
func (m *Member) waitFor(ctx context.Context, gone <-chan struct{}, deadline time.Time) error {
	timer := time.NewTimer(deadline.Sub(m.o.Now()))
	defer timer.Stop()
	select {
	case <-gone:
		return nil
	case <-timer.C:
		return fmt.Errorf("register broker %d: %w, and it does not go: two brokers must not have the same id", m.o.BrokerID, ErrRegistered)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// checkEndpoints refuses addresses that another broker advertises.
func (m *Member) checkEndpoints(t tree.Tree, mine []image.Endpoint) error {
	names, _, err := t.Children(znode.BrokerIDs, nil)
	if err != nil {
		return fmt.Errorf("register broker %d: %w", m.o.BrokerID, err)
	}
	own := strconv.Itoa(int(m.o.BrokerID))
	names = slices.DeleteFunc(names, func(name string) bool { return name == own })
	paths := make([]string, len(names))
	for i, name := range names {
		paths[i] = znode.BrokerIDs + "/" + name
	}
	nodes, err := t.GetAll(paths)
	if err != nil {
		return fmt.Errorf("register broker %d: %w", m.o.BrokerID, err)
	}
	for i, n := range nodes {
		b, err := znode.DecodeBroker(n.Data)
		if err != nil {
			continue // gone meanwhile, or for the controller to report
		}
		for _, e := range b.Endpoints {
			if slices.ContainsFunc(mine, func(my image.Endpoint) bool { return sameAddress(my, e) }) {
				return fmt.Errorf("register broker %d: %w: broker %s has %s:%d", m.o.BrokerID, ErrEndpointTaken, names[i], e.Host, e.Port)
			}
		}
	}
	return nil
}

func sameAddress(a, b image.Endpoint) bool {
	return a.Port == b.Port && strings.EqualFold(a.Host, b.Host)
}
