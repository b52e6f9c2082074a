package control

import (
	"context"

	"github.com/leatmq/leat/replication/image"
)

// Image is this broker's picture of the cluster, never nil: what the controller
// has told it, with the configurations that the tree holds. A partition that it
// has not been told about, though about a later one of the topic, has no
// Replicas.
func (c *Control) Image() *image.Image { return c.picture.Load() }

// Informed is closed when the controller has told everything once: what the
// picture does not show then, the cluster does not have.
func (c *Control) Informed() <-chan struct{} { return c.informed }

// Await waits until the picture meets a condition, or ctx ends, whose error it
// returns. The condition is asked for each new picture, or a later one.
func (c *Control) Await(ctx context.Context, met func(*image.Image) bool) error {
	for {
		c.show.Lock()
		changed := c.show.changed
		c.show.Unlock()
		if met(c.Image()) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Show changes what no request tells: the cluster's id and the version of
// /feature. Nothing else of the changes counts.
func (c *Control) Show(ch image.Changes) {
	c.show.Lock()
	defer c.show.Unlock()
	c.put(c.Image().With(image.Changes{ClusterID: ch.ClusterID, FeatureEpoch: ch.FeatureEpoch}))
}

// put shows the next picture. show is held.
func (c *Control) put(im *image.Image) {
	c.picture.Store(im)
	close(c.show.changed)
	c.show.changed = make(chan struct{})
}
