package api

import (
	"context"
	"errors"
	"math"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/leatmq/leat/broker/metrics"
	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/broker/session"
	"github.com/leatmq/leat/log/record"
	"github.com/leatmq/leat/partition"
)

// errIsolation is an isolation level other than 0 and 1, and any other number
// that Kafka takes for a defect of its own (UNKNOWN_SERVER_ERROR).
var errIsolation = errors.New("number out of range")

// fetchCall is one Fetch and its answer in the making. It is pooled: its slices
// keep what they have grown to.
type fetchCall struct {
	q   fetchRequest
	out fetchAnswer

	max      int  // bytes of records that the answer may have
	left     int  // bytes of records that the answer may still get
	got      int  // bytes of records it has
	want     int  // bytes of records that end the waiting
	minOne   bool // the next batch goes out whole, however large
	urgent   bool // something must be told at once
	first    bool // a follower's fetch is looked at for the first time: it acknowledges
	listener string

	seen map[*partition.Replica]int // to find duplicates
	raw  []byte                     // records to convert
	work record.Scratch
}

// fetch answers Fetch (1): records from the offsets asked for, as ranges of the
// log's files. See fetchRequest.decode and fetchAnswer.encode for what changed
// with each version.
//
// Up to version 3 records are converted to the formats of old consumers, from
// version 4 on they go out as they are. The answer waits until it has MinBytes,
// until there is an error to tell, or for MaxWait. The first partition with data
// always sends a whole batch, so that nobody gets stuck at a large one.
func (a *API) fetch(_ context.Context, r *server.Request, w *server.Response) server.Outcome {
	c := a.getFetch()
	if err := c.q.decode(r.Body, r.Version); err != nil {
		a.putFetch(c)
		return r.Untrusted(err)
	}
	if c.q.replica >= 0 {
		r.CountAs(metrics.FetchFollower)
	}
	c.begin(a.maxFetch(&c.q), r.Conn.Listener())
	c.first = true
	if outcome, parked := a.answerFetch(c, r); parked {
		return outcome
	}
	a.countFetched(c)
	c.out.encode(w)
	a.putFetch(c)
	return server.Answered
}

// answerFetch fills the answer, or parks it; then the call is no longer the
// caller's.
func (a *API) answerFetch(c *fetchCall, r *server.Request) (server.Outcome, bool) {
	if c.q.isolation < 0 || c.q.isolation > 1 {
		c.refuseAll(errIsolation)
		return 0, false
	}
	s, err := a.sessionOf(c)
	switch {
	case err != nil:
		c.out.code = codeOf(err)
		return 0, false
	case s != nil:
		return a.fetchSession(c, s, r)
	}
	a.fetchListed(c)
	if c.enough() {
		return 0, false
	}
	c.rewind()
	c.first = false
	return a.fetchSession(c, newSession(c), r)
}

// maxFetch bounds the answer to a consumer; a follower has its own bound.
func (a *API) maxFetch(q *fetchRequest) int {
	if q.replica >= 0 {
		return math.MaxInt32
	}
	return a.Config.Int("fetch.max.bytes")
}

// begin readies the call for the request it has decoded.
func (c *fetchCall) begin(maxBytes int, listener string) {
	c.out.version = c.q.version
	c.listener = listener
	c.max = max(0, min(int(c.q.maxBytes), maxBytes))
	c.want = min(int(c.q.minBytes), c.max)
	c.rewind()
}

// rewind empties the answer, to fill it anew.
func (c *fetchCall) rewind() {
	c.out.release()
	c.left, c.got = c.max, 0
	c.minOne, c.urgent = true, false
}

// enough says whether the answer is not to wait.
func (c *fetchCall) enough() bool {
	return c.urgent || c.got >= c.want || c.q.maxWaitMs <= 0
}

