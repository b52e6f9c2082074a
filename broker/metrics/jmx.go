package metrics

// jmxNames are those that Kafka's beans have on dashboards.
var jmxNames = []Name{
	{familyJMX, "kafka_server_replicamanager_underreplicatedpartitions", "gauge", nil, "Partitions led here with a replica out of sync."},
	{familyJMX, "kafka_server_replicamanager_underminisrpartitioncount", "gauge", nil, "Partitions led here with fewer in sync than min.insync.replicas."},
	{familyJMX, "kafka_server_replicamanager_partitioncount", "gauge", nil, "Partitions with a replica here."},
	{familyJMX, "kafka_server_replicamanager_leadercount", "gauge", nil, "Partitions led here."},
	{familyJMX, "kafka_controller_kafkacontroller_activecontrollercount", "gauge", nil, "1 when this broker is the controller."},
	{familyJMX, "kafka_controller_kafkacontroller_offlinepartitionscount", "gauge", nil, "Partitions without a leader, as the controller sees it; 0 on other brokers."},
	{familyJMX, "kafka_controller_kafkacontroller_preferredreplicaimbalancecount", "gauge", nil, "Partitions not led by their first replica, as the controller sees it; 0 on other brokers."},
	{familyJMX, "kafka_controller_kafkacontroller_globalpartitioncount", "gauge", nil, "Partitions of the cluster, as the controller sees it; 0 on other brokers."},
	{familyJMX, "kafka_controller_kafkacontroller_globaltopiccount", "gauge", nil, "Topics of the cluster, as the controller sees it; 0 on other brokers."},
	{familyJMX, "kafka_controller_kafkacontroller_activebrokercount", "gauge", nil, "Brokers that are registered, as the controller sees it; 0 on other brokers."},
	{familyJMX, "kafka_controller_kafkacontroller_fencedbrokercount", "gauge", nil, "Always 0: with ZooKeeper no broker is fenced."},
	{familyJMX, "kafka_controller_kafkacontroller_controllerstate", "gauge", nil, "What the controller is doing, by Kafka's numbers: 0 nothing, 1 taking over, 2 a broker came or went, 3 topics change, 4 topics go, 5 reassignment, 6 automatic and 7 asked-for balance, 8 relieving a broker that stops, 9 in-sync sets, 10 answers of brokers, 11 failed directories, 13 and 14 unclean elections, 15 asked about reassignments."},
	{familyJMX, "kafka_controller_kafkacontroller_topicstodeletecount", "gauge", nil, "Topics that are marked for deletion and not gone yet, as the controller sees it; 0 on other brokers."},
	{familyJMX, "kafka_controller_kafkacontroller_replicastodeletecount", "gauge", nil, "Replicas of them that are not known to be gone."},
	{familyJMX, "kafka_controller_kafkacontroller_topicsineligibletodeletecount", "gauge", nil, "Topics that wait for a broker to come back before they can be deleted."},
	{familyJMX, "kafka_controller_kafkacontroller_replicasineligibletodeletecount", "gauge", nil, "Replicas to be deleted whose broker is away."},
	{familyJMX, "kafka_controller_controllereventmanager_eventqueuesize", "gauge", nil, "Events that the controller has not looked at yet; 0 on other brokers."},
	{familyJMX, "kafka_controller_controllereventmanager_eventqueuetimems", "summary", nil, "Milliseconds from an event to the moment at which the controller looks at it."},
	{familyJMX, "kafka_controller_controllerchannelmanager_totalqueuesize", "gauge", nil, "Requests of the controller that wait for a broker to take them."},
	{familyJMX, "kafka_controller_controllerstats_uncleanleaderelections_total", "counter", nil, "Partitions whose new leader was not in sync, as seen by the controller."},
	{familyJMX, "kafka_server_replicamanager_atminisrpartitioncount", "gauge", nil, "Partitions led here with just min.insync.replicas in sync."},
	{familyJMX, "kafka_server_replicamanager_reassigningpartitions", "gauge", nil, "Partitions led here whose replicas are being changed."},
	{familyJMX, "kafka_server_replicamanager_offlinereplicacount", "gauge", nil, "Replicas here whose data directory is offline."},
	{familyJMX, "kafka_server_replicamanager_isrshrinks_total", "counter", nil, "Times that a partition led here lost a replica in sync."},
	{familyJMX, "kafka_server_replicamanager_isrexpands_total", "counter", nil, "Times that a partition led here gained a replica in sync."},
	{familyJMX, "kafka_server_replicamanager_failedisrupdates_total", "counter", nil, "Times that the controller did not agree to an in-sync set of a partition led here."},
	{familyJMX, "kafka_server_replicafetchermanager_maxlag", "gauge", l("clientId"), "Offsets that the slowest replica here is behind its leader."},
	{familyJMX, "kafka_server_replicafetchermanager_failedpartitionscount", "gauge", l("clientId"), "Replicas here that are not fetched until the controller says so."},
	{familyJMX, "kafka_server_replicafetchermanager_deadthreadcount", "gauge", l("clientId"), "Always 0: a fetcher that fails begins again."},
	{familyJMX, "kafka_server_replicafetchermanager_minfetchrate", "gauge", l("clientId"), "Fetches a second, over the last minute, of the fetcher here that asks its leader least often; 0 without any."},
	{familyJMX, "kafka_server_fetcherlagmetrics_consumerlag", "gauge", l("clientId", "topic", "partition"), "Offsets that a replica here is behind its leader."},
	{familyJMX, "kafka_server_sessionexpirelistener_zookeeperexpires_total", "counter", nil, "ZooKeeper sessions that have expired."},
	{familyJMX, "kafka_server_sessionexpirelistener_zookeeperdisconnects_total", "counter", nil, "Times that the connection to a ZooKeeper server was lost."},
	{familyJMX, "kafka_server_sessionexpirelistener_zookeepersyncconnects_total", "counter", nil, "Connections to a ZooKeeper server on which the session began or went on."},
	{familyJMX, "kafka_server_sessionexpirelistener_zookeeperauthfailures_total", "counter", nil, "Times that ZooKeeper did not take this broker's identity."},
	{familyJMX, "kafka_server_zookeeperclientmetrics_zookeeperrequestlatencyms", "summary", nil, "Milliseconds from a request to ZooKeeper to its answer."},
	{familyJMX, "kafka_server_delayedoperationpurgatory_purgatorysize", "gauge", l("delayedOperation"), "Requests whose answer waits: Produce, Fetch, DeleteRecords, Rebalance or ElectLeader."},
	{familyJMX, "kafka_server_brokertopicmetrics_messagesin_total", "counter", l("topic"), "Records appended for producers."},
	{familyJMX, "kafka_server_brokertopicmetrics_bytesin_total", "counter", l("topic"), "Bytes appended for producers."},
	{familyJMX, "kafka_server_brokertopicmetrics_bytesout_total", "counter", l("topic"), "Bytes sent to consumers."},
	{familyJMX, "kafka_server_brokertopicmetrics_totalproducerequests_total", "counter", l("topic"), "Partitions in Produce requests."},
	{familyJMX, "kafka_server_brokertopicmetrics_totalfetchrequests_total", "counter", l("topic"), "Partitions in Fetch answers."},
	{familyJMX, "kafka_server_brokertopicmetrics_failedproducerequests_total", "counter", l("topic"), "Partitions in Produce requests that were refused."},
	{familyJMX, "kafka_server_brokertopicmetrics_failedfetchrequests_total", "counter", l("topic"), "Partitions in Fetch answers that had an error."},
	{familyJMX, "kafka_server_brokertopicmetrics_replicationbytesin_total", "counter", nil, "Bytes that followers here have copied."},
	{familyJMX, "kafka_server_brokertopicmetrics_replicationbytesout_total", "counter", nil, "Bytes sent to followers."},
	{familyJMX, "kafka_server_brokertopicmetrics_reassignmentbytesin_total", "counter", nil, "Bytes that followers here have copied because a reassignment adds them."},
	{familyJMX, "kafka_server_brokertopicmetrics_reassignmentbytesout_total", "counter", nil, "Bytes sent to followers that a reassignment adds."},
	{familyJMX, "kafka_network_requestmetrics_requests_total", "counter", l("request", "version"), "Requests, by API and version. Fetch is FetchConsumer and FetchFollower together."},
	{familyJMX, "kafka_network_requestmetrics_errors_total", "counter", l("request", "error"), "Error codes in answers, one for each item that has one."},
	{familyJMX, "kafka_network_requestmetrics_totaltimems", "summary", l("request"), "Milliseconds from a request's last byte to its answer being written, waiting included."},
	{familyJMX, "kafka_log_log_size", "gauge", l("topic", "partition"), "Size of the log's data files in bytes."},
	{familyJMX, "kafka_log_log_logstartoffset", "gauge", l("topic", "partition"), "First offset of the log."},
	{familyJMX, "kafka_log_log_logendoffset", "gauge", l("topic", "partition"), "Offset that the next record gets."},
	{familyJMX, "kafka_log_log_numlogsegments", "gauge", l("topic", "partition"), "Segments of the log."},
	{familyJMX, "kafka_log_logmanager_offlinelogdirectorycount", "gauge", nil, "Data directories that are offline."},
	{familyJMX, "kafka_cluster_partition_underminisr", "gauge", l("topic", "partition"), "1 when fewer are in sync than min.insync.replicas."},
	{familyJMX, "kafka_cluster_partition_atminisr", "gauge", l("topic", "partition"), "1 when just min.insync.replicas are in sync."},
	{familyJMX, "kafka_cluster_partition_replicascount", "gauge", l("topic", "partition"), "Replicas."},
	{familyJMX, "kafka_server_socket_server_metrics_connection_count", "gauge", l("listener"), "Connections that are open."},
}

