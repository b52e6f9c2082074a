package metrics

import "iter"

// Sources are the questions that a scrape asks. Each may be nil: its numbers are
// not shown then. They are called from several goroutines and must be quick;
// what they return is not written to, but for Lags.
type Sources struct {
	Brokers     func() []Broker
	Controller  func() (id int32) // -1 when there is none
	Self        func() (id int32) // this broker; 0 where nil
	Partitions  func() iter.Seq[Partition]
	Groups      func() iter.Seq[Group]
	Dirs        func() []Dir
	Connections func() map[string]int // by listener
	OpenFiles   func() int            // segment files
	Waiting     func() map[string]int // requests whose answer waits, by Kafka's name of what for
	Replication func() Replication
	Office      func() Office
}

// Replication is this broker's part in its cluster. The counts are since the
// start.
type Replication struct {
	Shrinks, Expands   uint64 // of in-sync sets
	FailedUpdates      uint64 // of in-sync sets
	Elections, Unclean uint64 // seen by this broker as the controller
	Session            bool   // registered at present
	Sessions           uint64
	Ensemble           Ensemble
	ControllerEpoch    int32
	MinFetchRate       float64 // per second, of the slowest fetcher
	Lags               []Lag   // in any order; put in order by who asks
}

// Ensemble is what has become of connections to ZooKeeper.
type Ensemble struct{ Connects, Disconnects, Expirations, Refused uint64 }

// Office is the controller on this broker; zero while it is not in office.
type Office struct {
	State          int // by Kafka's numbers
	Waiting        int // events
	Orders         int // requests that wait for a broker
	Brokers        int // registered
	Topics         int // to be deleted
	TopicsHeld     int // of these, those that wait for a broker
	Replicas       int // to be deleted
	ReplicasAbsent int // of these, those on brokers that are away
}

// Lag is how far a replica here is behind its leader.
type Lag struct {
	Topic     string
	Partition int32
	Leader    int32
	Offsets   int64 // -1: the leader has not told
	Failed    bool  // nothing is fetched until the controller says so
}

// Broker is one member of the cluster.
type Broker struct {
	ID      int32
	Address string // host:port
}

// Partition is one partition as this broker knows it.
type Partition struct {
	Topic         string
	Index         int32
	Leader        int32 // -1 for none
	Replicas, ISR []int32
	MinISR        int
	Reassigning   bool
	Here          bool // this broker has a replica; the fields below are filled in then

	Start, HighWatermark, End int64 // offsets
	Bytes                     int64
	Segments                  int
	Offline                   bool // its data directory is
}

// Group is one consumer group.
type Group struct {
	Name    string
	State   string // as DescribeGroups names it
	Members int
	Offsets []Offset
}

// Offset is what a group has committed for one partition.
type Offset struct {
	Topic     string
	Partition int32
	Committed int64
}

// Dir is one data directory.
type Dir struct {
	Path        string
	Offline     bool
	Free, Total uint64 // bytes of its file system
}
