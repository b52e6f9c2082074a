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

// ControlledShutdown relieves a broker that is about to stop: what it leads and
// another in-sync replica can lead goes to that one, and it leaves the in-sync
// sets of the others. It stays among the shutting down until its registration
// is gone. remaining are the partitions with more than one replica that it
// still leads. An epoch of -1 is not checked.
//
// Errors: ErrUnknownBroker, ErrStaleBrokerEpoch.
func ControlledShutdown(im *image.Image, broker int32, epoch int64, s Settings) (step Step, remaining []Ref, err error) {
	d := newDraft(im, s)
	remaining, err = d.relieve(broker, epoch)
	return d.finish(), remaining, err
}

// Rebalance gives partitions back to their preferred leaders, for each broker
// that does not lead more than percentage of the partitions it is preferred
// for. Partitions under reassignment are left alone.
func Rebalance(im *image.Image, percentage int32, s Settings) Step {
	d := newDraft(im, s)
	d.rebalance(percentage)
	return d.finish()
}

// UncleanEnabled elects leaders for partitions that have none, after
// unclean.leader.election.enable has changed: for the topics named, or nil for
// all.
func UncleanEnabled(im *image.Image, topics []string, s Settings) Step {
	d := newDraft(im, s)
	d.electLeaderless(topics)
	return d.finish()
}
