package fetcher_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"log/slog"
	"net"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/log"
	"github.com/leatmq/leat/log/checkpoint"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/log/vfs/crashfs"
	"github.com/leatmq/leat/partition"
	"github.com/leatmq/leat/partition/isr"
)

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

// led is a partition that a node leads.
type led struct {
	log   *log.Log
	id    [16]byte
	epoch int32
	high  int64
	// leader, if there is one, is who is asked.
	leader *partition.Leader
}

// node is a broker that leads partitions and answers Fetch and ListOffsets as
// Kafka does, sessions and long polls included, in memory.
type node struct {
	t    *testing.T
	disk *crashfs.FS
	most int16 // version of Fetch
	set  *partition.Set

	mu       sync.Mutex
	parts    map[checkpoint.Partition]*led
	news     chan struct{} // closed when something has changed
	session  *sessionOf
	first    bool // the answer in the making looks for the first time
	requests []*kmsg.FetchRequest
	conns    int // there ever were
	open     int
	down     bool

	// tamper changes an answer before it goes out; held sends it only when the
	// channel is closed.
	tamper func(*kmsg.FetchRequest, *kmsg.FetchResponse)
	// arrived is called when an answer has been read, before anybody sees it.
	arrived func()
	held    chan struct{}
	// sessionless: no sessions are granted.
	sessionless bool
}

// sessionOf is a fetch session.
type sessionOf struct {
	id, epoch int32
	asked     []ask
}

// ask is what is asked of one partition, and what was told.
type ask struct {
	topic       string
	id          [16]byte
	p           kmsg.FetchRequestTopicPartition
	high, start int64
}

func newNode(t *testing.T) *node {
	return &node{
		t: t, disk: crashfs.New(crashfs.Options{}), most: 17,
		parts: make(map[checkpoint.Partition]*led), news: make(chan struct{}),
	}
}

// openLog opens a log in memory that is closed when the test ends.
func openLog(t testing.TB, disk *crashfs.FS, dir string) *log.Log {
	t.Helper()
	l, err := log.Open(dir, log.Options{FS: disk, Config: log.DefaultConfig(), Clean: true, RecoveryPoint: -1, StartOffset: -1, Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, l.Close()) })
	return l
}

// lead has the node lead a partition at an epoch.
func (n *node) lead(p checkpoint.Partition, epoch int32) *led {
	n.t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	x := n.parts[p]
	if x == nil {
		x = &led{log: openLog(n.t, n.disk, "/"+p.String()), id: idOf(p.Topic)}
		n.parts[p] = x
	}
	x.epoch = epoch
	require.NoError(n.t, x.log.AssignEpoch(epoch))
	n.changed()
	return x
}

// idOf is a topic's id.
func idOf(topic string) (id [16]byte) {
	copy(id[:], topic)
	return id
}

// changed wakes who waits; the caller holds mu.
func (n *node) changed() {
	close(n.news)
	n.news = make(chan struct{})
}

// do changes the node and wakes who waits.
func (n *node) do(f func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f()
	n.changed()
}

// append appends one batch of records to a partition.
func (n *node) append(p checkpoint.Partition, values ...string) {
	n.t.Helper()
	n.do(func() {
		x := n.parts[p]
		_, err := x.log.Append(batch(n.t, values...), log.AppendOptions{LeaderEpoch: x.epoch, ProduceVersion: 9})
		require.NoError(n.t, err)
	})
}

func batch(t testing.TB, values ...string) []byte {
	t.Helper()
	var b record.Builder
	b.Reset(record.Spec{})
	for _, v := range values {
		b.Append(&record.Record{Timestamp: 1_700_000_000_000, Value: []byte(v)})
	}
	set, err := b.Finish(nil)
	require.NoError(t, err)
	return set
}

// dial connects to the node.
func (n *node) dial(context.Context, string, string) (net.Conn, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.down {
		return nil, errors.New("connection refused")
	}
	n.conns++
	n.open++
	ours, theirs := net.Pipe()
	go n.serve(theirs)
	return &arrivals{ours, n}, nil
}

