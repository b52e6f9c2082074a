// Package envoy asks the active controller, wherever it is: on this broker by a
// call, on another over the wire. While nobody is the controller, or the one
// that was has gone, it waits for the next and asks that.
package envoy

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/client/wire"
)

// ErrNoController means that no controller has answered before the caller's
// patience was over. The cause of the last attempt comes with it.
var ErrNoController = errors.New("no controller has answered")

// Options are what an Envoy works with.
type Options struct {
	// Active says whether this broker is the active controller.
	Active func() bool
	// Local answers a request as the controller that this broker is. When it is
	// not any more, the answer says NOT_CONTROLLER; an error is the caller's.
	Local func(context.Context, kmsg.Request) (kmsg.Response, error)
	// Controller is the broker that is the controller as far as this one knows;
	// false while it knows none.
	Controller func() (wire.Node, bool)
	// Pool makes the connections.
	Pool *wire.Pool
	// Patience bounds one attempt; 0: 30 s.
	Patience time.Duration
	// Backoff is the pause before another attempt; 0: 50 ms.
	Backoff time.Duration
	Logger  *slog.Logger // nil: slog.Default()
}

// Envoy asks the active controller. All methods may be called concurrently.
type Envoy struct{ o Options }

// New returns an Envoy.
func New(o Options) *Envoy {
	o.Patience = cmp.Or(o.Patience, 30*time.Second)
	o.Backoff = cmp.Or(o.Backoff, 50*time.Millisecond)
	o.Logger = cmp.Or(o.Logger, slog.Default())
	return &Envoy{o}
}

// Ask has the active controller answer a request, whose version is set. It asks
// again until ctx ends while it cannot connect, or is told that the broker it
// has asked is not the controller. A request that may have been carried out
// although the connection was lost is made again only if that does no harm.
//
// Errors: ErrNoController with ctx's; Options.Local's; the network's for a
// request that may have been carried out and must not be so twice.
func (e *Envoy) Ask(ctx context.Context, q kmsg.Request) (kmsg.Response, error) {
	var last error
	for tries := 0; ; tries++ {
		answer, final, err := e.attempt(ctx, q)
		switch {
		case err == nil && !refuses(answer):
			return answer, nil
		case final:
			return nil, err
		case err == nil:
			err = errors.New("the broker that was asked is not the controller")
		}
		if ctx.Err() == nil {
			last = err // not that this caller has given up
		}
		if tries == 0 {
			e.o.Logger.Debug("asking the controller again", "request", kmsg.NameForKey(q.Key()), "error", err)
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("%w: %w: %w", ErrNoController, context.Cause(ctx), cmp.Or(last, err))
		case <-time.After(e.o.Backoff):
		}
	}
}

// errNobody means that there is nobody to ask.
var errNobody = errors.New("no controller is known")

// attempt asks once; final says that an error is not to be followed by another
// attempt.
func (e *Envoy) attempt(ctx context.Context, q kmsg.Request) (answer kmsg.Response, final bool, err error) {
	if e.o.Active() {
		answer, err = e.o.Local(ctx, q)
		return answer, err != nil, err
	}
	to, ok := e.o.Controller()
	if !ok {
		return nil, false, errNobody
	}
	ctx, cancel := context.WithTimeout(ctx, e.o.Patience)
	defer cancel()
	if repeatable(q) {
		defer e.giveUp(to, cancel)()
	}
	answer = q.ResponseKind()
	if _, err = e.o.Pool.To(to).Do(ctx, q, answer, nil); err != nil {
		return nil, !repeatable(q) && !unsent(err), err
	}
	return answer, false, nil
}

// look is how often an attempt that has no answer yet looks who is the controller.
const look = 250 * time.Millisecond

// giveUp ends an attempt when another than the one that was asked is the
// controller by now: one that is cut off, or stands still, would hold up what is
// asked next for all of Options.Patience. The returned function ends the looking.
func (e *Envoy) giveUp(asked wire.Node, cancel func()) (stop func()) {
	over := make(chan struct{})
	var again func()
	again = func() {
		select {
		case <-over:
			return
		default:
		}
		if now, ok := e.o.Controller(); e.o.Active() || ok && now != asked {
			cancel()
			return
		}
		time.AfterFunc(look, again)
	}
	time.AfterFunc(look, again)
	return func() { close(over) }
}

// unsent says whether the request has certainly not reached anybody.
func unsent(err error) bool {
	var op *net.OpError
	return errors.As(err, &op) && op.Op == "dial"
}

// repeatable says whether a request does no harm when it is carried out twice,
// and its second answer is as good as the first.
func repeatable(q kmsg.Request) bool {
	switch q.(type) {
	case *kmsg.CreateTopicsRequest, *kmsg.DeleteTopicsRequest, *kmsg.CreatePartitionsRequest:
		return false // the second answer would be that it is done already
	}
	return true
}
