package dir

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/checkpoint"
)

func TestParseName(t *testing.T) {
	const tag = "0123456789abcdef0123456789ABCDEF"
	tests := []struct {
		name  string
		topic string // empty: not a partition
		index int32
		kind  kind
	}{
		{"orders-3", "orders", 3, current},
		{"a-b-c-12", "a-b-c", 12, current},
		{"orders-0.1-2", "orders-0.1", 2, current},
		{"__consumer_offsets-49", "__consumer_offsets", 49, current},
		{"orders-2147483647", "orders", 2147483647, current},
		{"orders-3." + tag + "-delete", "orders", 3, deleted},
		{"orders-3." + tag + "-future", "orders", 3, future},
		{"orders-3." + tag + "-stray", "orders", 3, stray},
		{"x.y-3." + tag + "-delete", "x.y", 3, deleted},
		{"orders-delete-3", "orders-delete", 3, current},

		{"orders", "", 0, current},
		{"-3", "", 0, current},
		{".-3", "", 0, current},
		{"orders-", "", 0, current},
		{"orders-03", "", 0, current},
		{"orders-+3", "", 0, current},
		{"orders--3", "orders-", 3, current},
		{"orders-2147483648", "", 0, current},
		{"or ders-3", "", 0, current},
		{"lost+found", "", 0, current},
		{"remote-log-index-cache", "", 0, current},
		{"orders-3.abc-delete", "", 0, current},
		{"orders-3-delete", "", 0, current},
		{"orders." + tag + "-delete", "", 0, current},
		{strings.Repeat("x", 250) + "-3", "", 0, current},
	}
	for _, tt := range tests {
		p, k, ok := parseName(tt.name)
		require.Equal(t, tt.topic != "", ok, tt.name)
		if ok {
			require.Equal(t, checkpoint.Partition{Topic: tt.topic, Index: tt.index}, p, tt.name)
			require.Equal(t, tt.kind, k, tt.name)
		}
	}
}

func TestMadeNames(t *testing.T) {
	tag := [16]byte{0xab, 15: 1}
	short := checkpoint.Partition{Topic: "orders", Index: 3}
	require.Equal(t, "orders-3.ab000000000000000000000000000001-delete", deletedName(short, tag))
	name, ok := futureName(short, tag)
	require.True(t, ok)
	require.Equal(t, "orders-3.ab000000000000000000000000000001-future", name)

	long := checkpoint.Partition{Topic: strings.Repeat("x", 249), Index: 3}
	name = deletedName(long, tag)
	require.Len(t, name, 255)
	p, k, ok := parseName(name)
	require.True(t, ok)
	require.Equal(t, deleted, k)
	require.Equal(t, int32(3), p.Index)
	_, ok = futureName(long, tag)
	require.False(t, ok, "it would be longer than a file name may be")
}

// FuzzParseName: a name that is taken for a partition's is one that a broker
// would give.
func FuzzParseName(f *testing.F) {
	for _, seed := range []string{"orders-3", "orders-3.0123456789abcdef0123456789abcdef-delete", "a.b-c-0", "-", ".-future", "x-00"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, name string) {
		p, k, ok := parseName(name)
		if !ok {
			return
		}
		if k == current && p.String() != name {
			t.Fatalf("%q was taken for %v", name, p)
		}
		again, k, ok := parseName(deletedName(p, [16]byte{1}))
		if !ok || k != deleted || again.Index != p.Index {
			t.Fatalf("%q cannot be deleted: %v %v", name, again, ok)
		}
	})
}
