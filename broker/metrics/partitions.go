package metrics

import (
	"cmp"
	"slices"
	"strconv"
)

// place names a partition.
type place struct {
	topic string
	index int32
}

// totals are the sums over all partitions, whatever the limit of series.
type totals struct {
	here, led, underReplicated, underMinISR, atMinISR, reassigning int
	all, offline, imbalanced, offlineHere                          int
	byTopic                                                        map[string]int
}

// partitions sends each partition's numbers and their sums, and returns the high
// watermarks for the groups' lag.
func (s *scrape) partitions() map[place]int64 {
	watermarks := map[place]int64{}
	f := s.m.options.Sources.Partitions
	if f == nil {
		return watermarks
	}
	limit, _ := s.limits()
	all := slices.SortedFunc(f(), func(a, b Partition) int {
		return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Index, b.Index))
	})
	sum := totals{byTopic: map[string]int{}}
	self := s.self()
	for i, p := range all {
		sum.add(p, self)
		if p.Here {
			watermarks[place{p.Topic, p.Index}] = p.HighWatermark
		}
		if i < limit {
			s.partition(p)
		}
	}
	s.emit("leat_series_left_out", float64(max(len(all)-limit, 0)), "partition")
	s.sums(sum)
	return watermarks
}

func (t *totals) add(p Partition, self int32) {
	t.byTopic[p.Topic]++
	t.all++
	if p.Leader < 0 {
		t.offline++
	}
	if len(p.Replicas) > 0 && p.Leader != p.Replicas[0] {
		t.imbalanced++
	}
	if p.Here {
		t.here++
	}
	if p.Here && p.Offline {
		t.offlineHere++
	}
	if p.Leader != self {
		return
	}
	t.led++
	if len(p.ISR) < len(p.Replicas) {
		t.underReplicated++
	}
	switch {
	case len(p.ISR) < p.MinISR:
		t.underMinISR++
	case len(p.ISR) == p.MinISR:
		t.atMinISR++
	}
	if p.Reassigning {
		t.reassigning++
	}
}

func (s *scrape) sums(t totals) {
	for topic, n := range t.byTopic {
		s.emit("kafka_topic_partitions", float64(n), topic)
	}
	s.emit("kafka_server_replicamanager_partitioncount", float64(t.here))
	s.emit("kafka_server_replicamanager_leadercount", float64(t.led))
	s.emit("kafka_server_replicamanager_underreplicatedpartitions", float64(t.underReplicated))
	s.emit("kafka_server_replicamanager_underminisrpartitioncount", float64(t.underMinISR))
	s.emit("kafka_server_replicamanager_atminisrpartitioncount", float64(t.atMinISR))
	s.emit("kafka_server_replicamanager_reassigningpartitions", float64(t.reassigning))
	s.emit("kafka_server_replicamanager_offlinereplicacount", float64(t.offlineHere))
	if !s.controls() {
		t = totals{} // each broker sees the cluster; its sums are told once
	}
	s.emit("kafka_controller_kafkacontroller_offlinepartitionscount", float64(t.offline))
	s.emit("kafka_controller_kafkacontroller_preferredreplicaimbalancecount", float64(t.imbalanced))
	s.emit("kafka_controller_kafkacontroller_globalpartitioncount", float64(t.all))
	s.emit("kafka_controller_kafkacontroller_globaltopiccount", float64(len(t.byTopic)))
}

// partition sends one partition's series.
func (s *scrape) partition(p Partition) {
	index := strconv.Itoa(int(p.Index))
	number := func(v int64, names ...string) {
		for _, name := range names {
			s.emit(name, float64(v), p.Topic, index)
		}
	}
	flag := func(v bool, name string) { s.flag(name, v, p.Topic, index) }

	number(int64(p.Leader), "kafka_topic_partition_leader")
	number(int64(len(p.ISR)), "kafka_topic_partition_in_sync_replica")
	number(int64(len(p.Replicas)), "kafka_topic_partition_replicas", "kafka_cluster_partition_replicascount")
	flag(len(p.Replicas) > 0 && p.Leader == p.Replicas[0], "kafka_topic_partition_leader_is_preferred")
	flag(len(p.ISR) < len(p.Replicas), "kafka_topic_partition_under_replicated_partition")
	flag(len(p.ISR) < p.MinISR, "kafka_cluster_partition_underminisr")
	flag(len(p.ISR) == p.MinISR, "kafka_cluster_partition_atminisr")
	if !p.Here {
		return
	}
	number(p.Start, "leat_partition_start_offset", "kafka_topic_partition_oldest_offset", "kafka_log_log_logstartoffset")
	number(p.HighWatermark, "leat_partition_high_watermark", "kafka_topic_partition_current_offset")
	number(p.End, "leat_partition_end_offset", "kafka_log_log_logendoffset")
	number(p.Bytes, "leat_partition_bytes", "kafka_log_log_size")
	number(int64(p.Segments), "leat_partition_segments", "kafka_log_log_numlogsegments")
}