// refuseAll tells every partition of the request, and the answer as a whole,
// of one error.
func (c *fetchCall) refuseAll(err error) {
	c.out.code = codeOf(err)
	for i := range c.q.parts {
		c.addRow(&c.q.parts[i]).refuse(err)
	}
}

// fetchListed reads the partitions of a request that has no session.
func (a *API) fetchListed(c *fetchCall) {
	c.urgent = len(c.q.parts) == 0
	for i := range c.q.parts {
		p := &c.q.parts[i]
		p.replica, p.err = a.find(p.topic, p.id, p.index)
	}
	c.leaveDuplicates()
	for i := range c.q.parts {
		p := &c.q.parts[i]
		switch {
		case p.err != nil:
			a.refuseRow(c, c.addRow(p), p.err)
		case p.replica != nil:
			a.readRow(c, c.addRow(p), p.replica, p.Asked)
		}
	}
}

// leaveDuplicates leaves only the last of several parts for one partition.
func (c *fetchCall) leaveDuplicates() {
	if len(c.q.parts) < 2 {
		return
	}
	if c.seen == nil {
		c.seen = make(map[*partition.Replica]int, len(c.q.parts))
	}
	for i := range c.q.parts {
		replica := c.q.parts[i].replica
		if replica == nil {
			continue
		}
		if earlier, ok := c.seen[replica]; ok {
			c.q.parts[earlier].replica = nil
		}
		c.seen[replica] = i
	}
}

// addRow appends an empty row for a part. It is valid until the next.
func (c *fetchCall) addRow(p *fetchPart) *fetchRow {
	c.out.rows = append(c.out.rows, fetchRow{topic: p.topic, id: p.id, index: p.index, preferred: -1})
	return &c.out.rows[len(c.out.rows)-1]
}

// refuse makes the row an error.
func (r *fetchRow) refuse(err error) {
	r.code = codeOf(err)
	r.highWatermark, r.lastStable, r.logStart = -1, -1, -1
}

func (a *API) getFetch() *fetchCall { return a.fetchCalls.Get().(*fetchCall) }

// putFetch gives the call back, without pointers into the last request.
func (a *API) putFetch(c *fetchCall) {
	c.out.release()
	clear(c.q.parts)
	clear(c.q.forgotten)
	clear(c.seen)
	c.q.parts, c.q.forgotten = c.q.parts[:0], c.q.forgotten[:0]
	c.out.code, c.out.session = 0, 0
	if cap(c.q.parts) > keepParts || cap(c.out.rows) > keepParts {
		*c = fetchCall{raw: c.raw, work: c.work}
	}
	if cap(c.raw) > keepBytes || cap(c.out.old) > keepBytes {
		c.raw, c.out.old, c.work = nil, nil, record.Scratch{}
	}
	a.fetchCalls.Put(c)
}

// keepBytes is how much memory for converted records a pooled call keeps.
const keepBytes = 4 << 20

// sessionOf finds the session that the request belongs to, or begins one; nil
// is a fetch without a session.
func (a *API) sessionOf(c *fetchCall) (*session.Session, error) {
	q := &c.q
	if q.version < 7 {
		return nil, nil
	}
	if q.sessionEpoch > session.Initial || q.sessionEpoch < session.Final {
		s, err := a.sessions.Use(q.sessionID, q.sessionEpoch, q.byID())
		if err != nil {
			return nil, err
		}
		updateSession(c, s)
		return s, nil
	}
	if q.sessionID != 0 {
		a.sessions.End(q.sessionID)
	}
	if q.sessionEpoch == session.Final || len(q.parts) == 0 {
		return nil, nil
	}
	s := newSession(c)
	if q.replica >= 0 {
		s.OfFollower()
	}
	if a.sessions.Keep(s) == 0 {
		s.Discard()
		return nil, nil
	}
	return s, nil
}

// kafkaStorage is the code of a failed disk, which consumers before version 6
// do not know.
var kafkaStorage = kerr.KafkaStorageError.Code
