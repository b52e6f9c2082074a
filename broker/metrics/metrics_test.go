package metrics

import (
	"io"
	"iter"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// busy returns metrics in which every name has a number.
func busy() *Metrics {
	m := New(Options{Version: "1.2.3", Sources: Sources{
		Self:       func() int32 { return 1 },
		Brokers:    func() []Broker { return []Broker{{1, "a:9092"}, {2, "b:9092"}} },
		Controller: func() int32 { return 1 },
		Partitions: func() iter.Seq[Partition] {
			return slices.Values([]Partition{
				{Topic: "t", Index: 1, Leader: 2, Replicas: []int32{2, 1}, ISR: []int32{2, 1}, MinISR: 1, Here: true,
					Start: 1, HighWatermark: 8, End: 9, Bytes: 50, Segments: 1},
				{Topic: "t", Index: 0, Leader: 1, Replicas: []int32{1, 2}, ISR: []int32{1}, MinISR: 2, Here: true,
					Start: 5, HighWatermark: 20, End: 21, Bytes: 100, Segments: 2},
				{Topic: "gone", Leader: -1, Replicas: []int32{2}},
			})
		},
		Groups: func() iter.Seq[Group] {
			return slices.Values([]Group{{Name: "g", State: "Stable", Members: 3,
				Offsets: []Offset{{"t", 0, 15}, {"t", 1, 10}, {"elsewhere", 0, 4}}}})
		},
		Dirs:        func() []Dir { return []Dir{{Path: "/d", Free: 7, Total: 9}, {Path: "/e", Offline: true}} },
		Connections: func() map[string]int { return map[string]int{"PLAINTEXT": 4} },
		OpenFiles:   func() int { return 3 },
		Waiting:     func() map[string]int { return map[string]int{"Produce": 2, "Fetch": 3} },
		Replication: func() Replication {
			return Replication{Shrinks: 3, Expands: 2, FailedUpdates: 8, Elections: 7, Unclean: 1, Session: true, Sessions: 2,
				Ensemble: Ensemble{Connects: 14, Disconnects: 13, Expirations: 1, Refused: 12}, ControllerEpoch: 5, MinFetchRate: 2.5, Lags: []Lag{
					{Topic: "t", Partition: 1, Leader: 2, Offsets: 11}, {Topic: "t", Partition: 2, Leader: 2, Offsets: -1, Failed: true},
				}}
		},
		Office: func() Office {
			return Office{State: 3, Waiting: 21, Orders: 22, Brokers: 23, Topics: 24, TopicsHeld: 25, Replicas: 26, ReplicasAbsent: 27}
		},
	}})
	m.CopiedIn(1000, false)
	m.CopiedIn(10, true)
	m.CopiedOut(2000, false)
	m.CopiedOut(20, true)
	m.Asked(4 * time.Millisecond)
	m.Controlled(2, 2*time.Second, 75*time.Millisecond)
	m.Controlled(2, 2*time.Second, 75*time.Millisecond)
	m.Controlled(99, 0, 0)
	m.Request(Call{Key: 1, Version: 17, In: 10, Out: 10, Took: time.Millisecond})
	m.Request(Call{Key: FetchFollower, Version: 17, In: 10, Out: 10, Took: time.Millisecond})
	m.Error(FetchFollower, 6)
	m.Error(1, 6)
	m.Request(Call{Key: 0, Version: 9, In: 100, Out: 10, Took: 3 * time.Millisecond})
	m.Request(Call{Key: 0, Version: 9, In: 100})
	m.Sent(0, 10, time.Minute)
	m.Panicked(3)
	m.Closed("idle")
	m.Closed("idle")
	m.Request(Call{Key: 18, Version: -1, In: 1})
	m.Error(0, 3)
	m.Error(0, 0)
	m.Error(3, -1)
	m.Accepted()
	m.Refused()
	m.Topic("t").Produced(5, 500)
	m.Topic("t").ProduceFailed()
	m.Topic("t").Fetched(300)
	m.Topic("t").FetchFailed()
	return m
}

func page(m *Metrics, query string) string {
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics"+query, nil))
	body, err := io.ReadAll(w.Result().Body)
	if err != nil {
		return err.Error()
	}
	return string(body)
}

func TestEveryNameOfTheTableIsThereOnce(t *testing.T) {
	text := page(busy(), "")
	seen := map[string]bool{}
	for _, n := range Names() {
		require.False(t, seen[n.Name], n.Name)
		seen[n.Name] = true
		require.Contains(t, text, "# TYPE "+n.Name+" "+n.Kind+"\n")
		require.Contains(t, text, "# HELP "+n.Name+" ")
		require.Equal(t, n.Kind == "counter", strings.HasSuffix(n.Name, "_total"), n.Name)
	}
	for line := range strings.Lines(text) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ = strings.Cut(name, " ")
			if !strings.HasPrefix(name, "go_") && !strings.HasPrefix(name, "process_") {
				require.True(t, seen[name], "%s is not in the table", name)
			}
		}
	}
}

