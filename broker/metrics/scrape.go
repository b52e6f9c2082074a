package metrics

import (
	"cmp"
	"net/http"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/twmb/franz-go/pkg/kerr"
)

// serve asks the sources once and writes the families that are wanted.
func (m *Metrics) serve(w http.ResponseWriter, r *http.Request) {
	var families []string
	if q := r.URL.Query().Get("family"); q != "" {
		families = strings.Split(q, ",")
	}
	promhttp.HandlerFor(m.gatherers(families), promhttp.HandlerOpts{}).ServeHTTP(w, r)
}

// gatherers returns what to gather from for these families, nil for all.
func (m *Metrics) gatherers(families []string) prometheus.Gatherers {
	wanted := func(family string) bool { return families == nil || slices.Contains(families, family) }
	page := &scrape{m: m, wanted: map[string]bool{}}
	for _, n := range names {
		page.wanted[n.Name] = wanted(n.Family)
	}
	state := prometheus.NewPedanticRegistry()
	state.MustRegister(page)
	all := prometheus.Gatherers{state}
	if wanted(familyGo) {
		all = append(all, m.process)
	}
	return all
}

// scrape is the making of one page.
type scrape struct {
	m      *Metrics
	wanted map[string]bool
	ch     chan<- prometheus.Metric
}

// Describe sends the whole table.
func (s *scrape) Describe(ch chan<- *prometheus.Desc) {
	for _, n := range names {
		ch <- descs[n.Name]
	}
}

// Collect asks each source once.
func (s *scrape) Collect(ch chan<- prometheus.Metric) {
	s.ch = ch
	s.emit("leat_build_info", 1, s.m.options.Version, runtime.Version())
	s.requests()
	s.connections()
	s.topics()
	s.dirs()
	s.cluster()
	s.replication()
	s.office()
	watermarks := s.partitions()
	s.groups(watermarks)
}

// emit sends one number under a name of the table, if its family is wanted.
func (s *scrape) emit(name string, v float64, labels ...string) {
	if s.wanted[name] {
		s.ch <- prometheus.MustNewConstMetric(descs[name], kinds[name], v, labels...)
	}
}

// flag sends 1 or 0.
func (s *scrape) flag(name string, v bool, labels ...string) {
	n := 0.0
	if v {
		n = 1
	}
	s.emit(name, n, labels...)
}

// errorName is Kafka's name of a code.
func errorName(code int16) string {
	if e := kerr.TypedErrorForCode(code); e != nil && e.Code == code {
		return e.Message
	}
	return strconv.Itoa(int(code))
}

func (s *scrape) connections() {
	s.emit("leat_connections_accepted_total", float64(s.m.accepted.Load()))
	s.emit("leat_connections_refused_total", float64(s.m.refused.Load()))
	s.m.closed.Range(func(cause, n any) bool {
		s.emit("leat_connections_closed_total", float64(n.(*atomic.Uint64).Load()), cause.(string))
		return true
	})
	if f := s.m.options.Sources.Connections; f != nil {
		for listener, n := range f() {
			s.emit("leat_connections", float64(n), listener)
			s.emit("kafka_server_socket_server_metrics_connection_count", float64(n), listener)
		}
	}
	if f := s.m.options.Sources.OpenFiles; f != nil {
		s.emit("leat_open_segment_files", float64(f()))
	}
	if f := s.m.options.Sources.Waiting; f != nil {
		for operation, n := range f() {
			s.emit("leat_requests_waiting", float64(n), operation)
			s.emit("kafka_server_delayedoperationpurgatory_purgatorysize", float64(n), operation)
		}
	}
}

