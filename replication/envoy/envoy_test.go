package envoy_test

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/client/wire"
	"github.com/leatmq/leat/replication/envoy"
)

// peer is a broker that answers each request with what handle says; nil hangs up.
type peer struct {
	node wire.Node

	mu    sync.Mutex
	asked int
}

func newPeer(t *testing.T, id int32, handle func(nth int) kmsg.Response) *peer {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	p := &peer{node: wire.Node{ID: id, Addr: l.Addr().String()}}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { p.serve(c, handle) })
		}
	})
	t.Cleanup(func() {
		require.NoError(t, l.Close())
		all.Wait()
	})
	return p
}

// times is how often it was asked.
func (p *peer) times() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

func (p *peer) serve(c net.Conn, handle func(int) kmsg.Response) {
	defer c.Close()
	in := bufio.NewReader(c)
	for {
		var head [12]byte // length, key, version, correlation
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return
		}
		if _, err := in.Discard(int(binary.BigEndian.Uint32(head[:])) - 8); err != nil {
			return
		}
		p.mu.Lock()
		p.asked++
		nth := p.asked
		p.mu.Unlock()
		answer := handle(nth)
		if answer == nil {
			return
		}
		answer.SetVersion(int16(binary.BigEndian.Uint16(head[6:])))
		out := append([]byte{0, 0, 0, 0}, head[8:12]...)
		if answer.IsFlexible() {
			out = append(out, 0)
		}
		out = answer.AppendTo(out)
		binary.BigEndian.PutUint32(out, uint32(len(out)-4))
		if _, err := c.Write(out); err != nil {
			return
		}
	}
}

// rig is an envoy of a broker whose picture the test paints.
type rig struct {
	mu         sync.Mutex
	active     bool
	controller []wire.Node // by attempt; the last stays
	local      func() (kmsg.Response, error)
}

func (r *rig) envoy(t *testing.T) *envoy.Envoy {
	pool := wire.NewPool(wire.Options{ClientID: "1"})
	t.Cleanup(pool.Close)
	return envoy.New(envoy.Options{
		Active: func() bool { r.mu.Lock(); defer r.mu.Unlock(); return r.active },
		Local:  func(context.Context, kmsg.Request) (kmsg.Response, error) { return r.local() },
		Controller: func() (wire.Node, bool) {
			r.mu.Lock()
			defer r.mu.Unlock()
			if len(r.controller) == 0 {
				return wire.Node{}, false
			}
			now := r.controller[0]
			if len(r.controller) > 1 {
				r.controller = r.controller[1:]
			}
			return now, true
		},
		Pool: pool, Backoff: time.Millisecond, Logger: slog.New(slog.DiscardHandler),
	})
}

func ids() *kmsg.AllocateProducerIDsRequest { return kmsg.NewPtrAllocateProducerIDsRequest() }

func idsFrom(first int64) kmsg.Response {
	a := kmsg.NewPtrAllocateProducerIDsResponse()
	a.ProducerIDStart = first
	return a
}

func notController() kmsg.Response {
	a := kmsg.NewPtrAllocateProducerIDsResponse()
	a.ErrorCode = kerr.NotController.Code
	return a
}

func TestTheControllerIsAskedWhereverItIs(t *testing.T) {
	old := newPeer(t, 2, func(int) kmsg.Response { return notController() })
	dying := newPeer(t, 3, func(int) kmsg.Response { return nil })
	now := newPeer(t, 4, func(int) kmsg.Response { return idsFrom(7000) })
	const nobody = "127.0.0.1:1" // no port that the kernel gives to anybody who asks for one
	r := &rig{controller: []wire.Node{old.node, dying.node, {ID: 9, Addr: nobody}, now.node}}
	got, err := r.envoy(t).Ask(t.Context(), ids())
	require.NoError(t, err)
	require.EqualValues(t, 7000, got.(*kmsg.AllocateProducerIDsResponse).ProducerIDStart)
	require.Equal(t, []int{1, 1, 1}, []int{old.times(), dying.times(), now.times()})
}

func TestThisBrokerIsAskedByACall(t *testing.T) {
	calls := 0
	r := &rig{active: true}
	r.local = func() (kmsg.Response, error) {
		if calls++; calls == 1 {
			return notController(), nil
		}
		return idsFrom(1), nil
	}
	_, err := r.envoy(t).Ask(t.Context(), ids())
	require.NoError(t, err)
	require.Equal(t, 2, calls)
	broken := errors.New("broken")
	r.local = func() (kmsg.Response, error) { return nil, broken }
	_, err = r.envoy(t).Ask(t.Context(), ids())
	require.ErrorIs(t, err, broken)
}

