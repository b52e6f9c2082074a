package metrics

import (
	"slices"

	"github.com/prometheus/client_golang/prometheus"
)

// The families that a page is made of.
const (
	familyLeat     = "leat"
	familyExporter = "kafka_exporter"
	familyJMX      = "jmx"
	familyGo       = "go"
)

// Name is one row of the table of names.
type Name struct {
	Family string
	Name   string
	Kind   string // counter, gauge, histogram or summary
	Labels []string
	Help   string
}

// names is every metric but those of the Go runtime and the process.
var names = slices.Concat(ownNames, jmxNames, stateNames())

var ownNames = []Name{
	{familyLeat, "leat_build_info", "gauge", l("version", "go"), "Always 1; the labels tell the version of leat and of Go."},
	{familyLeat, "leat_requests_total", "counter", l("api", "version"), "Requests answered, by API and version; those of followers are FetchFollower, not Fetch."},
	{familyLeat, "leat_request_errors_total", "counter", l("api", "error"), "Error codes in answers, one for each item that has one."},
	{familyLeat, "leat_request_bytes_total", "counter", l("api"), "Bytes of requests."},
	{familyLeat, "leat_response_bytes_total", "counter", l("api"), "Bytes of answers."},
	{familyLeat, "leat_request_duration_seconds", "histogram", l("api"), "Time from a request's last byte to its answer being written, waiting included."},
	{familyLeat, "leat_handler_panics_total", "counter", l("api"), "Panics while a request was handled; the connection is closed, the broker lives on."},
	{familyLeat, "leat_requests_waiting", "gauge", l("operation"), "Requests whose answer waits: Produce for replicas, Fetch for records, DeleteRecords for replicas, Rebalance for members, ElectLeader for the controller."},
	{familyLeat, "leat_connections", "gauge", l("listener"), "Connections that are open."},
	{familyLeat, "leat_connections_accepted_total", "counter", nil, "Connections that were let in."},
	{familyLeat, "leat_connections_refused_total", "counter", nil, "Connections that max.connections or another bound kept out."},
	{familyLeat, "leat_connections_closed_total", "counter", l("cause"), "Connections that ended, by cause: peer, idle, untrusted and so on."},
	{familyLeat, "leat_open_segment_files", "gauge", nil, "Segment files that are open; bounded by leat.log.files.max.open."},
	{familyLeat, "leat_topic_messages_in_total", "counter", l("topic"), "Records appended for producers."},
	{familyLeat, "leat_topic_bytes_in_total", "counter", l("topic"), "Bytes of batches appended for producers."},
	{familyLeat, "leat_topic_bytes_out_total", "counter", l("topic"), "Bytes of batches sent to consumers."},
	{familyLeat, "leat_topic_produces_total", "counter", l("topic"), "Partitions in Produce requests."},
	{familyLeat, "leat_topic_produces_failed_total", "counter", l("topic"), "Partitions in Produce requests that were refused."},
	{familyLeat, "leat_topic_fetches_total", "counter", l("topic"), "Partitions in Fetch answers."},
	{familyLeat, "leat_topic_fetches_failed_total", "counter", l("topic"), "Partitions in Fetch answers that had an error."},
	{familyLeat, "leat_partition_start_offset", "gauge", l("topic", "partition"), "First offset of the log."},
	{familyLeat, "leat_partition_high_watermark", "gauge", l("topic", "partition"), "Offset that consumers read up to."},
	{familyLeat, "leat_partition_end_offset", "gauge", l("topic", "partition"), "Offset that the next record gets."},
	{familyLeat, "leat_partition_bytes", "gauge", l("topic", "partition"), "Size of the log's data files."},
	{familyLeat, "leat_partition_segments", "gauge", l("topic", "partition"), "Segments of the log."},
	{familyLeat, "leat_group_members", "gauge", l("group", "state"), "Members of a consumer group, and the state it is in."},
	{familyLeat, "leat_group_lag", "gauge", l("group", "topic", "partition"), "Offsets between what a group has committed and the high watermark."},
	{familyLeat, "leat_series_left_out", "gauge", l("kind"), "Partitions and groups without series because leat.metrics.*.max is reached."},
	{familyLeat, "leat_dir_free_bytes", "gauge", l("dir"), "Free space of the file system of a data directory."},
	{familyLeat, "leat_dir_total_bytes", "gauge", l("dir"), "Size of the file system of a data directory."},
	{familyLeat, "leat_dir_offline", "gauge", l("dir"), "1 when an I/O error took the data directory offline."},

	{familyLeat, "leat_replication_lag", "gauge", l("topic", "partition", "leader"), "Offsets that a replica here is behind its leader; -1 before the leader has told."},
	{familyLeat, "leat_replication_bytes_total", "counter", l("direction"), "Bytes of batches that followers here have copied (in) and that followers elsewhere were sent (out)."},
	{familyLeat, "leat_reassignment_bytes_total", "counter", l("direction"), "Those of them for replicas that a reassignment adds."},
	{familyLeat, "leat_replication_fetches_per_second_min", "gauge", nil, "Fetches a second, over the last minute, of the fetcher here that asks its leader least often; 0 without any."},
	{familyLeat, "leat_isr_shrinks_total", "counter", nil, "Times that a partition led here lost a replica in sync."},
	{familyLeat, "leat_isr_expands_total", "counter", nil, "Times that a partition led here gained a replica in sync."},
	{familyLeat, "leat_isr_updates_failed_total", "counter", nil, "Times that the controller did not agree to an in-sync set of a partition led here."},
	{familyLeat, "leat_tree_session", "gauge", nil, "1 while this broker has a session on ZooKeeper, or on its own tree, and is registered."},
	{familyLeat, "leat_tree_sessions_total", "counter", nil, "Registrations of this broker: one in each session, and another when somebody has removed it."},
	{familyLeat, "leat_tree_connections_total", "counter", nil, "Connections to a ZooKeeper server on which the session began or went on."},
	{familyLeat, "leat_tree_connections_lost_total", "counter", nil, "Times that the connection to a ZooKeeper server was lost."},
	{familyLeat, "leat_tree_expirations_total", "counter", nil, "Sessions on ZooKeeper that have expired."},
	{familyLeat, "leat_tree_identities_refused_total", "counter", nil, "Times that ZooKeeper did not take this broker's identity."},
	{familyLeat, "leat_tree_request_duration_seconds", "histogram", nil, "Time from a request to ZooKeeper to its answer."},
	{familyLeat, "leat_controller_epoch", "gauge", nil, "Epoch of the latest controller that this broker has heard of."},
	{familyLeat, "leat_controller_events_waiting", "gauge", nil, "Events that the controller here has not looked at yet; 0 on other brokers."},
	{familyLeat, "leat_controller_event_wait_seconds", "histogram", nil, "Time from an event to the moment at which the controller here looks at it."},
	{familyLeat, "leat_controller_event_duration_seconds", "histogram", l("event"), "Time that the controller here took for an event, by what it was about."},
	{familyLeat, "leat_controller_orders_waiting", "gauge", nil, "Requests of the controller here that wait for a broker to take them."},
	{familyLeat, "leat_elections_total", "counter", nil, "Partitions whose leader this broker, as the controller, has changed."},
	{familyLeat, "leat_unclean_elections_total", "counter", nil, "Partitions to which this broker, as the controller, gave a leader that was not in sync."},
	{familyLeat, "leat_topics_deleting", "gauge", nil, "Topics that are marked for deletion and not gone yet, as the controller sees it; 0 on other brokers."},

	{familyExporter, "kafka_brokers", "gauge", nil, "Brokers in the cluster."},
	{familyExporter, "kafka_broker_info", "gauge", l("id", "address"), "Always 1; a broker's address."},
	{familyExporter, "kafka_topic_partitions", "gauge", l("topic"), "Partitions of a topic."},
	{familyExporter, "kafka_topic_partition_current_offset", "gauge", l("topic", "partition"), "Offset that consumers read up to."},
	{familyExporter, "kafka_topic_partition_oldest_offset", "gauge", l("topic", "partition"), "First offset."},
	{familyExporter, "kafka_topic_partition_in_sync_replica", "gauge", l("topic", "partition"), "Replicas that are in sync."},
	{familyExporter, "kafka_topic_partition_leader", "gauge", l("topic", "partition"), "Id of the leader, -1 for none."},
	{familyExporter, "kafka_topic_partition_leader_is_preferred", "gauge", l("topic", "partition"), "1 when the leader is the first replica."},
	{familyExporter, "kafka_topic_partition_replicas", "gauge", l("topic", "partition"), "Replicas."},
	{familyExporter, "kafka_topic_partition_under_replicated_partition", "gauge", l("topic", "partition"), "1 when a replica is out of sync."},
	{familyExporter, "kafka_consumergroup_current_offset", "gauge", l("consumergroup", "topic", "partition"), "Offset that a group has committed."},
	{familyExporter, "kafka_consumergroup_current_offset_sum", "gauge", l("consumergroup", "topic"), "Sum over a topic's partitions."},
	{familyExporter, "kafka_consumergroup_lag", "gauge", l("consumergroup", "topic", "partition"), "Offsets between committed and current offset."},
	{familyExporter, "kafka_consumergroup_lag_sum", "gauge", l("consumergroup", "topic"), "Sum over a topic's partitions."},
	{familyExporter, "kafka_consumergroup_members", "gauge", l("consumergroup"), "Members."},
}

// Names returns the table, in the order of docs/metrics.md.
func Names() []Name { return names }

func l(labels ...string) []string { return labels }

// descs finds a row's description by its name.
var descs = func() map[string]*prometheus.Desc {
	m := make(map[string]*prometheus.Desc, len(names))
	for _, n := range names {
		m[n.Name] = prometheus.NewDesc(n.Name, n.Help, n.Labels, nil)
	}
	return m
}()

var kinds = func() map[string]prometheus.ValueType {
	m := make(map[string]prometheus.ValueType, len(names))
	for _, n := range names {
		m[n.Name] = map[string]prometheus.ValueType{"counter": prometheus.CounterValue, "gauge": prometheus.GaugeValue}[n.Kind]
	}
	return m
}()
