package metrics

import "strconv"

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
	both(r.Elections, "kafka_controller_controllerstats_leaderelectionrateandtimems_total")
	both(r.Unclean, "kafka_controller_controllerstats_uncleanleaderelections_total")
	both(r.Sessions, "leat_tree_sessions_total")
	both(max(r.Sessions, 1)-1, "kafka_server_sessionexpirelistener_zookeeperexpires_total")
	s.flag("leat_tree_session", r.Session)
	s.emit("leat_controller_epoch", float64(r.ControllerEpoch))
	s.lags(r.Lags)
}

// lags sends how far each replica is behind, as far as there may be series, and
// the most of all.
func (s *scrape) lags(all []Lag) {
	limit, _ := s.limits()
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
