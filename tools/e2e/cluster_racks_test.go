package e2e

import (
	"bufio"
	"context"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// served counts the batches that a consumer got, by broker.
type served struct {
	mu   sync.Mutex
	from map[int32]int
}

// OnFetchBatchRead is called by the client.
func (s *served) OnFetchBatchRead(broker kgo.BrokerMetadata, _ string, _ int32, _ kgo.FetchBatchMetrics) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from[broker.NodeID]++
}

func (s *served) by(broker int) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.from[int32(broker)]
}

func (s *served) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprint(s.from)
}

// reading is a consumer that holds what it gets, of a topic with one partition,
// against what startLoad sends: each record once and in order.
type reading struct {
	d      *disks
	topic  string
	cl     *kgo.Client
	served *served
	next   int
}

// readIn begins to consume in a broker's rack.
func (d *disks) readIn(topic string, broker int) *reading {
	d.t.Helper()
	r := &reading{d: d, topic: topic, served: &served{from: map[int32]int{}}}
	r.cl = d.client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.Rack(fmt.Sprint("rack-", broker)), kgo.FetchMaxWait(100*time.Millisecond), kgo.WithHooks(r.served))
	return r
}

// until reads on until a condition holds.
func (r *reading) until(what string, met func() bool) {
	r.d.t.Helper()
	ctx, cancel := context.WithTimeout(r.d.t.Context(), patience)
	defer cancel()
	for !met() {
		poll, done := context.WithTimeout(ctx, 50*time.Millisecond)
		r.cl.PollFetches(poll).EachRecord(func(rec *kgo.Record) {
			require.Equal(r.d.t, fmt.Sprintf("%s-%06d", r.topic, r.next), string(rec.Value))
			r.next++
		})
		done()
		require.NoError(r.d.t, ctx.Err(), "%s: not %s after %d records", r.topic, what, r.next)
	}
}

// reads reads so many records more.
func (r *reading) reads(n int) {
	r.d.t.Helper()
	to := r.next + n
	r.until("read", func() bool { return r.next >= to })
}

// readInRack has a consumer read from the follower in its rack, from another
// while that one is stopped and then killed, and from it again.
func (d *disks) readInRack() {
	d.place("racks", []int32{0, 1, 2})
	l := startLoad(d.cluster, "racks")
	r := d.readIn("racks", 1)
	r.until("read from its rack", func() bool { return r.served.by(1) > 20 })
	d.t.Logf("batches by broker: %v", r.served)
	require.Zero(d.t, r.served.by(2))
	require.Positive(d.t, d.metric(1, "leat_topic_bytes_out_total", `topic="racks"`))
	require.Zero(d.t, d.metric(2, "leat_topic_bytes_out_total", `topic="racks"`))
	for _, end := range []func(int){d.stop, d.kill} {
		end(1)
		was := r.served.by(0) + r.served.by(2)
		r.reads(100) // some of which it may have had
		r.until("read from another rack", func() bool { return r.served.by(0)+r.served.by(2) > was })
		d.start(1)
		back := r.served.by(1)
		r.until("read from its rack again", func() bool { return r.served.by(1) > back+5 })
	}
	d.inSync("racks")
	l.stop()
	require.Empty(d.t, l.failed)
	r.until("read whole", func() bool { return r.next >= l.count() })
	d.t.Logf("batches by broker: %v", r.served)
}

// kcatInRack has librdkafka read in its rack. Old versions, as 2.0, wait for the
// broker that they were sent to, up to five minutes, when it is gone: what is
// asked of them here is to go on when it is back.
func (d *disks) kcatInRack() {
	d.place("kcat-racks", []int32{0, 1, 2})
	l := startLoad(d.cluster, "kcat-racks")
	ctx, cancel := context.WithTimeout(d.t.Context(), 4*patience)
	defer cancel()
	kcat := exec.CommandContext(ctx, "kcat", "-q", "-C", "-u", "-b", d.all(), "-t", "kcat-racks", "-p", "0", "-o", "beginning",
		"-X", "client.rack=rack-2", "-X", "fetch.wait.max.ms=100", "-X", "reconnect.backoff.max.ms=200")
	out, err := kcat.StdoutPipe()
	require.NoError(d.t, err)
	require.NoError(d.t, kcat.Start())
	ended := sync.OnceFunc(func() {
		cancel()
		require.Error(d.t, kcat.Wait(), "it is killed")
	})
	defer ended()
	rows, next := bufio.NewScanner(out), 0
	until := func(what string, met func() bool) {
		for !met() {
			require.True(d.t, rows.Scan(), "kcat has not %s when it ended after %d records", what, next)
			require.Equal(d.t, fmt.Sprintf("kcat-racks-%06d", next), rows.Text())
			next++
		}
	}
	bytes := func(id int) float64 { return d.metric(id, "leat_topic_bytes_out_total", `topic="kcat-racks"`) }
	until("read from its rack", func() bool { return bytes(2) > 5_000 })
	require.Zero(d.t, bytes(1))
	for _, end := range []func(int){d.stop, d.kill} {
		end(2)
		l.goesOn(50)
		d.start(2)
		to := next + 200
		until("gone on", func() bool { return next >= to })
	}
	l.stop()
	require.Empty(d.t, l.failed)
	until("read all", func() bool { return next >= l.count() })
	d.inSync("kcat-racks")
}

// nothingUncommitted freezes one follower, so that the leader and the other have
// records that are not committed: none is shown before it is.
func (d *disks) nothingUncommitted() {
	d.place("uncommitted", []int32{0, 1, 2})
	frozen := d.brokers[2].Pid()
	thaw := sync.OnceFunc(func() { require.NoError(d.t, syscall.Kill(frozen, syscall.SIGCONT)) })
	defer thaw()
	l := startLoad(d.cluster, "uncommitted", kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite())
	r := d.readIn("uncommitted", 1)
	ends := func(id int) (high, end float64) {
		of := `topic="uncommitted"`
		return d.metric(id, "leat_partition_high_watermark", of), d.metric(id, "leat_partition_end_offset", of)
	}
	r.until("read from its rack", func() bool { return r.served.by(1) > 5 })
	require.NoError(d.t, syscall.Kill(frozen, syscall.SIGSTOP))
	was, _ := ends(0)
	behind := 0
	// What is seen must be below the high watermark that the leader has a moment
	// later, whatever that is by then.
	r.until("behind the end of the log for a while", func() bool {
		high, _ := ends(0)
		require.LessOrEqual(d.t, float64(r.next), high)
		at, end := ends(1)
		if end > at+10 {
			behind++
		}
		return behind > 10 || high > was+200 // or the frozen one is out of sync by now
	})
	d.t.Logf("looked %d times at a follower with uncommitted records", behind)
	thaw()
	l.stop()
	require.Empty(d.t, l.failed)
	r.until("read whole", func() bool { return r.next >= l.count() })
	d.eventually(d.admin, "uncommitted", "in sync", func(p kadm.PartitionDetail) bool { return len(p.ISR) == 3 })
}
