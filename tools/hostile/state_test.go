package hostile

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// pipelined sends requests over some connections and reads as many answers, each
// of which seen gets to see.
func (v *victim) pipelined(connections, each int, request func(c, i int) kmsg.Request, seen func(answer []byte)) {
	var all sync.WaitGroup
	for c := range connections {
		conn := v.dial()
		all.Go(func() {
			for i := range each {
				if _, err := conn.Write(frame(request(c, i))); err != nil {
					v.t.Errorf("request %d: %v", i, err)
					return
				}
			}
		})
		all.Go(func() {
			var head [4]byte
			var answer bytes.Buffer
			for i := range each {
				_, err := io.ReadFull(conn, head[:])
				if err == nil {
					answer.Reset()
					_, err = io.CopyN(&answer, conn, int64(binary.BigEndian.Uint32(head[:])))
				}
				if err != nil {
					v.t.Errorf("answer %d: %v", i, err)
					return
				}
				seen(answer.Bytes())
			}
		})
	}
	all.Wait()
}

// A member that asks for its id and never comes back is kept until its session
// would end; a hundred thousand are.
func TestManyMembersThatNeverComeBack(t *testing.T) {
	v := start(t)
	adm := kadm.NewClient(v.client())
	for _, c := range adm.FindGroupCoordinators(t.Context(), "g") {
		require.NoError(t, c.Err)
	}
	var some []string // of all partitions of their topic, which are loaded one by one
	for i := range 1000 {
		some = append(some, fmt.Sprint("some", i))
	}
	require.Eventually(t, func() bool {
		groups, err := adm.DescribeGroups(t.Context(), some...)
		return err == nil && groups.Error() == nil
	}, 30*time.Second, 10*time.Millisecond, "groups are not loaded")
	var mu sync.Mutex
	codes := map[error]int{}
	for _, groups := range []int{1, 100_000} {
		v.pipelined(10, 10_000, func(c, i int) kmsg.Request {
			q := kmsg.NewPtrJoinGroupRequest()
			q.SetVersion(5)
			q.Group = fmt.Sprint("g", groups, (c*10_000+i)%groups)
			q.SessionTimeoutMillis, q.RebalanceTimeoutMillis = 6_000, 6_000
			q.ProtocolType = "consumer"
			p := kmsg.NewJoinGroupRequestProtocol()
			p.Name, p.Metadata = "range", make([]byte, 100)
			q.Protocols = append(q.Protocols, p)
			return q
		}, func(answer []byte) {
			r := kmsg.NewPtrJoinGroupResponse()
			r.SetVersion(5)
			if err := r.ReadFrom(answer[4:]); err != nil {
				v.t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			codes[kerr.ErrorForCode(r.ErrorCode)]++
		})
	}
	require.Equal(t, map[error]int{kerr.MemberIDRequired: 200_000}, codes)
	v.unharmed()
}

// Sessions are a cache of a fixed number.
func TestManyFetchSessions(t *testing.T) {
	v := start(t)
	v.pipelined(10, 10_000, func(_, _ int) kmsg.Request {
		q := fetchAll()
		q.MinBytes, q.MaxWaitMillis = 0, 0
		q.SessionEpoch = 0
		for i := range 20 {
			p := q.Topics[0].Partitions[0]
			p.Partition = int32(i)
			q.Topics[0].Partitions = append(q.Topics[0].Partitions, p)
		}
		return q
	}, func([]byte) {})
	v.unharmed()
}

// Bytes that are no request at all.
func TestRandomBytes(t *testing.T) {
	v := start(t)
	source := rand.NewChaCha8([32]byte{1})
	r := rand.New(source)
	for range 2_000 {
		b := make([]byte, 4+r.IntN(500))
		_, err := source.Read(b)
		require.NoError(t, err)
		if r.IntN(4) > 0 { // a frame with a plausible header
			binary.BigEndian.PutUint32(b, uint32(len(b)-4))
			if len(b) > 8 {
				binary.BigEndian.PutUint16(b[4:], uint16(r.IntN(95)))
				binary.BigEndian.PutUint16(b[6:], uint16(r.IntN(12)))
			}
			if len(b) > 20 && r.IntN(2) == 0 {
				copy(b[12:], []byte{0, 0, 0})
			}
		}
		v.ends(b)
	}
	v.ends(bytes.Repeat([]byte("GET / HTTP/1.1\r\n"), 1000))
	v.unharmed()
}
