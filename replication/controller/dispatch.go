package controller

import (
	"context"

	"github.com/leatmq/leat/replication/channel"
	"github.com/leatmq/leat/replication/image"
	"github.com/leatmq/leat/replication/plan"
)

// Dispatch is what brokers must be told after a decision.
type Dispatch struct {
	Epoch         int32        // of the controller
	Before, After *image.Image // of the decision; After's brokers are those to reach
	Orders        []plan.Order
	Announcements []plan.Announcement
}

// Through is a Send by a channel. Listener is the one by which brokers reach
// each other.
func Through(ch *channel.Channel, listener string) func(Dispatch) func(context.Context) error {
	return func(d Dispatch) func(context.Context) error {
		ch.SetBrokers(d.After.Brokers())
		s := channel.Situation{Before: d.Before, After: d.After, Listener: listener}
		return ch.Send(channel.Compose(s, d.Orders, d.Announcements)).Wait
	}
}
