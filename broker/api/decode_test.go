package api

import (
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
)

// newer are the first versions that Kafka 3.9 does not have; they may have more
// than a layout says.
var newer = map[kmsg.Key]int16{
	kmsg.ListOffsets: 10, kmsg.OffsetCommit: 10, kmsg.OffsetFetch: 10, kmsg.Metadata: 13, kmsg.ApiVersions: 5,
	kmsg.ListTransactions: 2, kmsg.AlterPartitionAssignments: 1, kmsg.DescribeCluster: 2,
}

// eachVersion runs f for every request that has a layout, at each of its versions.
func eachVersion(t *testing.T, f func(t *testing.T, key kmsg.Key, version int16)) {
	for key := range layouts {
		for version := range kmsg.RequestForKey(int16(key)).MaxVersion() + 1 {
			if from, ok := newer[key]; ok && version >= from {
				break
			}
			t.Run(fmt.Sprintf("%s v%d", key.Name(), version), func(t *testing.T) { f(t, key, version) })
		}
	}
}

func walkAll(key kmsg.Key, version int16, body []byte) (rest []byte, err error) {
	q := kmsg.RequestForKey(int16(key))
	q.SetVersion(version)
	w := walker{rest: body, version: version, flexible: q.IsFlexible(), memory: memoryFor(len(body))}
	err = w.walk(layoutOf(key).fields)
	return w.rest, err
}

// The layouts are kmsg's: what kmsg writes is walked to its last byte, and
// anything less is malformed.
func TestLayoutsAgreeWithKmsg(t *testing.T) {
	eachVersion(t, func(t *testing.T, key kmsg.Key, version int16) {
		r := rand.New(rand.NewPCG(uint64(key), uint64(version)))
		for range 20 {
			_, body := randomRequest(r, key, version)
			rest, err := walkAll(key, version, body)
			require.NoError(t, err, "%x", body)
			require.Empty(t, rest)
			for n := range body {
				_, err := walkAll(key, version, body[:n])
				require.ErrorIs(t, err, ErrMalformed, "%d of %d bytes", n, len(body))
			}
		}
	})
}

// Everything that is served by kmsg's messages has a layout.
func TestEveryTypedRouteHasALayout(t *testing.T) {
	for _, r := range new(API).served() {
		if r.key == kmsg.Produce || r.key == kmsg.Fetch {
			continue
		}
		require.Contains(t, layouts, r.key)
	}
}

func request(key kmsg.Key, version int16, body []byte) *server.Request {
	q := kmsg.RequestForKey(int16(key))
	q.SetVersion(version)
	return &server.Request{Key: int16(key), Version: version, Flexible: q.IsFlexible(), Body: body, Conn: new(server.Conn)}
}

// A small frame cannot make the broker allocate much, whatever it claims.
func TestLengthBombs(t *testing.T) {
	i32 := func(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }
	const topics = least/(16+24+24) + 1 // an id, a pointer to a name, tags
	many := append(i32(topics), make([]byte, 2*topics)...)
	for _, c := range []struct {
		name    string
		key     kmsg.Key
		version int16
		body    []byte
		err     error
	}{
		{"2^31-1 topics", kmsg.Metadata, 1, i32(1<<31 - 1), ErrMalformed},
		{"as many as bytes left, each too short", kmsg.Metadata, 1, append(i32(100), make([]byte, 100)...), ErrMalformed},
		{"more than anybody needs", kmsg.Metadata, 1, many, ErrTooMany},
		{"compact length of 2^32-1", kmsg.Metadata, 9, []byte{0xff, 0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0}, ErrMalformed},
		{"varint without an end", kmsg.Metadata, 9, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, ErrMalformed},
		{"2^32-1 tagged fields", kmsg.Metadata, 9, []byte{1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f}, ErrMalformed},
		{"the same tag twice", kmsg.Metadata, 9, []byte{1, 0, 0, 0, 2, 7, 0, 7, 0}, ErrMalformed},
		{"tag longer than the body", kmsg.Metadata, 9, []byte{1, 0, 0, 0, 1, 7, 90}, ErrMalformed},
		{"null where none may be", kmsg.Metadata, 0, i32(1<<32 - 1), ErrMalformed},
		{"null name", kmsg.Metadata, 1, append(i32(1), 0xff, 0xff), ErrMalformed},
		{"string beyond the end", kmsg.Metadata, 1, append(i32(1), 0x7f, 0xff, 'a'), ErrMalformed},
	} {
		t.Run(c.name, func(t *testing.T) {
			q := kmsg.RequestForKey(int16(c.key))
			require.ErrorIs(t, decode(q, request(c.key, c.version, c.body)), c.err)
		})
	}
}

