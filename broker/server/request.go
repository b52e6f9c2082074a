package server

import (
	"context"
	"time"

	"github.com/leatmq/leat/log"
)

// Handler answers requests. It is called on the connection's own goroutine, one
// request of a connection at a time, of different connections at once. ctx is
// done as soon as the server begins to shut down: a handler that waits should
// then answer with what it has.
//
// A handler that panics closes its connection, nothing else.
type Handler interface {
	Handle(ctx context.Context, r *Request, w *Response) Outcome
}

// Outcome says what became of a request.
type Outcome int

const (
	// Answered: w holds the answer.
	Answered Outcome = iota
	// NoAnswer: the request has none (Produce with acks=0).
	NoAnswer
	// Close: the peer cannot be trusted. Answers to earlier requests that are
	// ready still go out, then the connection is closed; see Request.Untrusted.
	Close
	// Parked: the answer comes later, through the Deferred that the handler
	// took from Request.Defer. Later requests are handled meanwhile.
	Parked
)

// Request is one request of a client. It, Body included, is valid only until
// Handle returns: what a parked answer needs must be copied before.
type Request struct {
	Key, Version  int16
	CorrelationID int32
	// ClientID is valid UTF-8 (other bytes are replaced, as Kafka does), "" for
	// null. It may hold control characters and gives no rights.
	ClientID string
	// Flexible says that the version encodes compactly, with tagged fields.
	Flexible bool
	// Body is what follows the header, in the connection's read buffer. The
	// handler may write into it (a log stamps offsets in place).
	Body []byte
	Conn *Conn
	// Received is when its last byte was read.
	Received time.Time

	counted  int16 // the key that Hooks are told
	size     int   // of the frame, length field excluded
	deferred *Deferred
	cause    error
}

// Size returns the bytes of the whole request, header included.
func (r *Request) Size() int { return r.size }

// CountAs has Hooks told another key: requests of this one that are not like the
// others. Handlers call it before they answer or park.
func (r *Request) CountAs(key int16) {
	r.counted = key
	if a := r.Conn.current; a != nil {
		a.counted = key
	}
}

// Untrusted notes why the connection is to be closed and returns Close, so that
// a handler can write `return r.Untrusted(err)`. The cause is logged and counted.
func (r *Request) Untrusted(cause error) Outcome {
	r.cause = cause
	return Close
}

// Response is an answer under construction. Both fields keep what they
// have allocated from one answer to the next.
type Response struct {
	// Buf holds the answer's body, grown by append. Length field and response
	// header are not part of it.
	Buf []byte
	// Slices are ranges of files that belong into the body, ordered by At.
	// The server releases each once it is sent or given up.
	Slices []Splice
}

// Splice puts a range of a file into an answer.
type Splice struct {
	// At is the offset in Response.Buf in front of which the bytes go.
	At   int
	Data log.Slice
}

// Len returns the length of the body, spliced ranges included.
func (w *Response) Len() int {
	n := len(w.Buf)
	for i := range w.Slices {
		n += w.Slices[i].Data.Len()
	}
	return n
}

// Reset empties the answer and releases its slices.
func (w *Response) Reset() {
	for i := range w.Slices {
		w.Slices[i].Data.Release()
		w.Slices[i] = Splice{}
	}
	w.Buf, w.Slices = w.Buf[:0], w.Slices[:0]
}
