package api_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// session is a consumer with a fetch session.
type session struct {
	*client
	version   int16
	id, epoch int32
}

// begin fetches partitions 0 to n-1 of a topic from the start and gets a session.
func begin(c *client, version int16, topic string, partitions int) (*session, *kmsg.FetchResponse) {
	c.t.Helper()
	s := &session{client: c, version: version}
	q := kmsg.NewPtrFetchRequest()
	for i := range partitions {
		addPartition(q, topic, int32(i), 0)
	}
	return s, s.poll(q)
}

// poll sends the next fetch of the session.
func (s *session) poll(q *kmsg.FetchRequest) *kmsg.FetchResponse {
	s.t.Helper()
	s.ready(q)
	a := ask[*kmsg.FetchResponse](s.client, s.version, q)
	require.Zero(s.t, a.ErrorCode)
	s.id = a.SessionID
	s.epoch++
	return a
}

func (s *session) ready(q *kmsg.FetchRequest) {
	q.MinBytes, q.MaxBytes = 1, 1<<20
	q.SessionID, q.SessionEpoch = s.id, s.epoch
}

// next polls from an offset of one partition; -1 changes nothing.
func (s *session) next(topic string, index int32, offset int64) *kmsg.FetchResponse {
	s.t.Helper()
	q := kmsg.NewPtrFetchRequest()
	if offset >= 0 {
		addPartition(q, topic, index, offset)
	}
	return s.poll(q)
}

// indices lists the partitions of an answer.
func indices(a *kmsg.FetchResponse) []int32 {
	out := []int32{}
	for _, t := range a.Topics {
		for _, p := range t.Partitions {
			out = append(out, p.Partition)
		}
	}
	return out
}

func TestSessionTellsOnlyWhatChanged(t *testing.T) {
	for _, version := range []int16{7, 11, 12, 13, 17} {
		t.Run(fmt.Sprintf("v%d", version), func(t *testing.T) {
			n := start(t)
			n.topic("t", 4)
			n.fill("t", 1, 1)
			s, a := begin(n.connect(), version, "t", 4)
			require.NotZero(t, s.id)
			require.Equal(t, []int32{0, 1, 2, 3}, indices(a), "the first answer has all")
			require.Equal(t, []int64{0}, offsets(a.Topics[0].Partitions[1].RecordBatches))

			require.Equal(t, []int32{1}, indices(s.next("", 0, -1)), "the client has not moved: the same again")
			require.Empty(t, indices(s.next("t", 1, 1)))
			require.Empty(t, indices(s.next("", 0, -1)))
			n.fill("t", 3, 2)
			n.fill("t", 0, 1)
			a = s.next("", 0, -1)
			require.Equal(t, []int32{3, 0}, indices(a), "in the order in which it happened")
			require.Equal(t, []int64{0, 1}, offsets(a.Topics[0].Partitions[0].RecordBatches))
		})
	}
}

func TestSessionForgets(t *testing.T) {
	for _, version := range []int16{7, 13} {
		n := start(t)
		n.topic("t", 2)
		s, _ := begin(n.connect(), version, "t", 2)
		q := kmsg.NewPtrFetchRequest()
		f := kmsg.NewFetchRequestForgottenTopic()
		f.Topic, f.TopicID, f.Partitions = "t", idOf("t"), []int32{1}
		q.ForgottenTopics = append(q.ForgottenTopics, f)
		require.Empty(t, indices(s.poll(q)))
		n.fill("t", 0, 1)
		n.fill("t", 1, 1)
		require.Equal(t, []int32{0}, indices(s.next("", 0, -1)))

		q.ForgottenTopics[0].Partitions = []int32{0}
		id := s.id
		require.Empty(t, indices(s.poll(q)))
		require.Zero(t, s.id, "nothing is left: the session ends")
		s.id = id
		s.ready(q)
		require.Equal(t, kerr.FetchSessionIDNotFound.Code, ask[*kmsg.FetchResponse](s.client, version, q).ErrorCode)
	}
}

func TestSessionErrors(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	c := n.connect()
	s, _ := begin(c, 11, "t", 1)
	try := func(id, epoch int32, version int16) int16 {
		q := kmsg.NewPtrFetchRequest()
		q.SessionID, q.SessionEpoch = id, epoch
		a := ask[*kmsg.FetchResponse](c, version, q)
		require.Empty(t, a.Topics)
		require.Zero(t, a.SessionID)
		return a.ErrorCode
	}
	require.Equal(t, kerr.FetchSessionIDNotFound.Code, try(s.id+1, 1, 11))
	require.Equal(t, kerr.FetchSessionIDNotFound.Code, try(0, 3, 11))
	require.Equal(t, kerr.InvalidFetchSessionEpoch.Code, try(s.id, 2, 11))
	require.Equal(t, kerr.FetchSessionTopicIDError.Code, try(s.id, 1, 13))
	require.Empty(t, indices(s.next("", 0, -1)), "none of this has hurt the session")

	q := fetch("t", 0)
	q.SessionID = s.id // epoch -1: ends it
	require.Zero(t, ask[*kmsg.FetchResponse](c, 11, q).SessionID)
	require.Equal(t, kerr.FetchSessionIDNotFound.Code, try(s.id, 2, 11))
}

