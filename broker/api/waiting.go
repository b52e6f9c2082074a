package api

import "sync/atomic"

// operation is what a request may have to wait for.
type operation int

const (
	produceCommit  operation = iota // acks=all: until the records are committed
	fetchData                       // a long poll: until there are enough bytes
	recordDeletion                  // until no replica has the records
	groupMembers                    // until all have joined, or the leader has assigned
	leaderElection                  // until the controller has done it
	operationCount
)

// operationNames are Kafka's of its purgatories, one for each operation.
var operationNames = [operationCount]string{"Produce", "Fetch", "DeleteRecords", "Rebalance", "ElectLeader"}

// waits counts the requests that wait, by operation.
type waits [operationCount]atomic.Int64

// begin counts a request until the returned function is called.
func (w *waits) begin(o operation) (end func()) {
	w[o].Add(1)
	return func() { w[o].Add(-1) }
}

// Waiting is how many requests wait for something other than the disk, by the name
// of the operation: Produce, Fetch, DeleteRecords, Rebalance, ElectLeader.
func (a *API) Waiting() map[string]int {
	out := make(map[string]int, operationCount)
	for o := range operationCount {
		out[operationNames[o]] = int(a.waits[o].Load())
	}
	return out
}
