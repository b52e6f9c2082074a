package compact

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestOffsetMapProperty(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := Limits{MapBytes: rapid.IntRange(0, 2000).Draw(t, "bytes"), LoadFactor: rapid.Float64Range(0, 1).Draw(t, "load")}
		m := newOffsetMap(l, rapid.Int64Range(0, 100).Draw(t, "keys"), 7)
		if m.latest != 6 {
			t.Fatalf("an empty map knows all up to %d", m.latest)
		}
		model := make(map[string]int64)
		for i := range rapid.IntRange(1, 200).Draw(t, "puts") {
			key := rapid.SliceOfN(rapid.ByteRange(0, 9), 0, 2).Draw(t, "key")
			offset := int64(7 + i)
			_, known := model[string(key)]
			if ok := m.put(key, offset); ok != (known || len(model) < m.most) {
				t.Fatalf("put gave %v with %d of %d keys, known %v", ok, len(model), m.most, known)
			} else if ok {
				model[string(key)] = offset
			}
		}
		if m.used != len(model) || len(m.slots)*slotSize > max(l.MapBytes, 2*slotSize) {
			t.Fatalf("%d keys, want %d; %d slots", m.used, len(model), len(m.slots))
		}
		for key, offset := range model {
			if got := m.get([]byte(key)); got != offset {
				t.Fatalf("key %q is at %d, want %d", key, got, offset)
			}
		}
		if m.get([]byte("another")) != -1 {
			t.Fatal("a key that was never put")
		}
	})
}

func TestOffsetMapTakesNoMoreThanItNeeds(t *testing.T) {
	l := DefaultLimits()
	require.Less(t, len(newOffsetMap(l, 1000, 0).slots), 1200)
	require.Equal(t, l.MapBytes/slotSize, len(newOffsetMap(l, 1<<40, 0).slots))
	m := newOffsetMap(l, 1000, 0)
	for i := range 1000 {
		require.True(t, m.put(binary.BigEndian.AppendUint64(nil, uint64(i)), int64(i)))
	}
}

func BenchmarkOffsetMap(b *testing.B) {
	key := make([]byte, 16)
	m := newOffsetMap(DefaultLimits(), 1<<20, 0)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		binary.BigEndian.PutUint64(key, uint64(i%(1<<20)))
		m.put(key, int64(i))
		i++
	}
}
