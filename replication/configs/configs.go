// Package configs is a broker's part in the configurations that the tree holds:
// it learns of every change, whoever made it, and makes changes itself.
//
//	/config/<type>/<name>                  an entity's values: the truth
//	/config/changes/config_change_<n>      "something changed about this entity"
//
//	change:  one Multi: /controller is there, values at the version read, notification
//	watch:   children of /config/changes above the last seen, in order
//	         → read the entity's values → Apply
//
// A notification is only a hint; what is applied is what the tree holds when it
// is read. A session begins by reading all entities, so that notifications that
// were missed, or purged after 15 minutes, do not matter.
package configs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/member"
)

// Options are what configurations are read from and given to.
type Options struct {
	// Session waits for this broker's session on the tree.
	Session func(ctx context.Context) (member.Session, error)
	// Apply gets what an entity is configured with, nil: nothing. Calls follow
	// each other, each with values at least as new as the one before.
	Apply func(e image.Entity, values map[string]string)
	// Topics are the topics whose configuration this broker uses. Those of
	// others are read when they come, by Load. Nil: none.
	Topics func() []string

	Now    func() time.Time // nil: time.Now
	Logger *slog.Logger     // nil: slog.Default()
}

// Configs reads, watches and changes configurations. All methods may be called
// concurrently.
type Configs struct {
	o Options

	turn    chan struct{}         // taken while values are read and applied: they never go back
	applied map[image.Entity]bool // what has values, topics left out

	loaded chan struct{} // see Loaded
	once   sync.Once     // closes it
}

// New returns a Configs that does nothing by itself until Watch.
func New(o Options) *Configs {
	if o.Topics == nil {
		o.Topics = func() []string { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	return &Configs{o: o, turn: make(chan struct{}, 1), applied: map[image.Entity]bool{}, loaded: make(chan struct{})}
}

// Loaded is closed when Watch has read and applied everything for the first time:
// what a broker was configured with before it started is in effect then.
func (c *Configs) Loaded() <-chan struct{} { return c.loaded }
