package metrics

import (
	"cmp"
	"slices"
	"strconv"
)

// fetcherID is the client id under which Kafka's brokers show their fetchers.
const fetcherID = "Replica"

// replication sends this broker's part in its cluster.
func (s *scrape) replication() {
	f := s.m.options.Sources.Replication
	if f == nil {
		return
	}
	r := f()
	both := func(n uint64, names ...string) {
		for _, name := range names {
			s.emit(name, float64(n))
		}
	}
	both(r.Shrinks, "leat_isr_shrinks_total", "kafka_server_replicamanager_isrshrinks_total")
	both(r.Expands, "leat_isr_expands_total", "kafka_server_replicamanager_isrexpands_total")
	both(r.FailedUpdates, "leat_isr_updates_failed_total", "kafka_server_replicamanager_failedisrupdates_total")
	both(r.Elections, "leat_elections_total")
	both(r.Unclean, "leat_unclean_elections_total", "kafka_controller_controllerstats_uncleanleaderelections_total")
	both(r.Sessions, "leat_tree_sessions_total")
	const listener = "kafka_server_sessionexpirelistener_zookeeper"
	both(r.Ensemble.Connects, "leat_tree_connections_total", listener+"syncconnects_total")
	both(r.Ensemble.Disconnects, "leat_tree_connections_lost_total", listener+"disconnects_total")
	both(r.Ensemble.Expirations, "leat_tree_expirations_total", listener+"expires_total")
	both(r.Ensemble.Refused, "leat_tree_identities_refused_total", listener+"authfailures_total")
	s.flag("leat_tree_session", r.Session)
	s.emit("leat_controller_epoch", float64(r.ControllerEpoch))
	s.emit("leat_replication_fetches_per_second_min", r.MinFetchRate)
	s.emit("kafka_server_replicafetchermanager_minfetchrate", r.MinFetchRate, fetcherID)
	s.emit("kafka_server_replicafetchermanager_deadthreadcount", 0, fetcherID)
	s.lags(r.Lags)
	s.copied()
	s.histogram("leat_tree_request_duration_seconds", &s.m.cluster.requests)
	s.summary("kafka_server_zookeeperclientmetrics_zookeeperrequestlatencyms", &s.m.cluster.requests)
}

// copied sends what was copied between brokers.
func (s *scrape) copied() {
	for direction, c := range map[string]*copied{"in": &s.m.cluster.in, "out": &s.m.cluster.out} {
		bytes, reassigned := float64(c.bytes.Load()), float64(c.reassigned.Load())
		s.emit("leat_replication_bytes_total", bytes, direction)
		s.emit("leat_reassignment_bytes_total", reassigned, direction)
		s.emit("kafka_server_brokertopicmetrics_replicationbytes"+direction+"_total", bytes)
		s.emit("kafka_server_brokertopicmetrics_reassignmentbytes"+direction+"_total", reassigned)
	}
}

// office sends what the controller here does.
func (s *scrape) office() {
	f := s.m.options.Sources.Office
	if f == nil {
		return
	}
	o := f()
	for name, n := range map[string]int{
		"kafka_controller_kafkacontroller_controllerstate":                 o.State,
		"leat_controller_events_waiting":                                   o.Waiting,
		"kafka_controller_controllereventmanager_eventqueuesize":           o.Waiting,
		"leat_controller_orders_waiting":                                   o.Orders,
		"kafka_controller_controllerchannelmanager_totalqueuesize":         o.Orders,
		"kafka_controller_kafkacontroller_activebrokercount":               o.Brokers,
		"kafka_controller_kafkacontroller_fencedbrokercount":               0,
		"leat_topics_deleting":                                             o.Topics,
		"kafka_controller_kafkacontroller_topicstodeletecount":             o.Topics,
		"kafka_controller_kafkacontroller_topicsineligibletodeletecount":   o.TopicsHeld,
		"kafka_controller_kafkacontroller_replicastodeletecount":           o.Replicas,
		"kafka_controller_kafkacontroller_replicasineligibletodeletecount": o.ReplicasAbsent,
	} {
		s.emit(name, float64(n))
	}
	s.histogram("leat_controller_event_wait_seconds", &s.m.cluster.waits)
	s.summary("kafka_controller_controllereventmanager_eventqueuetimems", &s.m.cluster.waits)
	for i := range states {
		h := &s.m.cluster.events[i]
		if states[i].event != "" {
			s.histogram("leat_controller_event_duration_seconds", h, states[i].event)
		}
		if states[i].jmx != "" {
			s.summary(stateName(states[i].jmx), h)
		}
	}
}

// histogram sends durations in seconds.
func (s *scrape) histogram(name string, h *histogram, labels ...string) {
	if s.wanted[name] {
		s.ch <- h.metric(descs[name], labels...)
	}
}

// summary sends durations in milliseconds.
func (s *scrape) summary(name string, h *histogram, labels ...string) {
	if s.wanted[name] {
		s.ch <- h.summary(descs[name], s.m.options.Now(), labels...)
	}
}

// lags sends how far each replica is behind, as far as there may be series, first
// by name, and the most of all.
func (s *scrape) lags(all []Lag) {
	limit, _ := s.limits()
	slices.SortFunc(all, func(a, b Lag) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Partition, b.Partition))
	})
	most, failed := int64(0), 0
	for i, lag := range all {
		most = max(most, lag.Offsets)
		if lag.Failed {
			failed++
		}
		if i >= limit {
			continue
		}
		partition := strconv.Itoa(int(lag.Partition))
		s.emit("leat_replication_lag", float64(lag.Offsets), lag.Topic, partition, strconv.Itoa(int(lag.Leader)))
		s.emit("kafka_server_fetcherlagmetrics_consumerlag", float64(max(lag.Offsets, 0)), fetcherID, lag.Topic, partition)
	}
	s.emit("kafka_server_replicafetchermanager_maxlag", float64(most), fetcherID)
	s.emit("kafka_server_replicafetchermanager_failedpartitionscount", float64(failed), fetcherID)
}
