package metrics

import (
	"strconv"

	"github.com/twmb/franz-go/pkg/kmsg"
)

func (s *scrape) requests() {
	for key := range s.m.apis {
		s.api(int16(key))
	}
	s.fetches()
}

// api sends what is counted of one request key, if it was used.
func (s *scrape) api(key int16) {
	a, name, jmx := &s.m.apis[key], apiName(key), jmxRequest(key)
	for version := range a.byVersion {
		if n := float64(a.byVersion[version].Load()); n > 0 {
			s.emit("leat_requests_total", n, name, strconv.Itoa(version))
			s.emit("kafka_network_requestmetrics_requests_total", n, jmx, strconv.Itoa(version))
		}
	}
	for i := range a.byError {
		if n := float64(a.byError[i].Load()); n > 0 {
			s.emit("leat_request_errors_total", n, name, errorName(int16(i-1)))
			s.emit("kafka_network_requestmetrics_errors_total", n, jmx, errorName(int16(i-1)))
		}
	}
	if n := a.panics.Load(); n > 0 {
		s.emit("leat_handler_panics_total", float64(n), name)
	}
	if in := a.in.Load(); in > 0 {
		s.emit("leat_request_bytes_total", float64(in), name)
		s.emit("leat_response_bytes_total", float64(a.out.Load()), name)
	}
	if a.took.used() {
		s.histogram("leat_request_duration_seconds", &a.took, name)
		s.summary("kafka_network_requestmetrics_totaltimems", &a.took, jmx)
	}
}

// fetches sends the requests of consumers and followers together, as Kafka
// counts them too.
func (s *scrape) fetches() {
	consumers, followers := &s.m.apis[kmsg.Fetch], &s.m.apis[FetchFollower]
	for version := range consumers.byVersion {
		if n := consumers.byVersion[version].Load() + followers.byVersion[version].Load(); n > 0 {
			s.emit("kafka_network_requestmetrics_requests_total", float64(n), "Fetch", strconv.Itoa(version))
		}
	}
	for i := range consumers.byError {
		if n := consumers.byError[i].Load() + followers.byError[i].Load(); n > 0 {
			s.emit("kafka_network_requestmetrics_errors_total", float64(n), "Fetch", errorName(int16(i-1)))
		}
	}
}

// apiName is what leat calls a request key.
func apiName(key int16) string {
	if key == FetchFollower {
		return "FetchFollower"
	}
	return kmsg.NameForKey(key)
}

// jmxRequest is what Kafka's beans call a request key.
func jmxRequest(key int16) string {
	if name, ok := jmxRequests[kmsg.Key(key)]; ok {
		return name
	}
	return apiName(key)
}

// jmxRequests are the names in which Kafka and kmsg differ.
var jmxRequests = map[kmsg.Key]string{
	kmsg.Fetch:                        "FetchConsumer",
	kmsg.LeaderAndISR:                 "LeaderAndIsr",
	kmsg.SASLHandshake:                "SaslHandshake",
	kmsg.SASLAuthenticate:             "SaslAuthenticate",
	kmsg.InitProducerID:               "InitProducerId",
	kmsg.DescribeACLs:                 "DescribeAcls",
	kmsg.CreateACLs:                   "CreateAcls",
	kmsg.DeleteACLs:                   "DeleteAcls",
	kmsg.AlterPartitionAssignments:    "AlterPartitionReassignments",
	kmsg.DescribeUserSCRAMCredentials: "DescribeUserScramCredentials",
	kmsg.AlterUserSCRAMCredentials:    "AlterUserScramCredentials",
	kmsg.AllocateProducerIDs:          "AllocateProducerIds",
}
