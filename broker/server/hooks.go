package server

import "time"

// Hooks tell metrics what happens; each may be nil, must be quick and safe for
// concurrent use.
type Hooks struct {
	// Opened: a connection was accepted on the listener.
	Opened func(listener string)
	// Closed: an accepted connection is closed.
	Closed func(listener string, cause Cause)
	// Refused: a connection was closed unused, because of a limit.
	Refused func(listener string, cause Cause)
	// Handled: a request was handled and answered, parked or dropped. Its key,
	// as that of Sent, is what Request.CountAs has made it.
	Handled func(Handled)
	// Sent: an answer was written, sojourn after the request was received;
	// bytes count length field and spliced ranges.
	Sent func(key int16, bytes int, sojourn time.Duration)
	// Panicked: a handler panicked.
	Panicked func(key int16)
}

// Handled describes one handled request.
type Handled struct {
	Key, Version int16
	Bytes        int // of the request, length field included
	Outcome      Outcome
	Took         time.Duration // inside Handle
}

// Cause says why a connection was closed; its text is fit for a metric's label.
type Cause string

// Causes of closing.
const (
	CausePeer      Cause = "peer"       // the client closed it
	CauseIO        Cause = "io"         // read or write error
	CauseIdle      Cause = "idle"       // Timeouts.Idle
	CauseSlowRead  Cause = "slow_read"  // Timeouts.Read: a request did not come to its end
	CauseMemory    Cause = "memory"     // Config.MaxQueuedBytes was used up for Timeouts.Read
	CauseSlowWrite Cause = "slow_write" // Timeouts.Write: answers were not taken
	CauseFrame     Cause = "frame"      // length out of bounds
	CauseHeader    Cause = "header"     // request header malformed, or of an unknown api
	CauseUntrusted Cause = "untrusted"  // the handler said Close
	CausePanic     Cause = "panic"      // the handler panicked
	CauseShutdown  Cause = "shutdown"   // the server stops
	CauseMax       Cause = "max"        // refused: max.connections
	CauseMaxPerIP  Cause = "max_per_ip" // refused: max.connections.per.ip
)
