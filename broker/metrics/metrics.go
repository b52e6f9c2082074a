// Package metrics counts what a broker does and shows it to Prometheus.
//
// There are two kinds of numbers. Counters are bumped on the hot path: they are
// atomic words in arrays made at the start, so counting a request neither locks
// nor allocates. Everything else (offsets, sizes, groups) is not kept here at
// all: a scrape asks for it through the functions in Sources.
//
// Each number has one name of leat's own. Two families repeat some of them under
// the names that dashboards already know: kafka_exporter's, and those that the
// JMX exporter gives to Kafka's beans in Strimzi's rules. docs/metrics.md lists
// all; it is made from the table in names.go.
package metrics

import (
	"maps"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
)

// Options say what New needs to know.
type Options struct {
	Version string  // of leat, for leat_build_info
	Sources Sources // asked at each scrape

	// Limits returns how many partitions and how many groups may have series
	// of their own; asked at each scrape.
	Limits func() (partitions, groups int)

	Now func() time.Time // nil: time.Now
}

// Metrics is one broker's counters and its registry, which is not the global
// one: several brokers in a process do not meet.
type Metrics struct {
	options Options
	process *prometheus.Registry // the Go runtime and the process

	apis    [apiKeys]api
	topics  atomic.Pointer[map[string]*Topic] // never written after it was stored
	growing sync.Mutex                        // one change of topics at a time

	accepted, refused atomic.Uint64
	closed            sync.Map // cause → *atomic.Uint64

	cluster cluster
}

// FetchFollower is the key under which Fetch by followers is counted.
const FetchFollower = 98

// apiKeys bounds the request keys that are counted one by one; Kafka's end
// below 98. What is beyond counts as the last.
const (
	apiKeys  = 100
	versions = 24  // by version; what is beyond counts as the last
	codes    = 160 // error codes from -1; what is beyond counts as the last
)

// api is what is counted of one request key.
type api struct {
	byVersion [versions]atomic.Uint64
	byError   [codes]atomic.Uint64 // by code + 1; 0 (no error) is not counted
	in, out   atomic.Uint64        // bytes
	took      histogram
	panics    atomic.Uint64
}

// New returns metrics with all counters at zero.
func New(o Options) *Metrics {
	if o.Now == nil {
		o.Now = time.Now
	}
	m := &Metrics{options: o, process: prometheus.NewPedanticRegistry()}
	m.topics.Store(&map[string]*Topic{})
	m.process.MustRegister(
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	)
	return m
}

// Call is one request that was handled.
type Call struct {
	Key, Version int16
	In           int // bytes, length field included
	// Out and Took are as in Sent, for a caller that knows them already; zero
	// leaves them to Sent.
	Out  int
	Took time.Duration
}

// Request counts a call. It neither locks nor allocates.
func (m *Metrics) Request(c Call) {
	a := &m.apis[within(int(c.Key), apiKeys)]
	a.byVersion[within(int(c.Version), versions)].Add(1)
	a.in.Add(uint64(max(c.In, 0)))
	if c.Took > 0 {
		m.Sent(c.Key, c.Out, c.Took)
	}
}

// Sent counts an answer of so many bytes, written so long after the last byte of
// its request had come. It neither locks nor allocates.
func (m *Metrics) Sent(key int16, bytes int, took time.Duration) {
	a := &m.apis[within(int(key), apiKeys)]
	a.out.Add(uint64(max(bytes, 0)))
	a.took.observe(took)
}

// Panicked counts a handler's panic.
func (m *Metrics) Panicked(key int16) { m.apis[within(int(key), apiKeys)].panics.Add(1) }

// Closed counts the end of a connection by its cause, one of a few words.
func (m *Metrics) Closed(cause string) {
	n, ok := m.closed.Load(cause)
	if !ok {
		n, _ = m.closed.LoadOrStore(cause, new(atomic.Uint64))
	}
	n.(*atomic.Uint64).Add(1)
}

// Error counts an error code in an answer; 0 is not counted. It neither locks
// nor allocates.
func (m *Metrics) Error(key, code int16) {
	if code != 0 {
		m.apis[within(int(key), apiKeys)].byError[within(int(code)+1, codes)].Add(1)
	}
}

// Accepted counts a connection that was let in.
func (m *Metrics) Accepted() { m.accepted.Add(1) }

// Refused counts a connection that a bound kept out.
func (m *Metrics) Refused() { m.refused.Add(1) }

// within is i where 0 <= i < n, and n-1 elsewhere.
func within(i, n int) int {
	if i < 0 || i >= n {
		return n - 1
	}
	return i
}

// Topic is what is counted of one topic.
type Topic struct {
	messagesIn, bytesIn, bytesOut                    atomic.Uint64
	produces, fetches, failedProduces, failedFetches atomic.Uint64
}

// Topic returns the counters of a topic, made at the first call. It neither locks
// nor allocates when they are there. Name only topics that exist: the counters
// stay until Forget.
func (m *Metrics) Topic(name string) *Topic {
	if t := (*m.topics.Load())[name]; t != nil {
		return t
	}
	var t *Topic
	m.changeTopics(func(all map[string]*Topic) {
		if t = all[name]; t == nil {
			t = new(Topic)
			all[name] = t
		}
	})
	return t
}

// TopicIn is Topic for a name that is still in a request's buffer.
func (m *Metrics) TopicIn(name []byte) *Topic {
	if t := (*m.topics.Load())[string(name)]; t != nil {
		return t
	}
	return m.Topic(string(name))
}

// Forget drops the counters of a topic that was deleted.
func (m *Metrics) Forget(topic string) {
	m.changeTopics(func(all map[string]*Topic) { delete(all, topic) })
}

// changeTopics puts a changed copy of the map in its place.
func (m *Metrics) changeTopics(change func(map[string]*Topic)) {
	m.growing.Lock()
	defer m.growing.Unlock()
	next := maps.Clone(*m.topics.Load())
	change(next)
	m.topics.Store(&next)
}

// Produced counts one partition's data in a Produce request.
func (t *Topic) Produced(messages, bytes int) {
	t.produces.Add(1)
	t.messagesIn.Add(uint64(messages))
	t.bytesIn.Add(uint64(bytes))
}

// ProduceFailed counts one partition's data that was refused.
func (t *Topic) ProduceFailed() { t.produces.Add(1); t.failedProduces.Add(1) }

// Fetched counts what one partition had in a Fetch answer.
func (t *Topic) Fetched(bytes int) {
	t.fetches.Add(1)
	t.bytesOut.Add(uint64(bytes))
}

// FetchFailed counts one partition's error in a Fetch answer.
func (t *Topic) FetchFailed() { t.fetches.Add(1); t.failedFetches.Add(1) }

// Handler serves the page. ?family=leat, kafka_exporter, jmx or go, comma
// separated, limits it; without it all four are there.
func (m *Metrics) Handler() http.Handler { return http.HandlerFunc(m.serve) }
