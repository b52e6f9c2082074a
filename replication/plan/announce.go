package plan

import "github.com/leatmq/leat/replication/image"

// Announce decides who must be told what of the picture after a step: a broker
// that is new, or registered anew, everything; the others what differs. If the
// list of brokers differs, all are told at least that. A controller that takes
// office announces from image.Empty(): everything to everyone.
//
// Partitions that have never had a leader are not announced.
func Announce(before, after *image.Image) []Announcement {
	a := announcer{before: before, after: after}
	return a.announce()
}
