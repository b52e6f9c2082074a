package record_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/log/compress"
	"github.com/leatmq/leat/log/record"
)

func filter(t testing.TB, b record.Batch, f record.Filter) (record.Batch, record.Filtered) {
	t.Helper()
	f.MaxInflated = inflateBound
	var s record.Scratch
	out, did, err := s.Filter([]byte("before"), b, f)
	require.NoError(t, err)
	require.Equal(t, "before", string(out[:6]))
	if len(out) == 6 {
		return nil, did
	}
	kept := take(t, out[6:])
	require.True(t, kept.CheckCRC())
	return kept, did
}

func all(*record.Record) bool  { return true }
func none(*record.Record) bool { return false }

// odd keeps records at odd offsets.
func odd(r *record.Record) bool { return r.Offset%2 == 1 }

func TestFilterKeepsTheBytesOfAWholeBatch(t *testing.T) {
	for _, c := range codecs {
		b := build(t, record.Spec{Codec: c}, record.Record{Key: []byte("k"), Value: []byte{}})
		kept, did := filter(t, b, record.Filter{Keep: all, Horizon: 5})
		require.Equal(t, b, kept)
		require.Equal(t, record.Filtered{Kept: 1}, did)
	}
}

func TestFilterTakesRecordsOut(t *testing.T) {
	for _, c := range codecs {
		t.Run(c.String(), func(t *testing.T) {
			spec := full()
			spec.Codec, spec.BaseOffset = c, 10
			b := build(t, spec, some(8)...)
			kept, did := filter(t, b, record.Filter{Keep: func(r *record.Record) bool { return odd(r) && r.Value != nil }})
			require.True(t, did.Changed)
			require.Equal(t, c, kept.Codec())
			require.Equal(t, b.BaseOffset(), kept.BaseOffset())
			require.Equal(t, b.LastOffset(), kept.LastOffset())
			require.Equal(t, b.BaseSequence(), kept.BaseSequence())
			require.Equal(t, b.LastSequence(), kept.LastSequence())
			require.Equal(t, b.LeaderEpoch(), kept.LeaderEpoch())
			require.True(t, kept.Transactional())
			var want []record.Record
			for _, r := range read(t, b) {
				if odd(&r) && r.Value != nil {
					want = append(want, r)
				}
			}
			require.Equal(t, want, read(t, kept))
			require.Equal(t, want[len(want)-1].Timestamp, kept.MaxTimestamp())
		})
	}
}

func TestFilterOfNothing(t *testing.T) {
	b := build(t, full(), some(3)...)
	kept, did := filter(t, b, record.Filter{Keep: none})
	require.Nil(t, kept)
	require.True(t, did.Changed)
	kept, _ = filter(t, b, record.Filter{Keep: none, KeepEmpty: true})
	require.Equal(t, take(t, record.AppendEmpty(nil, b)), kept)
	again, did := filter(t, kept, record.Filter{Keep: none, KeepEmpty: true})
	require.Equal(t, kept, again, "an empty batch stays as it is")
	require.False(t, did.Changed)
	again, _ = filter(t, kept, record.Filter{Keep: all})
	require.Nil(t, again)
	old := take(t, oldMessage(1, 0, record.Record{}))
	kept, _ = filter(t, old, record.Filter{Keep: none, KeepEmpty: true})
	require.Nil(t, kept, "old messages have no producers")
}

func TestFilterSetsTheDeleteHorizonOnce(t *testing.T) {
	value := record.Record{Timestamp: 50, Key: []byte("k"), Value: []byte("v")}
	tombstone := record.Record{Timestamp: 60, Key: []byte("k")}
	b := build(t, record.Spec{BaseOffset: 3}, value, tombstone)

	kept, did := filter(t, b, record.Filter{Keep: all, Horizon: 1000})
	horizon, ok := kept.DeleteHorizon()
	require.True(t, ok)
	require.True(t, did.Changed)
	require.Equal(t, int64(1000), horizon)
	require.Equal(t, read(t, b), read(t, kept), "timestamps do not change")
	require.Equal(t, int64(60), kept.MaxTimestamp())

	again, did := filter(t, kept, record.Filter{Keep: all, Horizon: 2000})
	require.Equal(t, kept, again)
	require.False(t, did.Changed)
	less, _ := filter(t, kept, record.Filter{Keep: func(r *record.Record) bool { return r.Value == nil }, Horizon: 2000})
	horizon, _ = less.DeleteHorizon()
	require.Equal(t, int64(1000), horizon, "it stays when other records go")

	gone, _ := filter(t, b, record.Filter{Keep: func(r *record.Record) bool { return r.Value != nil }, Horizon: 1000})
	_, ok = gone.DeleteHorizon()
	require.False(t, ok, "the tombstone did not stay")

	set, err := record.AppendMarker(nil, record.Marker{ProducerID: 1, Commit: true, Timestamp: 70})
	require.NoError(t, err)
	marked, _ := filter(t, take(t, set), record.Filter{Keep: all, Horizon: 1000, Mark: true})
	horizon, ok = marked.DeleteHorizon()
	require.True(t, ok)
	require.Equal(t, int64(1000), horizon)
	require.True(t, marked.Control())
}

func TestFilterOfOldMessages(t *testing.T) {
	for _, magic := range []int8{0, 1} {
		var inner [][]byte
		for i := range int64(4) {
			r := record.Record{Offset: i, Timestamp: 100 + i, Key: []byte{byte(i)}}
			if magic == 0 {
				r.Offset += 30
			}
			inner = append(inner, oldMessage(magic, 0, r))
		}
		b := take(t, wrap(t, magic, compress.Gzip, 33, inner...))
		kept, did := filter(t, b, record.Filter{Keep: func(r *record.Record) bool { return r.Offset == 30 || r.Offset == 32 }})
		require.Equal(t, 2, did.Kept)
		require.Equal(t, magic, kept.Magic())
		require.Equal(t, compress.Gzip, kept.Codec())
		list := read(t, kept)
		require.Equal(t, []int64{30, 32}, []int64{list[0].Offset, list[1].Offset})
		require.Equal(t, read(t, b)[2], list[1])
		kept, did = filter(t, b, record.Filter{Keep: all, Horizon: 9})
		require.Equal(t, b, kept, "there is no place for a delete horizon")
		require.False(t, did.Changed)
	}
}

func TestFilterProperty(t *testing.T) {
	var s record.Scratch
	rapid.Check(t, func(t *rapid.T) {
		records := anyRecords(t, 7, true)
		var b record.Builder
		b.Reset(record.Spec{BaseOffset: 7, Codec: rapid.SampledFrom(codecs).Draw(t, "codec")})
		for i := range records {
			b.AppendAt(&records[i])
		}
		set, err := b.Finish(nil)
		if err != nil {
			t.Fatal(err)
		}
		var want []record.Record
		out, did, err := s.Filter(nil, set, record.Filter{
			MaxInflated: inflateBound, Horizon: 12345, KeepEmpty: true,
			Keep: func(r *record.Record) bool {
				keep := rapid.Bool().Draw(t, "keep")
				if keep {
					want = append(want, clone(r))
				}
				return keep
			},
		})
		if err != nil || did.Kept != len(want) {
			t.Fatalf("%d records kept, asked for %d: %v", did.Kept, len(want), err)
		}
		kept, _, err := record.Next(out)
		if err != nil || !kept.CheckCRC() || kept.LastOffset() != record.Batch(set).LastOffset() {
			t.Fatalf("not a good batch: %v", err)
		}
		checkRecords(t, kept, want)
	})
}
