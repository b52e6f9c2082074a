package api_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func versions(c *client, version int16) *kmsg.ApiVersionsResponse {
	q := kmsg.NewPtrApiVersionsRequest()
	q.ClientSoftwareName, q.ClientSoftwareVersion = "a-client", "1.2.3"
	return ask[*kmsg.ApiVersionsResponse](c, version, q)
}

// Ranges are Kafka 3.9's, and only of what is there.
func TestApiVersionsTellWhatIsServed(t *testing.T) {
	n := start(t)
	for version := range int16(5) {
		a := versions(n.connect(), version)
		require.Zero(t, a.ErrorCode)
		ranges := make(map[int16][2]int16)
		for _, k := range a.ApiKeys {
			ranges[k.ApiKey] = [2]int16{k.MinVersion, k.MaxVersion}
		}
		// librdkafka takes these ranges from 0 on for signs of what a broker can.
		require.Equal(t, [2]int16{0, 11}, ranges[0])
		require.Equal(t, [2]int16{0, 17}, ranges[1])
		require.Equal(t, [2]int16{0, 9}, ranges[2])
		require.Equal(t, [2]int16{0, 4}, ranges[18])
		for _, key := range []int16{4, 5, 6, 7, 24, 25, 26, 27, 28, 56, 58, 67, 68, 69} {
			require.NotContains(t, ranges, key, "it is not there yet")
		}
	}
}

// The answer to an unknown version is one of version 0, and its header is
// without tagged fields in every version (KIP-35, KIP-511).
func TestApiVersionsOfAnUnknownVersion(t *testing.T) {
	n := start(t)
	for _, version := range []int16{5, 6, 100, 32767} {
		c := n.connect()
		head := binary.BigEndian.AppendUint16(nil, 18)
		head = binary.BigEndian.AppendUint16(head, uint16(version))
		head = append(head, 0, 0, 0, 9, 0, 1, 'x', 0)
		frame := binary.BigEndian.AppendUint32(nil, uint32(len(head)))
		_, err := c.conn.Write(append(frame, head...))
		require.NoError(t, err)
		b := c.frame()
		require.NotNil(t, b)
		a := kmsg.NewPtrApiVersionsResponse()
		require.NoError(t, a.ReadFrom(b[4:]))
		require.Equal(t, kerr.UnsupportedVersion.Code, a.ErrorCode)
		require.Len(t, a.ApiKeys, 1)
		require.EqualValues(t, 18, a.ApiKeys[0].ApiKey)
		require.EqualValues(t, 4, a.ApiKeys[0].MaxVersion)
		require.Zero(t, versions(c, 3).ErrorCode, "the client may ask again")
	}
}

func TestApiVersionsChecksTheNameOfTheLibrary(t *testing.T) {
	n := start(t)
	for name, ok := range map[string]bool{
		"x": true, "a-b.c": true, "librdkafka": true, "apache-kafka-java": true,
		"": false, "-a": false, "a-": false, ".": false, "a b": false, "a!": false, "ä": false,
	} {
		c := n.connect()
		q := kmsg.NewPtrApiVersionsRequest()
		q.ClientSoftwareName, q.ClientSoftwareVersion = name, "1"
		a := ask[*kmsg.ApiVersionsResponse](c, 3, q)
		require.Equal(t, ok, a.ErrorCode == 0, "%q", name)
		if !ok {
			require.Equal(t, kerr.InvalidRequest.Code, a.ErrorCode)
			require.Empty(t, a.ApiKeys)
		}
	}
}

func TestUnknownAPIsCloseTheConnection(t *testing.T) {
	n := start(t)
	for _, key := range []int16{-1, 4, 52, 58, 72, 94, 95, 200, 32767} {
		c := n.connect()
		head := binary.BigEndian.AppendUint16(nil, uint16(key))
		head = append(head, 0, 0, 0, 0, 0, 9, 0, 1, 'x', 0)
		_, err := c.conn.Write(append(binary.BigEndian.AppendUint32(nil, uint32(len(head))), head...))
		require.NoError(t, err)
		c.closed()
	}
}