func TestBytesBehindTheBodyAreIgnored(t *testing.T) {
	q := kmsg.NewPtrMetadataRequest()
	require.NoError(t, decode(q, request(kmsg.Metadata, 1, []byte("\xff\xff\xff\xfejunk"))), "null topics, then more")
	require.Nil(t, q.Topics)
}

// What a request holds does not change when the connection reads the next one.
func TestDecodedBytesAreTheRequestsOwn(t *testing.T) {
	from := kmsg.NewPtrJoinGroupRequest()
	p := kmsg.NewJoinGroupRequestProtocol()
	p.Name, p.Metadata = "range", []byte("metadata")
	from.Protocols = append(from.Protocols, p)
	from.Version = 5
	body := from.AppendTo(nil)
	q := kmsg.NewPtrJoinGroupRequest()
	require.NoError(t, decode(q, request(kmsg.JoinGroup, 5, body)))
	clear(body)
	require.Equal(t, "metadata", string(q.Protocols[0].Metadata))
}

// Requests that Kafka's own clients and others were seen to send are read.
func TestRequestsOfRealClientsAreRead(t *testing.T) {
	f, err := os.Open("testdata/wire-requests.jsonl")
	require.NoError(t, err)
	defer f.Close()
	served := make(map[kmsg.Key]route)
	for _, r := range new(API).served() {
		served[r.key] = r
	}
	seen := 0
	for lines := json.NewDecoder(f); lines.More(); seen++ {
		var c struct {
			Key, Version int16
			Request      string
		}
		require.NoError(t, lines.Decode(&c))
		raw, err := hex.DecodeString(c.Request)
		require.NoError(t, err)
		q := kmsg.RequestForKey(c.Key)
		q.SetVersion(c.Version)
		body := raw[8:]
		if n := int16(binary.BigEndian.Uint16(body)); n > 0 {
			body = body[n:]
		}
		body = body[2:] // client id
		if q.IsFlexible() {
			body = body[1:] // tagged fields
		}
		switch key := kmsg.Key(c.Key); {
		case c.Version > served[key].max:
			// a newer client asks what there is
		case key == kmsg.Produce:
			require.NoError(t, new(produceCall).decode(body, c.Version))
		case key == kmsg.Fetch:
			require.NoError(t, new(fetchRequest).decode(body, c.Version))
		case served[key].handle != nil:
			require.NoError(t, decode(q, request(key, c.Version, body)))
		}
	}
	require.Greater(t, seen, 200)
}

// Whatever comes, decoding ends with an error or a request, without panic, and
// what kmsg was given was walked before.
func FuzzDecode(f *testing.F) {
	r := rand.New(rand.NewPCG(1, 1))
	for key := range layouts {
		for version := range kmsg.RequestForKey(int16(key)).MaxVersion() + 1 {
			_, body := randomRequest(r, key, version)
			f.Add(int16(key), version, body)
		}
	}
	served := map[kmsg.Key]route{} // kmsg may know later versions, which no layout describes
	for _, r := range new(API).served() {
		served[r.key] = r
	}
	f.Fuzz(func(t *testing.T, key, version int16, body []byte) {
		r := served[kmsg.Key(key)]
		if _, ok := layouts[kmsg.Key(key)]; !ok || version < r.min || version > r.max || r.handle == nil {
			return
		}
		q := kmsg.RequestForKey(key)
		err := decode(q, request(kmsg.Key(key), version, body))
		if err != nil && !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrTooMany) {
			t.Fatal(err)
		}
	})
}
