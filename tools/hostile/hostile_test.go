// Package hostile drives a broker in a process of its own as no client should,
// and looks at what the operating system says of it: it lives, its memory is
// bounded, and other clients are served.
package hostile

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/tools/spawn"
)

// What a broker may use at most: whatever its clients send, and when what they
// send inflates to leat.max.inflated.bytes at the same time.
const (
	maxRSS     = 256 << 20
	maxBombRSS = 448 << 20
)

// victim is the broker under attack.
type victim struct {
	*spawn.Broker
	t *testing.T
}

// start runs a broker with a topic for the attack, t, and one for others, safe.
func start(t *testing.T) *victim {
	t.Helper()
	bin, err := spawn.Build(t.Context(), t.TempDir())
	require.NoError(t, err)
	b, err := spawn.Start(t.Context(), spawn.Options{Bin: bin, DataDir: t.TempDir()})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, b.Kill()) })
	v := &victim{b, t}
	_, err = kadm.NewClient(v.client()).CreateTopics(t.Context(), 1, 1, nil, "t", "safe")
	require.NoError(t, err)
	return v
}

func (v *victim) client() *kgo.Client {
	v.t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(v.Addr), kgo.DefaultProduceTopic("safe"))
	require.NoError(v.t, err)
	v.t.Cleanup(cl.Close)
	return cl
}

func (v *victim) dial() *net.TCPConn {
	v.t.Helper()
	c, err := net.Dial("tcp", v.Addr)
	require.NoError(v.t, err)
	v.t.Cleanup(func() { c.Close() })
	return c.(*net.TCPConn)
}

var peak = regexp.MustCompile(`VmHWM:\s+(\d+) kB`)

// unharmed tells that the broker lives, serves others, and never used more
// memory than it may.
func (v *victim) unharmed() { v.t.Helper(); v.within(maxRSS) }

// within is unharmed with a bound of its own.
func (v *victim) within(most int) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(v.t.Context(), time.Minute)
	defer cancel()
	require.NoError(v.t, v.client().ProduceSync(ctx, kgo.StringRecord("x")).FirstErr())
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", v.Pid()))
	require.NoError(v.t, err)
	m := peak.FindSubmatch(status)
	require.NotNil(v.t, m)
	kib, err := strconv.Atoi(string(m[1]))
	require.NoError(v.t, err)
	v.t.Logf("peak RSS %d MiB", kib>>10)
	require.Less(v.t, kib<<10, most)
}

// ends writes frames, says that no more come, and waits for the broker to close
// the connection. It gives what was answered.
func (v *victim) ends(frames []byte) []byte {
	c, err := net.Dial("tcp", v.Addr)
	if err != nil {
		v.t.Error(err)
		return nil
	}
	defer c.Close()
	_, err = c.Write(frames)
	err = errors.Join(err, c.(*net.TCPConn).CloseWrite(), c.SetReadDeadline(time.Now().Add(time.Minute)))
	answer, readErr := io.ReadAll(c)
	if ne, ok := errors.AsType[net.Error](readErr); ok && ne.Timeout() {
		v.t.Errorf("the connection stays open after %x (%v)", frames[:min(len(frames), 100)], err)
	}
	return answer
}

// frame is a request with its header and length.
func frame(q kmsg.Request) []byte {
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("hostile")).AppendRequest(nil, q, 7)
}

// Lengths are claims. What a connection costs is what it sends.
func TestClaimedLengths(t *testing.T) {
	v := start(t)
	for i := range 100 {
		c := v.dial()
		head := binary.BigEndian.AppendUint32(nil, 100<<20)
		head = append(head, 0, 0, 0, 9, 0, 0, 0, 1, 0, 1, 'x')
		_, err := c.Write(append(head, make([]byte, i*10)...))
		require.NoError(t, err)
	}
	v.unharmed()
}

// Connections that send what they claim, but slowly, together get no more
// memory than is set aside for requests; others go on.
func TestLargeRequestsThatNeverEnd(t *testing.T) {
	v := start(t)
	chunk := make([]byte, 4<<20)
	for range 100 {
		c := v.dial()
		head := binary.BigEndian.AppendUint32(nil, 100<<20)
		require.NoError(t, c.SetWriteDeadline(time.Now().Add(50*time.Millisecond)))
		_, err := c.Write(append(append(head, 0, 0, 0, 9, 0, 0, 0, 1, 0, 1, 'x'), chunk...))
		if ne, ok := errors.AsType[net.Error](err); err != nil && (!ok || !ne.Timeout()) {
			t.Logf("closed: %v", err)
		}
	}
	v.unharmed()
}

// Clients that ask and never read are held back by their own unread answers.
func TestClientsThatNeverRead(t *testing.T) {
	v := start(t)
	value := bytes.Repeat([]byte("v"), 500_000)
	for range 20 {
		require.NoError(t, v.client().ProduceSync(t.Context(), kgo.SliceRecord(value)).FirstErr())
	}
	for i := range 40 {
		q := kmsg.Request(kmsg.NewPtrMetadataRequest())
		if i%2 == 0 {
			q = fetchAll()
		}
		requests := bytes.Repeat(frame(q), 400_000) // more than the buffers of two kernels
		c := v.dial()
		require.NoError(t, c.SetWriteDeadline(time.Now().Add(100*time.Millisecond)))
		_, err := c.Write(requests)
		ne, ok := errors.AsType[net.Error](err)
		require.True(t, ok && ne.Timeout(), "%d bytes: the broker goes on reading what it cannot answer (%v)", len(requests), err)
	}
	v.unharmed()
}

func fetchAll() *kmsg.FetchRequest {
	q := kmsg.NewPtrFetchRequest()
	q.SetVersion(11)
	q.MaxBytes = 50 << 20
	q.MinBytes = 1
	topic := kmsg.NewFetchRequestTopic()
	topic.Topic = "safe"
	p := kmsg.NewFetchRequestTopicPartition()
	p.PartitionMaxBytes = 50 << 20
	topic.Partitions = append(topic.Partitions, p)
	q.Topics = append(q.Topics, topic)
	return q
}
