package deadline

import (
	"sort"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

var start = time.Unix(1000, 0)

func at(s int) time.Time { return start.Add(time.Duration(s) * time.Second) }

func TestPutOffDeadlineIsNotDueAtItsOldTime(t *testing.T) {
	var h Heap[string]
	a, b := &Entry[string]{Value: "a"}, &Entry[string]{Value: "b"}
	h.Set(a, at(1))
	h.Set(b, at(5))
	h.Set(a, at(9))
	next, ok := h.Next()
	require.True(t, ok)
	require.False(t, next.After(at(5)), "Next may be early, never late")
	require.Nil(t, h.Pop(at(4)))
	next, _ = h.Next()
	require.Equal(t, at(5), next)
	require.Same(t, b, h.Pop(at(5)))
	require.False(t, b.Set())
	require.Same(t, a, h.Pop(at(9)))
	require.Zero(t, h.Len())
}

func TestDeadlineBroughtForward(t *testing.T) {
	var h Heap[string]
	a, b := &Entry[string]{Value: "a"}, &Entry[string]{Value: "b"}
	h.Set(a, at(10))
	h.Set(b, at(5))
	h.Set(a, at(1))
	require.Same(t, a, h.Pop(at(1)))
}

// The heap agrees with a plain list of deadlines, whatever is done to it.
func TestHeapAgreesWithList(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		var h Heap[int]
		entries := make([]*Entry[int], 20)
		model := map[int]int{}
		for i := range entries {
			entries[i] = &Entry[int]{Value: i}
		}
		now := 0
		r.Repeat(map[string]func(*rapid.T){
			"set": func(r *rapid.T) {
				i, s := rapid.IntRange(0, 19).Draw(r, "entry"), now+rapid.IntRange(0, 50).Draw(r, "in")
				h.Set(entries[i], at(s))
				model[i] = s
			},
			"clear": func(r *rapid.T) {
				i := rapid.IntRange(0, 19).Draw(r, "entry")
				h.Clear(entries[i])
				delete(model, i)
			},
			"pass": func(r *rapid.T) {
				now += rapid.IntRange(0, 20).Draw(r, "seconds")
				var got, want []int
				for e := h.Pop(at(now)); e != nil; e = h.Pop(at(now)) {
					got = append(got, model[e.Value])
					require.False(r, model[e.Value] > now)
					delete(model, e.Value)
				}
				want = append(want, got...)
				sort.Ints(want)
				require.Equal(r, want, got, "earliest first")
				for i, s := range model {
					require.Greater(r, s, now, "entry %d was left behind", i)
				}
			},
			"": func(r *rapid.T) {
				require.Equal(r, len(model), h.Len())
				next, ok := h.Next()
				require.Equal(r, len(model) > 0, ok)
				for _, s := range model {
					require.False(r, next.After(at(s)))
				}
			},
		})
	})
}