func (s *scrape) topics() {
	both := func(own, jmx, topic string, v uint64) {
		s.emit("leat_topic_"+own+"_total", float64(v), topic)
		s.emit("kafka_server_brokertopicmetrics_"+jmx+"_total", float64(v), topic)
	}
	for topic, t := range *s.m.topics.Load() {
		both("messages_in", "messagesin", topic, t.messagesIn.Load())
		both("bytes_in", "bytesin", topic, t.bytesIn.Load())
		both("bytes_out", "bytesout", topic, t.bytesOut.Load())
		both("produces", "totalproducerequests", topic, t.produces.Load())
		both("produces_failed", "failedproducerequests", topic, t.failedProduces.Load())
		both("fetches", "totalfetchrequests", topic, t.fetches.Load())
		both("fetches_failed", "failedfetchrequests", topic, t.failedFetches.Load())
	}
}

func (s *scrape) dirs() {
	f := s.m.options.Sources.Dirs
	if f == nil {
		return
	}
	offline := 0
	for _, d := range f() {
		if d.Offline {
			offline++
		}
		s.flag("leat_dir_offline", d.Offline, d.Path)
		s.emit("leat_dir_free_bytes", float64(d.Free), d.Path)
		s.emit("leat_dir_total_bytes", float64(d.Total), d.Path)
	}
	s.emit("kafka_log_logmanager_offlinelogdirectorycount", float64(offline))
}

func (s *scrape) cluster() {
	if f := s.m.options.Sources.Brokers; f != nil {
		brokers := f()
		s.emit("kafka_brokers", float64(len(brokers)))
		for _, b := range brokers {
			s.emit("kafka_broker_info", 1, strconv.Itoa(int(b.ID)), b.Address)
		}
	}
	if s.m.options.Sources.Controller != nil {
		s.flag("kafka_controller_kafkacontroller_activecontrollercount", s.controls())
	}
}

// controls says whether this broker is the controller.
func (s *scrape) controls() bool {
	f := s.m.options.Sources.Controller
	return f != nil && f() == s.self()
}

// self is the id of this broker.
func (s *scrape) self() int32 {
	if f := s.m.options.Sources.Self; f != nil {
		return f()
	}
	return 0
}

// limits returns how many series of each kind a page may have.
func (s *scrape) limits() (partitions, groups int) {
	if s.m.options.Limits == nil {
		return 1 << 30, 1 << 30
	}
	return s.m.options.Limits()
}

// groups sends a group's numbers; watermarks are of the partitions.
func (s *scrape) groups(watermarks map[place]int64) {
	f := s.m.options.Sources.Groups
	if f == nil {
		return
	}
	_, limit := s.limits()
	all := slices.SortedFunc(f(), func(a, b Group) int { return cmp.Compare(a.Name, b.Name) })
	s.emit("leat_series_left_out", float64(max(len(all)-limit, 0)), "group")
	for _, g := range all[:min(len(all), limit)] {
		s.emit("leat_group_members", float64(g.Members), g.Name, g.State)
		s.emit("kafka_consumergroup_members", float64(g.Members), g.Name)
		s.offsets(g, watermarks)
	}
}

func (s *scrape) offsets(g Group, watermarks map[place]int64) {
	committed, lag := map[string]float64{}, map[string]float64{}
	for _, o := range g.Offsets {
		partition := strconv.Itoa(int(o.Partition))
		s.emit("kafka_consumergroup_current_offset", float64(o.Committed), g.Name, o.Topic, partition)
		committed[o.Topic] += float64(o.Committed)
		end, known := watermarks[place{o.Topic, o.Partition}]
		if !known {
			continue
		}
		behind := float64(max(end-o.Committed, 0))
		s.emit("leat_group_lag", behind, g.Name, o.Topic, partition)
		s.emit("kafka_consumergroup_lag", behind, g.Name, o.Topic, partition)
		lag[o.Topic] += behind
	}
	for topic, n := range committed {
		s.emit("kafka_consumergroup_current_offset_sum", n, g.Name, topic)
	}
	for topic, n := range lag {
		s.emit("kafka_consumergroup_lag_sum", n, g.Name, topic)
	}
}