func TestPatienceEnds(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	_, err := new(rig).envoy(t).Ask(ctx, ids())
	require.ErrorIs(t, err, envoy.ErrNoController)
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// A controller that is cut off, or stands still, is not waited for once there is
// another.
func TestAControllerThatIsSilentIsLeftForTheNext(t *testing.T) {
	frozen := make(chan struct{})
	silent := newPeer(t, 2, func(int) kmsg.Response { <-frozen; return nil })
	next := newPeer(t, 3, func(int) kmsg.Response { return idsFrom(7000) })
	t.Cleanup(func() { close(frozen) })
	r := &rig{controller: []wire.Node{silent.node, silent.node, next.node}}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, err := r.envoy(t).Ask(ctx, ids())
	require.NoError(t, err)
	require.Equal(t, []int{1, 1}, []int{silent.times(), next.times()})

	r.mu.Lock()
	r.controller = []wire.Node{silent.node}
	r.local = func() (kmsg.Response, error) { return idsFrom(1), nil }
	r.mu.Unlock()
	time.AfterFunc(10*time.Millisecond, func() { r.mu.Lock(); defer r.mu.Unlock(); r.active = true })
	_, err = r.envoy(t).Ask(ctx, ids())
	require.NoError(t, err, "this broker itself may be the next")
}

// What may have been done is not done again: the second answer would be another.
func TestSomeRequestsAreMadeOnce(t *testing.T) {
	dying := newPeer(t, 3, func(int) kmsg.Response { return nil })
	r := &rig{controller: []wire.Node{dying.node}}
	q := kmsg.NewPtrCreateTopicsRequest()
	q.Version = 7
	_, err := r.envoy(t).Ask(t.Context(), q)
	require.Error(t, err)
	require.NotErrorIs(t, err, envoy.ErrNoController)
	require.Equal(t, 1, dying.times())
}

// Each answer says in its own place that the broker is not the controller.
func TestEveryRefusalIsUnderstood(t *testing.T) {
	code := kerr.NotController.Code
	for _, refusal := range []kmsg.Response{
		&kmsg.AlterPartitionResponse{ErrorCode: code},
		&kmsg.ControlledShutdownResponse{ErrorCode: code},
		&kmsg.UpdateFeaturesResponse{ErrorCode: code},
		&kmsg.AlterPartitionAssignmentsResponse{ErrorCode: code},
		&kmsg.ListPartitionReassignmentsResponse{ErrorCode: code},
		&kmsg.ElectLeadersResponse{ErrorCode: code},
		&kmsg.ElectLeadersResponse{Topics: []kmsg.ElectLeadersResponseTopic{{Partitions: []kmsg.ElectLeadersResponseTopicPartition{{ErrorCode: code}}}}},
		&kmsg.CreateTopicsResponse{Topics: []kmsg.CreateTopicsResponseTopic{{ErrorCode: code}}},
		&kmsg.DeleteTopicsResponse{Topics: []kmsg.DeleteTopicsResponseTopic{{ErrorCode: code}}},
		&kmsg.CreatePartitionsResponse{Topics: []kmsg.CreatePartitionsResponseTopic{{ErrorCode: code}}},
		// A topic that is named twice is refused by any broker.
		&kmsg.CreateTopicsResponse{Topics: []kmsg.CreateTopicsResponseTopic{{ErrorCode: kerr.InvalidRequest.Code}, {ErrorCode: code}, {ErrorCode: kerr.InvalidRequest.Code}}},
		&kmsg.DeleteTopicsResponse{Topics: []kmsg.DeleteTopicsResponseTopic{{ErrorCode: kerr.InvalidRequest.Code}, {ErrorCode: code}}},
	} {
		calls := 0
		r := &rig{active: true}
		r.local = func() (kmsg.Response, error) {
			if calls++; calls == 1 {
				return refusal, nil
			}
			return idsFrom(1), nil
		}
		_, err := r.envoy(t).Ask(t.Context(), ids())
		require.NoError(t, err)
		require.Equal(t, 2, calls, "%T", refusal)
	}
}
