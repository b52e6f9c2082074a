package record_test

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"math"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

// full is a spec with every field set.
func full() record.Spec {
	return record.Spec{
		BaseOffset:  1234567890123,
		LeaderEpoch: 17,
		Codec:       compress.None,
		Attributes:  record.Transactional,
		Producer:    &record.Producer{ID: 99, Epoch: 3, BaseSequence: 1000},
	}
}

// TestHeaderAgainstKmsg reads with another decoder what the builder wrote.
func TestHeaderAgainstKmsg(t *testing.T) {
	records := some(7)
	b := build(t, full(), records...)
	var k kmsg.RecordBatch
	require.NoError(t, k.ReadFrom(b))
	require.Equal(t, int64(1234567890123), k.FirstOffset)
	require.Equal(t, int32(len(b)-12), k.Length)
	require.Equal(t, int32(17), k.PartitionLeaderEpoch)
	require.Equal(t, int8(2), k.Magic)
	require.Equal(t, crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)), uint32(k.CRC))
	require.Equal(t, int16(1<<4), k.Attributes)
	require.Equal(t, int32(6), k.LastOffsetDelta)
	require.Equal(t, records[0].Timestamp, k.FirstTimestamp)
	require.Equal(t, records[6].Timestamp, k.MaxTimestamp)
	require.Equal(t, int64(99), k.ProducerID)
	require.Equal(t, int16(3), k.ProducerEpoch)
	require.Equal(t, int32(1000), k.FirstSequence)
	require.Equal(t, int32(7), k.NumRecords)

	rest := k.Records
	for i, want := range records {
		size, n := binary.Varint(rest)
		var r kmsg.Record
		require.NoError(t, r.ReadFrom(rest[:n+int(size)]))
		rest = rest[n+int(size):]
		require.Equal(t, int32(i), r.OffsetDelta)
		require.Equal(t, int64(i)*1000, r.TimestampDelta64)
		require.Equal(t, want.Key, r.Key)
		require.Equal(t, want.Value, r.Value)
		require.Len(t, r.Headers, len(want.Headers))
		for j, h := range want.Headers {
			require.Equal(t, string(h.Key), r.Headers[j].Key)
			require.Equal(t, h.Value, r.Headers[j].Value)
		}
	}
	require.Empty(t, rest)
}

func TestAccessors(t *testing.T) {
	b := build(t, full(), some(7)...)
	require.Equal(t, len(b), b.Size())
	require.Equal(t, int8(2), b.Magic())
	require.False(t, b.Legacy())
	require.Equal(t, int64(1234567890123), b.BaseOffset())
	require.Equal(t, int64(1234567890129), b.LastOffset())
	require.Equal(t, int64(1234567890130), b.NextOffset())
	require.Equal(t, int32(17), b.LeaderEpoch())
	require.Equal(t, compress.None, b.Codec())
	require.True(t, b.Transactional())
	require.False(t, b.Control())
	require.False(t, b.AppendTime())
	require.Equal(t, int64(1700000000000), b.BaseTimestamp())
	require.Equal(t, int64(1700000006000), b.MaxTimestamp())
	require.True(t, b.HasProducer())
	require.Equal(t, int64(99), b.ProducerID())
	require.Equal(t, int16(3), b.ProducerEpoch())
	require.Equal(t, int32(1000), b.BaseSequence())
	require.Equal(t, int32(1006), b.LastSequence())
	require.Equal(t, int32(7), b.Count())
	_, horizon := b.DeleteHorizon()
	require.False(t, horizon)
}

// TestStampingKeepsTheCRC moves a batch as a leader does.
func TestStampingKeepsTheCRC(t *testing.T) {
	b := build(t, full(), some(3)...)
	require.True(t, b.CheckCRC())
	b.SetBaseOffset(5)
	b.SetLeaderEpoch(40)
	require.True(t, b.CheckCRC())
	require.Equal(t, int64(7), b.LastOffset())
	require.Equal(t, int32(40), b.LeaderEpoch())
	b.SetMaxTimestamp(1)
	require.False(t, b.CheckCRC())
	b.UpdateCRC()
	require.True(t, b.CheckCRC())
	for i := 21; i < len(b); i++ {
		b[i] ^= 1
		require.False(t, b.CheckCRC(), "a bit changed at %d", i)
		b[i] ^= 1
	}
}

func TestSequencesWrap(t *testing.T) {
	spec := full()
	for base, last := range map[int32]int32{0: 4, math.MaxInt32 - 4: math.MaxInt32, math.MaxInt32 - 3: 0, math.MaxInt32: 3, -1: -1} {
		spec.Producer.BaseSequence = base
		require.Equal(t, last, build(t, spec, some(5)...).LastSequence(), "from %d", base)
	}
}

func TestNext(t *testing.T) {
	one, two := build(t, full(), some(1)...), build(t, record.Spec{}, some(2)...)
	set := append(append([]byte{}, one...), two...)
	b, rest, err := record.Next(set)
	require.NoError(t, err)
	require.Equal(t, one, b)
	require.Equal(t, len(b), cap(b), "a batch must not be grown into the next one")
	b, rest, err = record.Next(rest)
	require.NoError(t, err)
	require.Equal(t, two, b)
	require.Empty(t, rest)
}

func TestNextWithTooLittle(t *testing.T) {
	whole := build(t, full(), some(3)...)
	for n := range len(whole) {
		_, rest, err := record.Next(whole[:n])
		require.ErrorIs(t, err, io.ErrUnexpectedEOF, "%d bytes", n)
		require.Len(t, rest, n)
		need, err := record.Need(whole[:n])
		if n < record.PrefixSize {
			require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			continue
		}
		require.NoError(t, err)
		require.Equal(t, len(whole), need)
	}
}

func TestNextRefuses(t *testing.T) {
	entry := func(size int32, magic byte) []byte {
		b := make([]byte, 100)
		binary.BigEndian.PutUint32(b[8:], uint32(size))
		b[16] = magic
		return b
	}
	for _, c := range []struct {
		name    string
		set     []byte
		message string
	}{
		{"size 13", entry(13, 2), "Record size 13 is less than the minimum record overhead (14)"},
		{"size -1", entry(-1, 2), "Record size -1 is less than the minimum record overhead (14)"},
		{"magic 3", entry(60, 3), "Invalid magic found in record: 3"},
		{"magic -1", entry(60, 0xff), "Invalid magic found in record: -1"},
		{"batch shorter than its header", entry(48, 2), ""},
		{"message with timestamp shorter than its header", entry(21, 1), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := record.Next(c.set)
			var e *record.Error
			require.ErrorAs(t, err, &e)
			require.ErrorIs(t, err, record.ErrCorrupt)
			require.Equal(t, c.message, e.Message)
		})
	}
	_, _, err := record.Next(entry(14, 0))
	require.NoError(t, err, "the smallest message")
}