func (n *node) serve(c net.Conn) {
	defer n.do(func() { n.open-- })
	defer c.Close()
	requests := make(chan []byte)
	go func() {
		defer close(requests)
		for {
			var size [4]byte
			if _, err := io.ReadFull(c, size[:]); err != nil {
				return
			}
			b := make([]byte, binary.BigEndian.Uint32(size[:]))
			if _, err := io.ReadFull(c, b); err != nil {
				return
			}
			requests <- b
		}
	}()
	for b := range requests {
		out := n.answer(b, requests)
		if out == nil {
			break
		}
		if _, err := c.Write(out); err != nil {
			break
		}
	}
	c.Close()
	for range requests {
	}
}

// answer answers one request; nil when the connection ended before. gone gets
// something when it does.
func (n *node) answer(b []byte, gone <-chan []byte) []byte {
	key, version := int16(binary.BigEndian.Uint16(b)), int16(binary.BigEndian.Uint16(b[2:]))
	req := kmsg.RequestForKey(key)
	req.SetVersion(version)
	body := b[10+int(binary.BigEndian.Uint16(b[8:])):]
	out := append([]byte{0, 0, 0, 0}, b[4:8]...)
	if req.IsFlexible() {
		body = body[1:]
		if key != 18 {
			out = append(out, 0)
		}
	}
	if err := req.ReadFrom(body); err != nil {
		n.t.Errorf("request %d version %d: %v", key, version, err)
		return nil
	}
	var resp kmsg.Response
	switch req := req.(type) {
	case *kmsg.ApiVersionsRequest:
		resp = n.versions()
	case *kmsg.ListOffsetsRequest:
		resp = n.offsets(req)
	case *kmsg.FetchRequest:
		r := n.fetch(req, gone)
		if r == nil {
			return nil
		}
		resp = r
	}
	resp.SetVersion(version)
	out = resp.AppendTo(out)
	binary.BigEndian.PutUint32(out, uint32(len(out)-4))
	return out
}

func (n *node) versions() *kmsg.ApiVersionsResponse {
	r := kmsg.NewPtrApiVersionsResponse()
	for _, v := range [][3]int16{{1, 4, n.most}, {2, 1, 9}, {18, 0, 4}} {
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MinVersion, k.MaxVersion = v[0], v[1], v[2]
		r.ApiKeys = append(r.ApiKeys, k)
	}
	return r
}

