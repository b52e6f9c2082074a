//go:build !race

// Under the race detector pools forget on purpose, so allocations are counted
// without it.

package api_test

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// Allocations of one request, measured exactly. They are what keeps the garbage
// collector away from the path of the bytes.
const (
	produceAllocs = 1 // of a request, whatever it holds
	fetchAllocs   = 1 // of a request that finds data
	idleAllocs    = 0 // of an incremental fetch that finds nothing
)

// direct hands requests to the APIs without a network.
type direct struct {
	*node
	conn server.Conn
	w    server.Response
}

func (d *direct) request(version int16, q kmsg.Request) *server.Request {
	q.SetVersion(version)
	return &server.Request{
		Key: q.Key(), Version: version, Flexible: q.IsFlexible(), Body: q.AppendTo(nil), Conn: &d.conn, ClientID: "test",
	}
}

func (d *direct) handle(r *server.Request) {
	d.w.Reset()
	if outcome := d.api.Handle(context.Background(), r, &d.w); outcome != server.Answered {
		d.t.Fatalf("outcome %d", outcome)
	}
}

// again returns a function that hands over the same Produce each time: the
// appends before have stamped offsets into its records.
func (d *direct) again(q *kmsg.ProduceRequest) func() {
	r := d.request(9, q)
	fresh := bytes.Clone(r.Body)
	return func() {
		copy(r.Body, fresh)
		d.handle(r)
	}
}

// appended checks that the last Produce has appended everything.
func (d *direct) appended() {
	d.t.Helper()
	a := kmsg.NewPtrProduceResponse()
	a.SetVersion(9)
	require.NoError(d.t, a.ReadFrom(d.w.Buf))
	for _, p := range a.Topics[0].Partitions {
		require.Zero(d.t, p.ErrorCode)
	}
}

// recordsOf is a batch of so many records of 1 KiB.
func recordsOf(count int) []byte {
	random := rand.New(rand.NewPCG(7, 7))
	var b batchOf
	for range count {
		v := make([]byte, 1024)
		for i := range v {
			v[i] = byte(random.Uint32())
		}
		b.values = append(b.values, string(v))
	}
	return b.bytes()
}

func TestProduceAllocations(t *testing.T) {
	d := &direct{node: start(t)}
	d.topic("t", 8)
	for _, records := range []int{1, 64, 1000} {
		send := d.again(produce("t", -1, recordsOf(records)))
		require.LessOrEqual(t, testing.AllocsPerRun(50, send), float64(produceAllocs), "%d records", records)
		d.appended()
	}
	q := produce("t", 1, recordsOf(10))
	for i := range int32(7) {
		addRecords(q, "t", i+1, recordsOf(10))
	}
	require.LessOrEqual(t, testing.AllocsPerRun(50, d.again(q)), float64(produceAllocs), "8 partitions")
	d.appended()
}

func TestFetchAllocations(t *testing.T) {
	d := &direct{node: start(t)}
	d.topic("t", 8)
	q := kmsg.NewPtrFetchRequest()
	q.MinBytes, q.MaxBytes, q.SessionEpoch = 1, 50<<20, -1
	for i := range int32(8) {
		p := kmsg.NewPtrProduceRequest()
		p.Acks = 1
		for range 20 {
			p.Topics = nil
			addRecords(p, "t", i, recordsOf(10))
			d.handle(d.request(9, p))
		}
		addPartition(q, "t", i, 0)
	}
	r := d.request(12, q)
	got := testing.AllocsPerRun(50, func() { d.handle(r) })
	require.Greater(t, d.w.Len(), 8*200<<10)
	require.LessOrEqual(t, got, float64(fetchAllocs))
}

// An idle consumer of 10,000 partitions costs what one of a single partition
// does: nothing.
func TestIdleSessionAllocations(t *testing.T) {
	d := &direct{node: startWith(t, options{memory: true})}
	idle := d.idleSession(10_000)
	require.LessOrEqual(t, testing.AllocsPerRun(100, idle), float64(idleAllocs))
	require.LessOrEqual(t, len(d.w.Buf), 32)
}

// idleSession begins a session of so many partitions and returns a function
// that does the next fetch of it, which finds nothing.
func (d *direct) idleSession(partitions int) func() {
	d.topic("t", partitions)
	q := kmsg.NewPtrFetchRequest()
	q.MinBytes, q.MaxBytes, q.SessionEpoch = 1, 1<<20, 0
	for i := range partitions {
		addPartition(q, "t", int32(i), 0)
	}
	d.handle(d.request(11, q))
	a := kmsg.NewPtrFetchResponse()
	a.SetVersion(11)
	require.NoError(d.t, a.ReadFrom(d.w.Buf))
	require.NotZero(d.t, a.SessionID)
	next := kmsg.NewPtrFetchRequest()
	next.MinBytes, next.MaxBytes, next.SessionID, next.SessionEpoch = 1, 1<<20, a.SessionID, 1
	r := d.request(11, next)
	const epochAt = 4 + 4 + 4 + 4 + 1 + 4 // replica, wait, bytes, bytes, isolation, session
	return func() {
		d.handle(r)
		epoch := r.Body[epochAt : epochAt+4]
		for i := 3; ; i-- {
			if epoch[i]++; epoch[i] != 0 {
				return
			}
		}
	}
}

func BenchmarkIdleSession(b *testing.B) {
	for _, partitions := range []int{1, 10_000} {
		b.Run(fmt.Sprint(partitions), func(b *testing.B) {
			d := &direct{node: startWith(b, options{memory: true})}
			idle := d.idleSession(partitions)
			b.ReportAllocs()
			for b.Loop() {
				idle()
			}
		})
	}
}

func BenchmarkProduce64KiB(b *testing.B) {
	d := &direct{node: start(b)}
	d.topic("t", 1)
	send := d.again(produce("t", 1, recordsOf(62)))
	b.SetBytes(64 << 10)
	b.ReportAllocs()
	for b.Loop() {
		send()
	}
	d.appended()
}

// The files' bytes are not read: sendfile would.
func BenchmarkFetch1MiB(b *testing.B) {
	d := &direct{node: start(b)}
	d.topic("t", 1)
	send := d.again(produce("t", 1, recordsOf(62)))
	for range 32 {
		send()
	}
	get := d.request(12, fetch("t", 0))
	b.ReportAllocs()
	for b.Loop() {
		d.handle(get)
	}
	if n := d.w.Len(); n < 1<<19 {
		b.Fatalf("%d bytes", n)
	}
}