// A new session may be begun with the id of the one that it replaces.
func TestSessionBegunAnew(t *testing.T) {
	n := start(t)
	n.topic("t", 2)
	s, _ := begin(n.connect(), 11, "t", 2)
	old := s.id
	s.epoch = 0
	require.Equal(t, []int32{0}, indices(s.next("t", 0, 0)))
	require.NotEqual(t, old, s.id)
	n.fill("t", 1, 1)
	require.Empty(t, indices(s.next("", 0, -1)), "partition 1 was of the old one")
}

// Errors are told with each answer until they are over, and then also that.
func TestSessionErrorAndRecovery(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	s, _ := begin(n.connect(), 11, "t", 1)
	n.gone("t")
	for range 3 {
		a := s.next("", 0, -1)
		require.Equal(t, kerr.UnknownTopicOrPartition.Code, fetched(a).ErrorCode)
	}
	n.topic("t", 1)
	a := s.next("", 0, -1)
	require.Zero(t, fetched(a).ErrorCode)
	require.EqualValues(t, 0, fetched(a).HighWatermark)
	require.Empty(t, indices(s.next("", 0, -1)))
	n.fill("t", 0, 1)
	require.Equal(t, []int32{0}, indices(s.next("", 0, -1)), "linked to the new log")
}

// A topic that is not there yet is seen when it comes.
func TestSessionOfATopicToCome(t *testing.T) {
	n := start(t)
	s, a := begin(n.connect(), 11, "t", 1)
	require.Equal(t, kerr.UnknownTopicOrPartition.Code, fetched(a).ErrorCode)
	n.topic("t", 1)
	require.Zero(t, fetched(s.next("", 0, -1)).ErrorCode)
}

func TestSessionTellsThatTheStartMoved(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	n.fill("t", 0, 5)
	s, _ := begin(n.connect(), 11, "t", 1)
	require.Empty(t, indices(s.next("t", 0, 5)))
	n.deleteRecords("t", 4)
	a := s.next("", 0, -1)
	require.EqualValues(t, 4, fetched(a).LogStartOffset)
	require.Empty(t, fetched(a).RecordBatches)
}

// With room for one batch at a time every partition gets its turn.
func TestSessionIsFair(t *testing.T) {
	n := start(t)
	n.topic("t", 5)
	for i := range int32(5) {
		n.fill("t", i, 10)
	}
	c := n.connect()
	s, _ := begin(c, 11, "t", 5)
	turns := make(map[int32]int)
	for range 20 {
		q := kmsg.NewPtrFetchRequest()
		s.ready(q)
		q.MaxBytes = 1
		a := ask[*kmsg.FetchResponse](c, 11, q)
		s.epoch++
		got := 0
		for _, p := range a.Topics[0].Partitions {
			if len(p.RecordBatches) > 0 {
				turns[p.Partition]++
				got++
			}
		}
		require.Equal(t, 1, got)
	}
	require.Equal(t, map[int32]int{0: 4, 1: 4, 2: 4, 3: 4, 4: 4}, turns)
}

func TestSessionWaits(t *testing.T) {
	n := start(t)
	n.topic("t", 3)
	s, _ := begin(n.connect(), 11, "t", 3)
	q := kmsg.NewPtrFetchRequest()
	s.ready(q)
	q.SetVersion(11)
	q.MaxWaitMillis = 60_000
	s.send(q)
	n.fill("t", 2, 1)
	a := receive[*kmsg.FetchResponse](s.client, q)
	require.Equal(t, []int32{2}, indices(a))
	require.Equal(t, s.id, a.SessionID)
	s.epoch++
	require.Empty(t, indices(s.next("t", 2, 1)))
}

// While a fetch of a session waits, another one is not the next.
func TestSessionHasOneFetchAtATime(t *testing.T) {
	n := start(t)
	n.topic("t", 1)
	s, _ := begin(n.connect(), 11, "t", 1)
	q := kmsg.NewPtrFetchRequest()
	s.ready(q)
	q.SetVersion(11)
	q.MaxWaitMillis = 60_000
	s.send(q)
	other := n.connect()
	require.Eventually(t, func() bool {
		q := kmsg.NewPtrFetchRequest()
		q.SessionID, q.SessionEpoch = s.id, s.epoch+1
		return ask[*kmsg.FetchResponse](other, 11, q).ErrorCode == kerr.InvalidFetchSessionEpoch.Code
	}, patience, tick)
	n.fill("t", 0, 1)
	require.Equal(t, []int32{0}, indices(receive[*kmsg.FetchResponse](s.client, q)))
}

// max.incremental.fetch.session.cache.slots: who gets no session is answered
// all the same.
func TestSessionSlots(t *testing.T) {
	n := startWith(t, options{settings: map[string]string{"max.incremental.fetch.session.cache.slots": "1"}})
	n.topic("t", 1)
	first, _ := begin(n.connect(), 11, "t", 1)
	require.NotZero(t, first.id)
	second, a := begin(n.connect(), 11, "t", 1)
	require.Zero(t, second.id)
	require.Equal(t, []int32{0}, indices(a))
	require.Empty(t, indices(first.next("", 0, -1)))
}