func TestNumbers(t *testing.T) {
	text := page(busy(), "")
	for _, want := range []string{
		`leat_requests_total{api="Produce",version="9"} 2`,
		`leat_request_errors_total{api="Produce",error="UNKNOWN_TOPIC_OR_PARTITION"} 1`,
		`leat_request_errors_total{api="Metadata",error="UNKNOWN_SERVER_ERROR"} 1`,
		`leat_request_bytes_total{api="Produce"} 200`,
		`leat_response_bytes_total{api="Produce"} 20`,
		`leat_handler_panics_total{api="Metadata"} 1`,
		`leat_connections_closed_total{cause="idle"} 2`,
		`leat_request_duration_seconds_bucket{api="Produce",le="0.0025"} 0`,
		`leat_request_duration_seconds_bucket{api="Produce",le="0.005"} 1`,
		`leat_request_duration_seconds_bucket{api="Produce",le="+Inf"} 2`,
		`leat_request_duration_seconds_sum{api="Produce"} 60.003`,
		`leat_topic_messages_in_total{topic="t"} 5`,
		`kafka_server_brokertopicmetrics_failedproducerequests_total{topic="t"} 1`,
		`kafka_server_brokertopicmetrics_totalproducerequests_total{topic="t"} 2`,
		`kafka_topic_partition_current_offset{partition="0",topic="t"} 20`,
		`kafka_topic_partition_under_replicated_partition{partition="0",topic="t"} 1`,
		`kafka_topic_partition_leader{partition="0",topic="gone"} -1`,
		`kafka_cluster_partition_underminisr{partition="0",topic="t"} 1`,
		`kafka_server_replicamanager_leadercount 1`,
		`kafka_server_replicamanager_underminisrpartitioncount 1`,
		`kafka_controller_kafkacontroller_offlinepartitionscount 1`,
		`kafka_controller_kafkacontroller_activecontrollercount 1`,
		`kafka_consumergroup_lag{consumergroup="g",partition="0",topic="t"} 5`,
		`kafka_consumergroup_lag{consumergroup="g",partition="1",topic="t"} 0`,
		`kafka_consumergroup_lag_sum{consumergroup="g",topic="t"} 5`,
		`kafka_consumergroup_current_offset{consumergroup="g",partition="0",topic="elsewhere"} 4`,
		`kafka_consumergroup_members{consumergroup="g"} 3`,
		`leat_dir_offline{dir="/e"} 1`,
		`kafka_log_logmanager_offlinelogdirectorycount 1`,
		`leat_connections{listener="PLAINTEXT"} 4`,
	} {
		require.Contains(t, text, want+"\n")
	}
	require.NotContains(t, text, `kafka_consumergroup_lag{consumergroup="g",partition="0",topic="elsewhere"}`)
}

