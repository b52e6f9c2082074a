package compact_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/leatmq/leat/log/compact"
)

// thirds is a log of three sealed segments of 100 offsets and bytes each, and an active one.
func thirds() compact.View {
	return compact.View{
		End: 350, Stable: 350, MinRatio: 0.5, MaxLagMs: math.MaxInt64,
		Parts: []compact.Part{
			{Base: 0, Next: 100, Size: 100, First: 1000, Latest: 1900},
			{Base: 100, Next: 200, Size: 100, First: 2000, Latest: 2900},
			{Base: 200, Next: 300, Size: 100, First: 3000, Latest: 3900},
		},
	}
}

func TestWork(t *testing.T) {
	for _, c := range []struct {
		name string
		edit func(*compact.View)
		want compact.Work
	}{
		{"never cleaned", func(*compact.View) {}, compact.Work{Uncleanable: 300, Dirty: 300, Due: true}},
		{"a third clean", func(v *compact.View) { v.FirstDirty = 100 },
			compact.Work{FirstDirty: 100, Uncleanable: 300, Clean: 100, Dirty: 200, Due: true}},
		{"dirty in the middle of a segment", func(v *compact.View) { v.FirstDirty = 150 },
			compact.Work{FirstDirty: 150, Uncleanable: 300, Clean: 100, Dirty: 200, Due: true}},
		{"not dirty enough", func(v *compact.View) { v.FirstDirty = 200 },
			compact.Work{FirstDirty: 200, Uncleanable: 300, Clean: 200, Dirty: 100}},
		{"just at the ratio", func(v *compact.View) { v.FirstDirty, v.MinRatio = 100, 2.0/3 },
			compact.Work{FirstDirty: 100, Uncleanable: 300, Clean: 100, Dirty: 200}},
		{"all clean", func(v *compact.View) { v.FirstDirty = 300 }, compact.Work{FirstDirty: 300, Uncleanable: 300, Clean: 300}},
		{"overdue", func(v *compact.View) { v.FirstDirty, v.MaxLagMs = 200, 500 },
			compact.Work{FirstDirty: 200, Uncleanable: 300, Clean: 200, Dirty: 100, Overdue: true, Due: true}},
		{"clean parts are not overdue", func(v *compact.View) { v.FirstDirty, v.MaxLagMs = 200, 1500 },
			compact.Work{FirstDirty: 200, Uncleanable: 300, Clean: 200, Dirty: 100}},
		{"unknown times are not overdue", func(v *compact.View) { v.FirstDirty, v.MaxLagMs, v.Parts[2].First = 200, 0, -1 },
			compact.Work{FirstDirty: 200, Uncleanable: 300, Clean: 200, Dirty: 100}},
		{"overdue and clean", func(v *compact.View) { v.FirstDirty, v.MaxLagMs = 300, 0 },
			compact.Work{FirstDirty: 300, Uncleanable: 300, Clean: 300}},
		{"an undecided transaction", func(v *compact.View) { v.Stable = 250 }, compact.Work{Uncleanable: 200, Dirty: 200, Due: true}},
		{"undecided from a segment on", func(v *compact.View) { v.Stable = 200 }, compact.Work{Uncleanable: 200, Dirty: 200, Due: true}},
		{"undecided in the clean part", func(v *compact.View) { v.FirstDirty, v.Stable = 200, 150 },
			compact.Work{FirstDirty: 200, Uncleanable: 100, Clean: 200}},
		{"young", func(v *compact.View) { v.MinLagMs = 1000 }, compact.Work{Uncleanable: 200, Dirty: 200, Due: true}},
		{"as old as it must be", func(v *compact.View) { v.MinLagMs = 100 }, compact.Work{Uncleanable: 300, Dirty: 300, Due: true}},
		{"young and clean", func(v *compact.View) { v.FirstDirty, v.MinLagMs, v.Parts[0].Latest = 100, 100, 9999 },
			compact.Work{FirstDirty: 100, Uncleanable: 300, Clean: 100, Dirty: 200, Due: true}},
		{"checkpoint before the start", func(v *compact.View) { v.Start = 200 },
			compact.Work{FirstDirty: 200, Uncleanable: 300, Clean: 200, Dirty: 100}},
		{"checkpoint behind the end", func(v *compact.View) { v.FirstDirty = 351 }, compact.Work{Uncleanable: 300, Dirty: 300, Due: true}},
		{"only an active segment", func(v *compact.View) { v.Parts = nil }, compact.Work{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := thirds()
			c.edit(&v)
			require.Equal(t, c.want, v.Work(4000))
		})
	}
}

func TestRatio(t *testing.T) {
	require.Zero(t, compact.Work{Clean: 5}.Ratio())
	require.InDelta(t, 0.25, compact.Work{Clean: 300, Dirty: 100}.Ratio(), 1e-9)
	require.InDelta(t, 1.0, compact.Work{Dirty: 1}.Ratio(), 1e-9)
}

func TestGroup(t *testing.T) {
	room := compact.Room{Bytes: 250, IndexBytes: 100}
	part := func(base, next, size int64, index int) compact.Part {
		return compact.Part{Base: base, Next: next, Size: size, IndexBytes: index}
	}
	const far = math.MaxInt32
	for _, c := range []struct {
		name  string
		parts []compact.Part
		want  []int
	}{
		{"nothing", nil, nil},
		{"one", []compact.Part{part(0, 10, 9999, 0)}, []int{1}},
		{"by bytes", []compact.Part{part(0, 1, 100, 0), part(1, 2, 100, 0), part(2, 3, 51, 0), part(3, 4, 10, 0)}, []int{2, 2}},
		{"exactly full", []compact.Part{part(0, 1, 100, 0), part(1, 2, 150, 0), part(2, 3, 0, 0)}, []int{3}},
		{"by index", []compact.Part{part(0, 1, 1, 60), part(1, 2, 1, 40), part(2, 3, 1, 1)}, []int{2, 1}},
		{"by offsets", []compact.Part{part(0, 1, 1, 0), part(1, far+1, 1, 0), part(far+1, far+2, 1, 0)}, []int{2, 1}},
		{"empty ones are never too far", []compact.Part{part(0, 1, 1, 0), part(1, 3*far, 0, 0)}, []int{2}},
	} {
		t.Run(c.name, func(t *testing.T) { require.Equal(t, c.want, compact.Group(c.parts, room)) })
	}
}
