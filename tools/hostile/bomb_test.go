package hostile

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"hash/crc32"
	"io"
	"testing"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// zeros writes n MiB of them.
func zeros(t *testing.T, w io.WriteCloser, n int) {
	t.Helper()
	mib := make([]byte, 1<<20)
	for range n {
		_, err := w.Write(mib)
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
}

// bomb is what a batch of a codec holds.
type bomb struct {
	name    string
	codec   int16
	records []byte
}

// bombs are as large as a batch may be.
func bombs(t *testing.T) []bomb {
	t.Helper()
	var g, l, z bytes.Buffer
	zip, err := gzip.NewWriterLevel(&g, 9)
	require.NoError(t, err)
	zeros(t, zip, 900)
	zeros(t, lz4.NewWriter(&l), 240)
	enc, err := zstd.NewWriter(&z, zstd.WithEncoderConcurrency(1))
	require.NoError(t, err)
	zeros(t, enc, 1024)
	snappy := binary.AppendUvarint(nil, 1<<30) // a block that claims a GiB
	snappy = append(snappy, 0, 0)              // one byte as it is
	for len(snappy) < 1_000_000 {
		snappy = append(snappy, 63<<2|2, 1, 0) // 64 bytes more of it
	}
	return []bomb{
		{"gzip", 1, g.Bytes()},
		{"snappy that claims more than it has", 2, snappy},
		{"snappy", 2, s2.EncodeSnappyBest(nil, make([]byte, 19<<20))},
		{"snappy in Java's frames", 2, xerial(19)},
		{"lz4", 3, l.Bytes()},
		{"zstd", 4, z.Bytes()},
	}
}

// xerial frames n blocks of a MiB of zeros as snappy-java does.
func xerial(n int) []byte {
	out := []byte{0x82, 'S', 'N', 'A', 'P', 'P', 'Y', 0, 0, 0, 0, 1, 0, 0, 0, 1}
	block := s2.EncodeSnappyBest(nil, make([]byte, 1<<20))
	for range n {
		out = binary.BigEndian.AppendUint32(out, uint32(len(block)))
		out = append(out, block...)
	}
	return out
}

// batch is one of the records given, whatever they are.
func batch(codec int16, records []byte) []byte {
	b := make([]byte, 61, 61+len(records))
	binary.BigEndian.PutUint32(b[8:], uint32(49+len(records)))
	b[16] = 2
	binary.BigEndian.PutUint16(b[21:], uint16(codec))
	for i := 43; i < 57; i++ {
		b[i] = 0xff // no producer
	}
	binary.BigEndian.PutUint32(b[57:], 1)
	b = append(b, records...)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

// A batch that inflates to a GiB is refused before it has.
func TestDecompressionBombs(t *testing.T) {
	v := start(t)
	for _, bomb := range bombs(t) {
		q := kmsg.NewPtrProduceRequest()
		q.Acks, q.TimeoutMillis = 1, 1000
		topic := kmsg.NewProduceRequestTopic()
		topic.Topic = "safe"
		p := kmsg.NewProduceRequestTopicPartition()
		p.Records = batch(bomb.codec, bomb.records)
		topic.Partitions = append(topic.Partitions, p)
		q.Topics = append(q.Topics, topic)
		require.Less(t, len(p.Records), 1048588, bomb.name)
		q.SetVersion(9)
		answers := make(chan []byte)
		for range 10 {
			go func() { answers <- v.ends(frame(q)) }()
		}
		for range 10 {
			raw := <-answers
			require.Greater(t, len(raw), 9, "%s is not answered", bomb.name)
			r := kmsg.NewPtrProduceResponse()
			r.SetVersion(9)
			require.NoError(t, r.ReadFrom(raw[9:]))
			code := kerr.ErrorForCode(r.Topics[0].Partitions[0].ErrorCode)
			require.Error(t, code)
			require.NotErrorIs(t, code, kerr.UnknownServerError)
		}
	}
	v.within(maxBombRSS)
}
