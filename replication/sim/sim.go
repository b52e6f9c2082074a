// Package sim is a simulation of a cluster made of the parts that decide and do
// nothing else: the controller's plan, the arithmetic of in-sync sets and high
// watermarks, and the coordinator's groups. All of it is in the tests.
//
//	seed ─→ chance ─→ faults, delays, lost and reordered messages
//	                     │
//	   brokers 0..n ── network ── tree (sessions, /controller, states)
//	   logs of (epoch, value)      one controller's term after another
//	   clients: writers that want acks=all, a group that commits offsets
//	                     │
//	                 checker: LeaderInIsr, nothing committed lost or changed,
//	                 logs equal up to the high watermark, watermarks and
//	                 committed offsets never go back
//
// A world runs in one goroutine on a clock of its own: the same seed is the
// same story to the letter. A failure names its seed; -sim.seed tells that
// story again with all that happened, -sim.seeds tries more of them.
package sim