func TestNumbersOfTheCluster(t *testing.T) {
	text := page(busy(), "")
	for _, want := range []string{
		`kafka_controller_kafkacontroller_preferredreplicaimbalancecount 1`,
		`kafka_controller_kafkacontroller_globalpartitioncount 3`,
		`kafka_controller_kafkacontroller_globaltopiccount 2`,
		`kafka_server_replicamanager_isrshrinks_total 3`,
		`kafka_server_replicafetchermanager_maxlag{clientId="Replica"} 11`,
		`kafka_server_replicafetchermanager_failedpartitionscount{clientId="Replica"} 1`,
		`kafka_server_fetcherlagmetrics_consumerlag{clientId="Replica",partition="1",topic="t"} 11`,
		`leat_replication_lag{leader="2",partition="2",topic="t"} -1`,
		`kafka_server_sessionexpirelistener_zookeeperexpires_total 1`,
		`kafka_controller_controllerstats_uncleanleaderelections_total 1`,
		`leat_tree_session 1`,
		`leat_replication_bytes_total{direction="in"} 1010`,
		`leat_reassignment_bytes_total{direction="out"} 20`,
		`kafka_server_brokertopicmetrics_replicationbytesin_total 1010`,
		`kafka_server_brokertopicmetrics_replicationbytesout_total 2020`,
		`kafka_server_brokertopicmetrics_reassignmentbytesin_total 10`,
		`kafka_server_brokertopicmetrics_reassignmentbytesout_total 20`,
		`kafka_server_replicamanager_failedisrupdates_total 8`,
		`kafka_server_replicafetchermanager_minfetchrate{clientId="Replica"} 2.5`,
		`kafka_server_replicafetchermanager_deadthreadcount{clientId="Replica"} 0`,
		`kafka_server_sessionexpirelistener_zookeepersyncconnects_total 14`,
		`kafka_server_sessionexpirelistener_zookeeperdisconnects_total 13`,
		`kafka_server_sessionexpirelistener_zookeeperauthfailures_total 12`,
		`kafka_server_zookeeperclientmetrics_zookeeperrequestlatencyms_count 1`,
		`kafka_server_zookeeperclientmetrics_zookeeperrequestlatencyms_sum 4`,
		`leat_tree_request_duration_seconds_bucket{le="0.005"} 1`,
		`leat_controller_event_duration_seconds_count{event="BrokerChange"} 2`,
		`leat_controller_event_duration_seconds_count{event="Other"} 1`,
		`leat_controller_event_wait_seconds_count 3`,
		`kafka_controller_controllerstats_leaderelectionrateandtimems_count 2`,
		`kafka_controller_controllerstats_leaderelectionrateandtimems{quantile="0.5"} 75`,
		`kafka_controller_controllerstats_topicdeletionrateandtimems_count 0`,
		`kafka_controller_controllereventmanager_eventqueuetimems_count 3`,
		`kafka_controller_controllereventmanager_eventqueuesize 21`,
		`kafka_controller_controllerchannelmanager_totalqueuesize 22`,
		`kafka_controller_kafkacontroller_activebrokercount 23`,
		`kafka_controller_kafkacontroller_fencedbrokercount 0`,
		`kafka_controller_kafkacontroller_controllerstate 3`,
		`kafka_controller_kafkacontroller_topicstodeletecount 24`,
		`kafka_controller_kafkacontroller_topicsineligibletodeletecount 25`,
		`kafka_controller_kafkacontroller_replicastodeletecount 26`,
		`kafka_controller_kafkacontroller_replicasineligibletodeletecount 27`,
		`leat_elections_total 7`,
		`leat_requests_total{api="FetchFollower",version="17"} 1`,
		`kafka_network_requestmetrics_requests_total{request="Fetch",version="17"} 2`,
		`kafka_network_requestmetrics_requests_total{request="FetchConsumer",version="17"} 1`,
		`kafka_network_requestmetrics_requests_total{request="FetchFollower",version="17"} 1`,
		`kafka_network_requestmetrics_errors_total{error="NOT_LEADER_FOR_PARTITION",request="Fetch"} 2`,
		`kafka_network_requestmetrics_totaltimems_count{request="FetchFollower"} 1`,
	} {
		require.Contains(t, text, want+"\n")
	}
}

