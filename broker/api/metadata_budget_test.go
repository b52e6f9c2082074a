package api

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/partition/topic"
	"github.com/leatmq/leat/replication/image"
)

// bigPicture has a thousand topics of ten partitions on one broker.
func bigPicture() *image.Image {
	topics := map[string]*image.Topic{}
	for i := range 1000 {
		t := &image.Topic{Name: fmt.Sprintf("topic-%03d", i), ID: topic.ID{byte(i), byte(i >> 8), 1}}
		for range 10 {
			t.Partitions = append(t.Partitions, image.Partition{Replicas: []int32{0}, ISR: []int32{0}})
		}
		topics[t.Name] = t
	}
	return image.Empty().With(image.Changes{Topics: topics, Brokers: []image.Broker{
		{ID: 9, Endpoints: []image.Endpoint{{Listener: "", Host: "h", Port: 1}}}, {ID: 0, Endpoints: []image.Endpoint{{Host: "h", Port: 2}}},
	}})
}

// TestMetadataAllocatesNothing: neither a request for all of ten thousand
// partitions nor one for a few topics costs anything for the collector, once
// the buffers have grown.
func TestMetadataAllocatesNothing(t *testing.T) {
	a := &API{Deps: Deps{BrokerID: -1}}
	im := bigPicture()
	conn := &server.Conn{}
	for _, names := range [][]string{nil, {"topic-001", "topic-500", "topic-999"}} {
		q := kmsg.NewPtrMetadataRequest()
		q.Version = 12
		for _, name := range names {
			row := kmsg.NewMetadataRequestTopic()
			row.Topic = &name
			q.Topics = append(q.Topics, row)
		}
		r := &server.Request{Version: 12, Flexible: true, Body: q.AppendTo(nil), Conn: conn}
		call := newMetadataCall().(*metadataCall)
		var buf []byte
		serve := func() {
			if err := call.read(r); err != nil {
				t.Error(err)
			}
			call.conn, call.im = conn, im
			call.resolve()
			buf = a.answerMetadata(call, buf[:0])
		}
		serve()
		require.NotEmpty(t, buf)
		require.Zero(t, testing.AllocsPerRun(20, serve), "%d topics", len(names))
	}
}

func BenchmarkMetadataOfAll(b *testing.B) {
	a := &API{Deps: Deps{BrokerID: -1}}
	call := newMetadataCall().(*metadataCall)
	call.version, call.flexible, call.all, call.im, call.conn = 12, true, true, bigPicture(), &server.Conn{}
	var buf []byte
	for b.Loop() {
		buf = a.answerMetadata(call, buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

// FuzzMetadata: whatever a body is, it is read as kmsg reads it, or refused.
func FuzzMetadata(f *testing.F) {
	for version := int16(0); version <= 12; version++ {
		q := kmsg.NewPtrMetadataRequest()
		q.Version = version
		row := kmsg.NewMetadataRequestTopic()
		name := "topic-001"
		row.Topic = &name
		q.Topics = append(q.Topics, row)
		f.Add(uint8(version), q.AppendTo(nil))
	}
	f.Add(uint8(9), []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0})
	a := &API{Deps: Deps{BrokerID: -1}}
	im := bigPicture()
	f.Fuzz(func(t *testing.T, v uint8, body []byte) {
		version := int16(v % 13)
		r := &server.Request{Version: version, Flexible: version >= 9, Body: body, Conn: &server.Conn{}}
		call := newMetadataCall().(*metadataCall)
		if call.read(r) != nil {
			return
		}
		call.conn, call.im = r.Conn, im
		var answer []byte
		if code := call.refused(); code != 0 {
			answer = call.answerRefused(nil, code)
		} else {
			call.resolve()
			answer = a.answerMetadata(call, nil)
		}
		got := kmsg.NewPtrMetadataResponse()
		got.Version = version
		require.NoError(t, got.ReadFrom(answer))
		require.Equal(t, answer, got.AppendTo(nil))
		asked := kmsg.NewPtrMetadataRequest()
		asked.Version = version
		if !call.all && asked.ReadFrom(body) == nil {
			require.Equal(t, len(asked.Topics), len(call.asks))
		}
	})
}
