package api

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/replication/image"
)

func TestClientHostIsWrittenAsJavaDoes(t *testing.T) {
	for address, host := range map[string]string{
		"127.0.0.1":          "/127.0.0.1",
		"::ffff:192.168.0.9": "/192.168.0.9",
		"::1":                "/0:0:0:0:0:0:0:1",
		"2001:db8::ff00:42":  "/2001:db8:0:0:0:0:ff00:42",
		"fe80::1%eth0":       "/fe80:0:0:0:0:0:0:1%eth0",
	} {
		require.Equal(t, host, clientHost(netip.MustParseAddr(address)))
	}
}

// Of a commit the partitions that exist go on; the others come back in the
// answer, each topic in one place.
func TestCommitIsPartedByWhatExists(t *testing.T) {
	im := image.Empty().With(image.Changes{Topics: map[string]*image.Topic{"t": {Name: "t", Partitions: make([]image.Partition, 2)}}})
	ask := func(topic string, partitions ...int32) *kmsg.OffsetCommitRequestTopic {
		out := kmsg.NewOffsetCommitRequestTopic()
		out.Topic = topic
		for _, index := range partitions {
			p := kmsg.NewOffsetCommitRequestTopicPartition()
			p.Partition = index
			out.Partitions = append(out.Partitions, p)
		}
		return &out
	}
	there, missing := splitCommit(im, ask("t", 0, 7, 1, -1))
	require.Len(t, there.Partitions, 2)
	require.Len(t, missing.Partitions, 2)
	nothing, unknown := splitCommit(im, ask("u", 0))
	require.Empty(t, nothing.Partitions)

	all := &kmsg.OffsetCommitRequest{Topics: []kmsg.OffsetCommitRequestTopic{*ask("t", 0, 1)}}
	known, refused := knownCommits(im, all)
	require.Same(t, all, known)
	require.Empty(t, refused)
	all.Topics = append(all.Topics, *ask("u", 0), *ask("t", 1, 2), *ask("t"))
	known, refused = knownCommits(im, all)
	require.Len(t, known.Topics, 2)
	require.Len(t, refused, 2)

	answer := kmsg.NewPtrOffsetCommitResponse()
	answer.Topics = append(answer.Topics, kmsg.OffsetCommitResponseTopic{Topic: "t"})
	refuseCommits(answer, []kmsg.OffsetCommitRequestTopic{unknown, missing}, 3)
	require.Len(t, answer.Topics, 2)
	require.Equal(t, "t", answer.Topics[0].Topic)
	require.EqualValues(t, 3, answer.Topics[0].Partitions[1].ErrorCode)
	require.EqualValues(t, -1, answer.Topics[0].Partitions[1].Partition)
	require.Equal(t, "u", answer.Topics[1].Topic)
}