// stateNames are the rates and times of what the controller does.
func stateNames() []Name {
	var all []Name
	for _, s := range states {
		if s.jmx != "" {
			all = append(all, Name{familyJMX, stateName(s.jmx), "summary", nil, "Milliseconds that the controller took when " + s.what + "."})
		}
	}
	return all
}

func stateName(jmx string) string {
	return "kafka_controller_controllerstats_" + jmx + "rateandtimems"
}

// states are what a controller does, by Kafka's numbers; all is empty for what
// leat's never does, and jmx for what Kafka does not time.
var states = [...]struct{ event, jmx, what string }{
	{event: "Other"},
	{"ControllerChange", "controllerchange", "it took office"},
	{"BrokerChange", "leaderelection", "a broker came, went, or changed"},
	{"TopicChange", "topicchange", "topics were made or grew"},
	{"TopicDeletion", "topicdeletion", "topics were deleted"},
	{"AlterPartitionReassignment", "partitionreassignment", "replicas were reassigned"},
	{"AutoLeaderBalance", "autoleaderbalance", "it looked whether leaders are balanced"},
	{"ManualLeaderBalance", "manualleaderbalance", "an election was asked for"},
	{"ControlledShutdown", "controlledshutdown", "a broker was about to stop"},
	{"IsrChange", "isrchange", "a leader wanted another in-sync set"},
	{"LeaderAndIsrResponseReceived", "leaderandisrresponsereceived", "a broker answered"},
	{"LogDirChange", "logdirchange", "a data directory had failed"},
	{},
	{"UncleanLeaderElectionEnable", "uncleanleaderelectionenable", "unclean elections came to be allowed"},
	{"TopicUncleanLeaderElectionEnable", "topicuncleanleaderelectionenable", "unclean elections came to be allowed for a topic"},
	{"ListPartitionReassignment", "listpartitionreassignment", "it was asked about reassignments"},
}
