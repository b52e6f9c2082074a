// Package check looks for what must not be in a history: records lost, doubled,
// moved, reordered, skipped, read before they were decided; watermarks and
// committed offsets that went back; replicas that differ; writes that stayed
// away after everything was healed. Every anomaly is one pure function.
//
//	x := check.NewIndex(h)
//	for _, f := range check.All(x) { if f.Bad && f.Count > 0 { … } }
//
// Order is by rank: the place of an offset among those of its partition that
// hold a record, so that holes do not count. Records of producers with acks=1
// may be lost and doubled; they are found too, under a name of their own that is
// not held against the cluster.
package check

import (
	"fmt"

	"github.com/leatmq/leat/tools/chaos/history"
)

// Finding is one anomaly and how often it was seen.
type Finding struct {
	Name string `json:"name"`
	// Bad tells whether it breaks a promise; otherwise it is only reported.
	Bad      bool     `json:"bad"`
	Count    int      `json:"count"`
	Examples []string `json:"examples,omitempty"`
}

// maxExamples bounds what a finding shows.
const maxExamples = 20

func (f *Finding) add(format string, args ...any) {
	if f.Count++; len(f.Examples) < maxExamples {
		f.Examples = append(f.Examples, fmt.Sprintf(format, args...))
	}
}

// checks are all anomalies that a history shows by itself.
var checks = []func(*Index) []Finding{
	InconsistentOffsets, Duplicates, LostWrites, Unseen, Unexpected,
	AbortedReads, PrecommittedReads, TornTransactions, Cycles,
	PollOrder, SendOrder, SendSkips,
	EndRegress, CommitRegress, GroupSkips, DoubleOwners,
}

// All runs every check.
func All(x *Index) []Finding {
	var out []Finding
	for _, c := range checks {
		out = append(out, c(x)...)
	}
	return out
}

// Failed returns the findings that break a promise.
func Failed(all []Finding) []Finding {
	var out []Finding
	for _, f := range all {
		if f.Bad && f.Count > 0 {
			out = append(out, f)
		}
	}
	return out
}

// at is a time of the run, for people.
func at(ns int64) string { return fmt.Sprintf("%.3fs", float64(ns)/1e9) }

// name is a value for people: who sent it and its number.
func name(v int64) string { return fmt.Sprintf("%d:%d", v>>32, v&(1<<32-1)) }

// Value makes the value that is the n-th of a process.
func Value(process int32, n int64) int64 { return int64(process)<<32 | n }

// strong tells whether the process that sent s asked for every promise.
func (x *Index) strong(s *Send) bool { return x.Clients[s.Process].Acks != "1" }

// key is the name of a partition.
func (x *Index) key(k int32) string {
	if int(k) < len(x.About.Keys) {
		return x.About.Keys[k]
	}
	return fmt.Sprintf("key %d", k)
}

// done tells how an operation ended.
func done(t history.Type) bool { return t == history.OK }