func (n *node) offsets(q *kmsg.ListOffsetsRequest) *kmsg.ListOffsetsResponse {
	n.mu.Lock()
	defer n.mu.Unlock()
	r := kmsg.NewPtrListOffsetsResponse()
	for _, t := range q.Topics {
		rt := kmsg.NewListOffsetsResponseTopic()
		rt.Topic = t.Topic
		for _, p := range t.Partitions {
			rp := kmsg.NewListOffsetsResponseTopicPartition()
			rp.Partition = p.Partition
			x := n.parts[checkpoint.Partition{Topic: t.Topic, Index: p.Partition}]
			if rp.ErrorCode = refusal(x, p.CurrentLeaderEpoch); rp.ErrorCode == 0 {
				rp.Offset = x.log.EndOffset()
				if p.Timestamp == -2 {
					rp.Offset = x.log.StartOffset()
				}
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		r.Topics = append(r.Topics, rt)
	}
	return r
}

// refusal is why a partition cannot be asked at an epoch; 0: it can.
func refusal(x *led, epoch int32) int16 {
	switch {
	case x == nil:
		return kerr.UnknownTopicOrPartition.Code
	case epoch < x.epoch:
		return kerr.FencedLeaderEpoch.Code
	case epoch > x.epoch:
		return kerr.UnknownLeaderEpoch.Code
	}
	return 0
}

func (n *node) fetch(q *kmsg.FetchRequest, gone <-chan []byte) *kmsg.FetchResponse {
	n.mu.Lock()
	n.requests = append(n.requests, q)
	s, refused := n.sessionFor(q)
	n.mu.Unlock()
	if refused != nil {
		return refused
	}
	deadline := time.NewTimer(time.Duration(q.MaxWaitMillis) * time.Millisecond)
	defer deadline.Stop()
	for first, last := true, false; ; first = false {
		n.mu.Lock()
		n.first = first
		r, urgent := n.read(q, s, last)
		news, held := n.news, n.held
		n.mu.Unlock()
		if r != nil && (urgent || last) {
			if held != nil {
				<-held
			}
			return r
		}
		select {
		case <-news:
		case <-deadline.C:
			last = true
		case <-gone:
			return nil
		}
	}
}

// sessionFor finds or makes the session of a request.
func (n *node) sessionFor(q *kmsg.FetchRequest) (*sessionOf, *kmsg.FetchResponse) {
	s := n.session
	if q.SessionEpoch > 0 {
		refuse := func(code int16) (*sessionOf, *kmsg.FetchResponse) {
			r := kmsg.NewPtrFetchResponse()
			r.ErrorCode = code
			return nil, r
		}
		if s == nil || s.id != q.SessionID {
			return refuse(kerr.FetchSessionIDNotFound.Code)
		}
		if s.epoch != q.SessionEpoch {
			return refuse(kerr.InvalidFetchSessionEpoch.Code)
		}
	} else {
		next := int32(1)
		if s != nil {
			next = s.id + 1
		}
		s = &sessionOf{id: next}
		if n.session = s; n.sessionless {
			s.id, n.session = 0, nil
		}
	}
	s.epoch++
	s.take(q)
	return s, nil
}

// take does to a session what a request says.
func (s *sessionOf) take(q *kmsg.FetchRequest) {
	for _, t := range q.Topics {
		for _, p := range t.Partitions {
			a := ask{topic: t.Topic, id: t.TopicID, p: p, high: -1, start: -1}
			i := slices.IndexFunc(s.asked, func(o ask) bool { return o.topic == a.topic && o.id == a.id && o.p.Partition == p.Partition })
			if i < 0 {
				s.asked = append(s.asked, a)
				continue
			}
			s.asked[i].p = p
		}
	}
	for _, t := range q.ForgottenTopics {
		s.asked = slices.DeleteFunc(s.asked, func(o ask) bool {
			return o.topic == t.Topic && o.id == t.TopicID && slices.Contains(t.Partitions, o.p.Partition)
		})
	}
}

// read makes the answer as it is now, and says whether it is to go out at once.
// Unless commit is set or it is urgent nothing is noted as told.
func (n *node) read(q *kmsg.FetchRequest, s *sessionOf, commit bool) (*kmsg.FetchResponse, bool) {
	r := kmsg.NewPtrFetchResponse()
	r.SessionID = s.id
	urgent, left := q.MaxWaitMillis <= 0, int(q.MaxBytes)
	one := true // the first with records sends a whole batch
	rows := make([]kmsg.FetchResponseTopicPartition, len(s.asked))
	for i := range s.asked {
		rows[i] = n.row(&s.asked[i], &left, &one)
		row := &rows[i]
		urgent = urgent || row.ErrorCode != 0 || len(row.RecordBatches) > 0 || row.DivergingEpoch.Epoch >= 0
	}
	if !urgent && !commit {
		return nil, false
	}
	for i := range s.asked {
		a, row := &s.asked[i], rows[i]
		news := row.ErrorCode != 0 || len(row.RecordBatches) > 0 || row.DivergingEpoch.Epoch >= 0 || row.HighWatermark != a.high || row.LogStartOffset != a.start
		if q.SessionEpoch > 0 && !news {
			continue
		}
		a.high, a.start = row.HighWatermark, row.LogStartOffset
		t := kmsg.NewFetchResponseTopic()
		t.Topic, t.TopicID = a.topic, a.id
		t.Partitions = append(t.Partitions, row)
		r.Topics = append(r.Topics, t)
	}
	if n.tamper != nil {
		n.tamper(q, r)
	}
	return r, true
}

// row reads one partition.
func (n *node) row(a *ask, left *int, one *bool) kmsg.FetchResponseTopicPartition {
	row := kmsg.NewFetchResponseTopicPartition()
	row.Partition, row.HighWatermark, row.LogStartOffset = a.p.Partition, -1, -1
	name := a.topic
	for p, x := range n.parts {
		if x.id == a.id && name == "" {
			name = p.Topic
		}
	}
	x := n.parts[checkpoint.Partition{Topic: name, Index: a.p.Partition}]
	if row.ErrorCode = refusal(x, a.p.CurrentLeaderEpoch); row.ErrorCode != 0 {
		return row
	}
	if x.leader != nil {
		n.ask(x.leader, a, &row)
		return row
	}
	if e := a.p.LastFetchedEpoch; e >= 0 {
		found, end := x.log.EndOffsetForEpoch(e)
		switch {
		case found == -1 || a.p.FetchOffset < x.log.StartOffset():
			row.ErrorCode = kerr.OffsetOutOfRange.Code
			return row
		case found < e || end < a.p.FetchOffset:
			row.DivergingEpoch.Epoch, row.DivergingEpoch.EndOffset = found, end
			row.HighWatermark, row.LogStartOffset = x.high, x.log.StartOffset()
			return row
		}
	}
	if a.p.FetchOffset < x.log.StartOffset() || a.p.FetchOffset > x.log.EndOffset() {
		row.ErrorCode = kerr.OffsetOutOfRange.Code
		return row
	}
	row.HighWatermark, row.LogStartOffset = x.high, x.log.StartOffset()
	sl, err := x.log.Read(log.ReadRequest{Offset: a.p.FetchOffset, UpTo: x.log.EndOffset(), MaxBytes: min(int(a.p.PartitionMaxBytes), *left), MinOne: *one})
	if err != nil {
		n.t.Error(err)
		return row
	}
	defer sl.Release()
	row.RecordBatches = make([]byte, sl.Len())
	if _, err := sl.ReadAt(row.RecordBatches, 0); err != nil && !errors.Is(err, io.EOF) {
		n.t.Error(err)
	}
	*left = max(0, *left-sl.Len())
	*one = *one && sl.Len() == 0
	return row
}

// ask has a real leader answer.
func (n *node) ask(l *partition.Leader, a *ask, row *kmsg.FetchResponseTopicPartition) {
	got, err := l.ReadFollower(partition.FollowerRead{Replica: 9, LeaderEpoch: a.p.CurrentLeaderEpoch, ReadRequest: partition.ReadRequest{
		Offset: a.p.FetchOffset, MaxBytes: int(a.p.PartitionMaxBytes), MinOne: true, LastFetchedEpoch: a.p.LastFetchedEpoch,
	}})
	defer got.Slice.Release()
	if err != nil {
		row.ErrorCode = kerr.OffsetOutOfRange.Code
		return
	}
	if d := got.Diverging; d != nil {
		row.DivergingEpoch.Epoch, row.DivergingEpoch.EndOffset = d.Epoch, d.EndOffset
	} else if n.first {
		l.FollowerFetched(9, isr.Fetch{Offset: a.p.FetchOffset, Start: a.p.LogStartOffset, LeaderEnd: got.EndOffset})
	}
	row.HighWatermark, row.LogStartOffset = l.HighWatermark(), got.StartOffset
	row.RecordBatches = make([]byte, got.Slice.Len())
	if _, err := got.Slice.ReadAt(row.RecordBatches, 0); err != nil && !errors.Is(err, io.EOF) {
		n.t.Error(err)
	}
}

// lastOf is the last offset in a set.
func lastOf(t testing.TB, set []byte) int64 {
	t.Helper()
	last := int64(-1)
	for len(set) > 0 {
		b, rest, err := record.Next(set)
		require.NoError(t, err)
		last, set = b.LastOffset(), rest
	}
	return last
}
