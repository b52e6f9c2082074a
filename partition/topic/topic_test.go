package topic_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/leatmq/leat/partition/topic"
)

func TestValidate(t *testing.T) {
	for _, name := range []string{"a", "A-b_c.9", "...", "-", strings.Repeat("x", 249), topic.ConsumerOffsets} {
		require.NoError(t, topic.Validate(name), name)
	}
	for name, reason := range map[string]string{
		"":                       "Topic name is invalid: the empty string is not allowed",
		".":                      "Topic name is invalid: '.' is not allowed",
		"..":                     "Topic name is invalid: '..' is not allowed",
		"a/b":                    "Topic name is invalid: 'a/b' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
		"ä":                      "Topic name is invalid: 'ä' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'",
		strings.Repeat("x", 250): "Topic name is invalid: the length of '" + strings.Repeat("x", 250) + "' is longer than the max allowed length 249",
	} {
		err := topic.Validate(name)
		require.ErrorIs(t, err, topic.ErrInvalidName)
		require.EqualError(t, err, reason)
	}
}

// TestLegalNamesAreSafePaths: no legal name leaves its directory.
func TestLegalNamesAreSafePaths(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		name := rapid.OneOf(rapid.String(), rapid.StringMatching(`[./a-]{1,6}`)).Draw(r, "name")
		if topic.Validate(name) != nil {
			return
		}
		require.NotContains(r, name, "/")
		require.NotContains(r, name, "\x00")
		require.NotEqual(r, "..", name)
	})
}

func TestCollisions(t *testing.T) {
	require.True(t, topic.Collide("a.b", "a_b"))
	require.True(t, topic.Collide("a._b", "a__b"))
	require.False(t, topic.Collide("a.b", "a.b"))
	require.False(t, topic.Collide("a.b", "a-b"))
	require.True(t, topic.MayCollide("a.b"))
	require.False(t, topic.MayCollide("a-b"))
	require.True(t, topic.Internal("__consumer_offsets"))
	require.True(t, topic.Internal("__transaction_state"))
	require.False(t, topic.Internal("__cluster_metadata"))
}

func TestID(t *testing.T) {
	id, err := topic.ParseID("pL6kPu-BSFKI7v81dkhDZg")
	require.NoError(t, err)
	require.Equal(t, "pL6kPu-BSFKI7v81dkhDZg", id.String())
	padded, err := topic.ParseID("pL6kPu-BSFKI7v81dkhDZg==")
	require.NoError(t, err)
	require.Equal(t, id, padded)
	for _, bad := range []string{"", "x", "pL6kPu-BSFKI7v81dkhDZ", "pL6kPu+BSFKI7v81dkhDZg", "pL6kPu-BSFKI7v81dkhDZgAA"} {
		_, err := topic.ParseID(bad)
		require.ErrorIs(t, err, topic.ErrInvalidID, bad)
	}
	require.True(t, topic.ID{}.IsZero())
	require.Negative(t, topic.ID{1}.Compare(topic.ID{2}))
}

func TestRandomID(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		raw := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(r, "random")
		id, ok := topic.RandomID([16]byte(raw))
		if !ok {
			return
		}
		require.NotEqual(r, byte('-'), id.String()[0])
		require.Equal(r, byte(0x40), id[6]&0xf0)
		require.Equal(r, byte(0x80), id[8]&0xc0)
		again, err := topic.ParseID(id.String())
		require.NoError(r, err)
		require.Equal(r, id, again)
	})
	_, ok := topic.RandomID([16]byte{0: 0xf8})
	require.False(t, ok, "text begins with a dash")
}
