package entry

import (
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

func TestKeyKinds(t *testing.T) {
	old := append([]byte{0, 0}, AppendOffsetKey(nil, "g", "t", 7)[2:]...)
	k, err := ReadKey(old)
	require.NoError(t, err)
	require.Equal(t, Key{Kind: OffsetOld, Group: []byte("g"), Topic: []byte("t"), Partition: 7}, k)

	for kind := Kind(3); kind <= 24; kind++ {
		k, err := ReadKey([]byte{0, byte(kind), 0xff, 0xff})
		require.NoError(t, err, "what a newer kind holds is not looked at")
		require.Equal(t, Key{Kind: kind}, k)
	}
	require.Equal(t, "StreamsGroupTopology", Kind(23).String())
	require.Equal(t, "24", Kind(24).String())
	require.Equal(t, "-1", Kind(-1).String())
}

func TestBadKeys(t *testing.T) {
	good := AppendOffsetKey(nil, "group", "topic", 3)
	for n := range len(good) {
		_, err := ReadKey(good[:n])
		require.ErrorIs(t, err, ErrCorrupt, "%d bytes", n)
	}
	_, err := ReadKey([]byte{0, 2, 0xff, 0xff})
	require.ErrorIs(t, err, ErrCorrupt, "a null group")
}

// kmsg was made from Kafka's own schemas: what it writes in any version is read alike.
func TestOffsetVersionsAgreeWithSchema(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		want := kmsg.OffsetCommitValue{
			Version:         int16(rapid.IntRange(0, 4).Draw(r, "version")),
			Offset:          rapid.Int64().Draw(r, "offset"),
			LeaderEpoch:     rapid.Int32().Draw(r, "epoch"),
			Metadata:        rapid.String().Draw(r, "metadata"),
			CommitTimestamp: rapid.Int64().Draw(r, "time"),
			ExpireTimestamp: rapid.Int64Min(0).Draw(r, "expire"),
			TopicID:         [16]byte{byte(rapid.IntRange(0, 1).Draw(r, "id"))},
		}
		v, err := ReadOffset(want.AppendTo(nil))
		require.NoError(r, err)
		require.Equal(r, want.Offset, v.Offset)
		require.Equal(r, want.Metadata, v.Metadata)
		require.Equal(r, want.CommitTimestamp, v.CommitMs)
		if want.Version >= 3 {
			require.Equal(r, want.LeaderEpoch, v.LeaderEpoch)
		} else {
			require.EqualValues(r, -1, v.LeaderEpoch)
		}
		if want.Version == 1 {
			require.Equal(r, want.ExpireTimestamp, v.ExpireMs)
		} else {
			require.EqualValues(r, -1, v.ExpireMs)
		}
	})
}

func TestGroupVersionsAgreeWithSchema(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		want := drawGroup(r)
		v, err := ReadGroup(want.AppendTo(nil))
		require.NoError(r, err)
		require.Equal(r, want.ProtocolType, v.ProtocolType)
		require.Equal(r, want.Generation, v.Generation)
		require.Equal(r, want.Protocol, v.Protocol)
		require.Equal(r, want.Leader, v.Leader)
		if want.Version >= 2 {
			require.Equal(r, want.CurrentStateTimestamp, v.SinceMs)
		} else {
			require.EqualValues(r, -1, v.SinceMs)
		}
		require.Len(r, v.Members, len(want.Members))
		for i, m := range want.Members {
			got := v.Members[i]
			require.Equal(r, m.MemberID, got.ID)
			require.Equal(r, m.ClientID, got.ClientID)
			require.Equal(r, m.ClientHost, got.ClientHost)
			require.Equal(r, m.SessionTimeoutMillis, got.SessionMs)
			require.Equal(r, string(m.Subscription), string(got.Subscription))
			require.Equal(r, string(m.Assignment), string(got.Assignment))
			rebalance := m.RebalanceTimeoutMillis
			if want.Version == 0 {
				rebalance = m.SessionTimeoutMillis
			}
			require.Equal(r, rebalance, got.RebalanceMs)
			if want.Version >= 3 {
				require.Equal(r, m.InstanceID, got.InstanceID)
			} else {
				require.Nil(r, got.InstanceID)
			}
		}
		if want.Version == 3 {
			require.Equal(r, want.AppendTo(nil), AppendGroup(nil, v))
		}
	})
}

func drawGroup(r *rapid.T) kmsg.GroupMetadataValue {
	text := rapid.String()
	maybe := rapid.Ptr(text, true)
	return kmsg.GroupMetadataValue{
		Version:               int16(rapid.IntRange(0, 4).Draw(r, "version")),
		ProtocolType:          text.Draw(r, "type"),
		Generation:            rapid.Int32().Draw(r, "generation"),
		Protocol:              maybe.Draw(r, "protocol"),
		Leader:                maybe.Draw(r, "leader"),
		CurrentStateTimestamp: rapid.Int64().Draw(r, "since"),
		Members: rapid.SliceOfN(rapid.Custom(func(r *rapid.T) kmsg.GroupMetadataValueMember {
			return kmsg.GroupMetadataValueMember{
				MemberID:               text.Draw(r, "member"),
				InstanceID:             maybe.Draw(r, "instance"),
				ClientID:               text.Draw(r, "client"),
				ClientHost:             text.Draw(r, "host"),
				RebalanceTimeoutMillis: rapid.Int32().Draw(r, "rebalance"),
				SessionTimeoutMillis:   rapid.Int32().Draw(r, "session"),
				Subscription:           rapid.SliceOf(rapid.Byte()).Draw(r, "subscription"),
				Assignment:             rapid.SliceOf(rapid.Byte()).Draw(r, "assignment"),
			}
		}), 0, 4).Draw(r, "members"),
	}
}

func TestBadValues(t *testing.T) {
	_, err := ReadOffset([]byte{0, 5, 0, 0, 0, 0, 0, 0, 0, 0})
	require.ErrorIs(t, err, ErrUnknownVersion)
	_, err = ReadGroup([]byte{0x7f, 0, 0, 0})
	require.ErrorIs(t, err, ErrUnknownVersion)

	good := AppendGroup(nil, GroupValue{Members: []Member{{ID: "m"}}})
	for n := range len(good) {
		_, err := ReadGroup(good[:n])
		require.ErrorIs(t, err, ErrCorrupt, "%d bytes", n)
	}
	long := AppendGroup(nil, GroupValue{})
	copy(long[len(long)-4:], []byte{0x7f, 0xff, 0xff, 0xff})
	_, err = ReadGroup(long)
	require.ErrorIs(t, err, ErrCorrupt, "more members than bytes")
}
