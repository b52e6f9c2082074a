package coordinator

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// The hashes are those of Java's String.hashCode.
func TestJavaHash(t *testing.T) {
	for s, hash := range map[string]int32{
		"":                     0,
		"g":                    103,
		"group":                98629247,
		"console-consumer-913": 26988154,
		"ä":                    228,
		"日本":                   835047,
		"😀":                    1772899,
		"polygenelubricants":   -1 << 31,
		"a\x00b":               93315,
	} {
		require.Equal(t, hash, javaHash(s), "%q", s)
	}
}

func TestPartitionIsTheAbsoluteValueModuloTheirNumber(t *testing.T) {
	require.EqualValues(t, 0, partitionFor("polygenelubricants", 50), "the least integer has no absolute value")
	require.EqualValues(t, 47, partitionFor("group", 50))
	require.EqualValues(t, 4, partitionFor("console-consumer-913", 50))
	require.EqualValues(t, 0, partitionFor("any", 1))
	require.EqualValues(t, 0, partitionFor("any", 0), "of a topic that is not there")
}
