package server

import (
	"log/slog"
	"net/netip"
	"time"
)

// Config is what a Server is made with. A zero field takes the default named
// at it.
type Config struct {
	// Listeners to serve; at least one.
	Listeners []Listener
	Limits    Limits
	// MaxRequestBytes bounds one request (socket.request.max.bytes, 100 MiB).
	MaxRequestBytes int
	// MaxQueuedBytes bounds the memory of all requests being read and handled
	// (queued.max.request.bytes; 0 or less: 64 MiB). Reached, connections with
	// large requests are not read until others are done.
	MaxQueuedBytes int64
	// MaxInflightRequests and MaxInflightBytes bound what one connection may
	// have unanswered before it is read no further
	// (leat.connection.max.inflight.requests, .bytes; 1000 and 128 MiB).
	MaxInflightRequests int
	MaxInflightBytes    int64
	// SendBuffer and ReceiveBuffer are sizes of the sockets' buffers, bytes
	// (socket.send.buffer.bytes, socket.receive.buffer.bytes); 0 or less leaves them
	// to the system, which adapts them and is faster than Kafka's default of 100 KiB.
	SendBuffer, ReceiveBuffer int
	Timeouts                  Timeouts
	Logger                    *slog.Logger     // slog.Default()
	Now                       func() time.Time // time.Now
	Hooks                     Hooks
	// TooLarge, if set, is asked when a request is over MaxRequestBytes and its
	// header has come with the first bytes; Body is nil. It may answer; the
	// connection is closed in any case.
	TooLarge func(r *Request, w *Response) Outcome
}

// Listener is an address to listen on.
type Listener struct {
	Name    string // as in listeners=NAME://host:port
	Address string // host:port; port 0 takes a free one
}

// Limits can be changed while serving, with Server.SetLimits. 0: no limit.
type Limits struct {
	MaxConnections      int // max.connections
	MaxConnectionsPerIP int // max.connections.per.ip
	// PerIP overrides MaxConnectionsPerIP (max.connections.per.ip.overrides).
	PerIP map[netip.Addr]int
}

// Timeouts of a connection. They are looked at a few times per shortest timeout,
// so they are kept to within a quarter of it.
type Timeouts struct {
	// Idle closes a connection without traffic or work (connections.max.idle.ms, 10 min).
	Idle time.Duration
	// Read closes a connection whose half-sent request has not come to its end in
	// this time, unless at least 1 KiB per second came (leat.connection.read.timeout.ms, 30 s).
	Read time.Duration
	// Write closes a connection that has taken no byte of its answers for
	// this time (leat.connection.write.timeout.ms, 5 min: a consumer may be busy with what it has).
	Write time.Duration
	// Drain is how long Serve waits, once told to stop, for requests under way
	// (leat.shutdown.timeout.ms, 3 s).
	Drain time.Duration
}

// setDefaults fills in what is not set.
func (c *Config) setDefaults() {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	orDefault(&c.MaxRequestBytes, 100<<20)
	orDefault(&c.MaxQueuedBytes, 64<<20)
	orDefault(&c.MaxInflightRequests, 1000)
	orDefault(&c.MaxInflightBytes, 128<<20)
	t := &c.Timeouts
	for d, value := range map[*time.Duration]time.Duration{
		&t.Idle: 10 * time.Minute, &t.Read: 30 * time.Second, &t.Write: 5 * time.Minute, &t.Drain: 3 * time.Second,
	} {
		if *d == 0 {
			*d = value
		}
	}
}

// orDefault replaces a value that is not positive.
func orDefault[T int | int64](v *T, value T) {
	if *v <= 0 {
		*v = value
	}
}
