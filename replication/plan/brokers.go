package plan

import (
	"slices"

	"github.com/leatmq/leat/replication/image"
)

// BrokersChanged decides about the brokers that are registered now. Those that
// are gone leave the in-sync sets (the last member stays) and what they led
// gets another leader or none; one that is back under a new registration counts
// as gone first, for what it had not yet put on disk is lost. Those that are new
// get their replicas, and partitions that had no leader may get one.
func BrokersChanged(im *image.Image, live []image.Broker, s Settings) (Step, Census) {
	c := census(im, live)
	if c.Quiet() {
		return Step{}, c
	}
	d := newDraft(im, s)
	d.setBrokers(live, c)
	return d.finish(), c
}

// census compares the picture with the registered brokers.
func census(im *image.Image, live []image.Broker) Census {
	var c Census
	for i := range live {
		b := &live[i]
		was, known := im.Broker(b.ID)
		switch {
		case !known:
			c.New = append(c.New, b.ID)
		case was.Epoch != b.Epoch:
			c.Bounced = append(c.Bounced, b.ID)
		case was.Rack != b.Rack || !slices.Equal(was.Endpoints, b.Endpoints):
			c.Modified = append(c.Modified, b.ID)
		}
	}
	for _, b := range im.Brokers() {
		if !slices.ContainsFunc(live, func(l image.Broker) bool { return l.ID == b.ID }) {
			c.Dead = append(c.Dead, b.ID)
		}
	}
	slices.Sort(c.New)
	slices.Sort(c.Bounced)
	slices.Sort(c.Modified)
	return c
}

// UncleanEnabled elects leaders for partitions that have none, after
// unclean.leader.election.enable has changed: for the topics named, or nil for
// all.
func UncleanEnabled(im *image.Image, topics []string, s Settings) Step {
	d := newDraft(im, s)
	d.electLeaderless(topics)
	return d.finish()
}
