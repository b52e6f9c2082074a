package api_test

import (
	"encoding/binary"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A request that ends too early closes its connection at every version, and
// bytes behind a whole one do no harm.
func TestTruncatedRequestsCloseTheConnection(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	for _, q := range []kmsg.Request{
		produce("t", 1, batch(1)), fetch("t", 0), list("t", -1), deleteUpTo("t", 0),
		kmsg.NewPtrOffsetForLeaderEpochRequest(), kmsg.NewPtrDescribeProducersRequest(),
	} {
		for version := range served[q.Key()] + 1 {
			q.SetVersion(version)
			whole := kmsg.NewRequestFormatter(kmsg.FormatterClientID("test")).AppendRequest(nil, q, 1)
			for _, cut := range []int{1, 2, 3, len(q.AppendTo(nil))} {
				c := n.connect()
				c.write(resized(whole, -cut))
				require.Nil(t, c.frame(), "%s version %d without its last %d bytes", kmsg.NameForKey(q.Key()), version, cut)
			}
			c := n.connect()
			c.next = 1
			c.write(resized(whole, 7))
			b := c.frame()
			require.NotNil(t, b, "%s version %d with 7 bytes more", kmsg.NameForKey(q.Key()), version)
		}
	}
}

// served are the highest versions of the APIs about records.
var served = map[int16]int16{0: 11, 1: 17, 2: 9, 21: 2, 23: 4, 61: 0}

// resized is a frame with fewer or more bytes, and a length that says so.
func resized(frame []byte, by int) []byte {
	out := append([]byte(nil), frame[:len(frame)+min(by, 0)]...)
	out = append(out, make([]byte, max(by, 0))...)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

func (c *client) write(b []byte) {
	c.t.Helper()
	_, err := c.conn.Write(b)
	require.NoError(c.t, err)
}