// What the controller counts is told by one broker.
func TestTheClustersSumsAreTheControllers(t *testing.T) {
	m := busy()
	m.options.Sources.Controller = func() int32 { return 2 }
	text := page(m, "")
	require.Contains(t, text, "kafka_controller_kafkacontroller_offlinepartitionscount 0\n")
	require.Contains(t, text, "kafka_controller_kafkacontroller_globalpartitioncount 0\n")
	require.Contains(t, text, "kafka_server_replicamanager_leadercount 1\n")
}

func TestFamiliesCanBeChosen(t *testing.T) {
	m := busy()
	require.Contains(t, page(m, ""), "\ngo_goroutines ")
	only := page(m, "?family=kafka_exporter,jmx")
	require.Contains(t, only, "kafka_brokers 2")
	require.Contains(t, only, "kafka_log_log_size{")
	require.NotContains(t, only, "leat_")
	require.NotContains(t, only, "go_goroutines")
}

func TestSeriesAreBoundedButSumsAreWhole(t *testing.T) {
	m := busy()
	m.options.Limits = func() (int, int) { return 2, 0 }
	text := page(m, "")
	require.Contains(t, text, `leat_series_left_out{kind="partition"} 1`)
	require.Contains(t, text, `leat_series_left_out{kind="group"} 1`)
	require.NotContains(t, text, `consumergroup="g"`)
	require.NotContains(t, text, `leat_partition_bytes{partition="1",topic="t"}`)
	require.Contains(t, text, `leat_partition_bytes{partition="0",topic="t"}`)
	require.Contains(t, text, `kafka_server_replicamanager_partitioncount 2`)
}

func TestForgottenTopicIsNotShown(t *testing.T) {
	m := busy()
	m.Forget("t")
	require.NotContains(t, page(m, ""), "leat_topic_messages_in_total{")
}

func TestNothingIsAskedOfMissingSources(t *testing.T) {
	text := page(New(Options{Version: "dev"}), "?family=leat,kafka_exporter,jmx")
	require.Contains(t, text, `leat_build_info{`)
	require.NotContains(t, text, "kafka_")
}

// Quantiles forget what is long past; counts do not.
func TestQuantilesAreOfLate(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	m := New(Options{Now: func() time.Time { return now }})
	m.options.Sources.Replication = func() Replication { return Replication{} }
	m.Asked(20 * time.Second)
	const name = "kafka_server_zookeeperclientmetrics_zookeeperrequestlatencyms"
	expect := func(median, count string) {
		t.Helper()
		text := page(m, "?family=jmx")
		require.Contains(t, text, name+`{quantile="0.5"} `+median+"\n")
		require.Contains(t, text, name+"_count "+count+"\n")
	}
	expect("20000", "1")
	now = now.Add(recently)
	m.Asked(time.Millisecond)
	m.Asked(time.Millisecond)
	expect("0.875", "3")
	now = now.Add(recently)
	expect("0", "3")
}

func TestCountingDoesNotAllocate(t *testing.T) {
	m := New(Options{})
	m.Topic("t")
	require.Zero(t, testing.AllocsPerRun(100, func() {
		m.Request(Call{Key: 1, Version: 13, In: 1, Out: 1, Took: time.Millisecond})
		m.Error(1, 1)
		m.Sent(1, 1, time.Millisecond)
		topic := m.Topic("t")
		topic.Produced(1, 1)
		topic.Fetched(1)
		m.CopiedIn(1, true)
		m.CopiedOut(1, true)
		m.Asked(time.Millisecond)
		m.Controlled(1, time.Second, time.Millisecond)
	}))
}

func BenchmarkRequest(b *testing.B) {
	m := New(Options{})
	b.ReportAllocs()
	for b.Loop() {
		m.Request(Call{Key: 1, Version: 13, In: 1, Out: 1, Took: time.Millisecond})
	}
}
