package controller

import (
	"errors"
	"strings"
	"time"

	"github.com/leatmq/leat/replication/tree"
	"github.com/leatmq/leat/replication/znode"
)

// Notifications of changed configurations are kept this long, and looked for
// this often.
const (
	notificationLife = 15 * time.Minute
	purgeEvery       = time.Minute
)

// notified says whether the operations leave a notification.
func notified(writes []tree.Op) bool {
	for _, op := range writes {
		if op.Kind == tree.OpCreate && strings.HasPrefix(op.Path, znode.ConfigChangePrefix) {
			return true
		}
	}
	return false
}

// purgeNotifications removes notifications that every broker has long seen.
func (c *Controller) purgeNotifications() error {
	now := c.o.Now()
	if now.UnixMilli()-c.office.purged < purgeEvery.Milliseconds() {
		return nil
	}
	c.office.purged = now.UnixMilli()
	names, nodes, err := c.readAll(znode.ConfigChanges)
	if err != nil {
		return err
	}
	var ops []tree.Op
	for i, n := range nodes {
		if n.Stat.Version >= 0 && now.UnixMilli()-n.Stat.Ctime > notificationLife.Milliseconds() {
			ops = append(ops, tree.Delete(znode.ConfigChanges+"/"+names[i], tree.AnyVersion))
		}
	}
	if len(ops) == 0 {
		return nil
	}
	// Another broker may have removed one first; then the next round takes the
	// rest.
	if _, err := c.o.Tree.Multi(ops...); err != nil && !errors.Is(err, tree.ErrNoNode) {
		return err
	}
	return nil
}
