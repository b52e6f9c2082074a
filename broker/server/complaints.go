package server

import (
	"log/slog"
	"strconv"
	"sync"
	"time"
	"unicode"
)

// complaints writes log lines that strangers can provoke: a few per cause and
// interval, then a count of what was left out.
type complaints struct {
	logger *slog.Logger
	now    func() time.Time

	mu    sync.Mutex
	kinds map[Cause]*complaint
}

// complaint is the state of one cause.
type complaint struct {
	since   time.Time // begin of the interval
	written int       // lines in it
	dropped int       // lines left out since the last one written
}

const (
	complaintsInterval = 10 * time.Second
	complaintsMax      = 5
)

// warn writes the line at level Warn, if there were not too many.
func (c *complaints) warn(kind Cause, message string, args ...any) {
	if ok, dropped := c.allow(kind); ok {
		if dropped > 0 {
			args = append(args, "dropped_lines", dropped)
		}
		c.logger.Warn(message, args...)
	}
}

// allow reports whether a line may be written, and how many were not before it.
func (c *complaints) allow(kind Cause) (ok bool, dropped int) {
	now := c.now()
	c.mu.Lock()
	defer c.mu.Unlock()
	k := c.kinds[kind]
	if k == nil {
		k = &complaint{}
		c.kinds[kind] = k
	}
	if now.Sub(k.since) >= complaintsInterval {
		k.since, k.written = now, 0
	}
	if k.written >= complaintsMax {
		k.dropped++
		return false, 0
	}
	k.written++
	dropped, k.dropped = k.dropped, 0
	return true, dropped
}

// logEnd writes why a connection ended.
func (s *Server) logEnd(c *Conn, e ending) {
	args := []any{"connection", c.id, "listener", c.listener, "remote", c.remote, "cause", string(e.cause)}
	if e.err != nil {
		args = append(args, "error", Escape(e.err.Error()))
	}
	if c.clientID != "" {
		args = append(args, "client_id", Escape(c.clientID))
	}
	if name, version := c.Software(); name != "" {
		args = append(args, "software", Escape(name+" "+version))
	}
	switch e.cause {
	case CauseFrame, CauseHeader, CauseUntrusted, CauseSlowRead, CauseSlowWrite, CauseMemory:
		s.complaints.warn(e.cause, "connection closed", args...)
	default:
		s.config.Logger.Debug("connection closed", args...)
	}
}

// panicked counts and logs a panic of the handler.
func (s *Server) panicked(c *Conn, key int16, err error, stack []byte) {
	if f := s.config.Hooks.Panicked; f != nil {
		f(key)
	}
	if ok, dropped := s.complaints.allow(CausePanic); ok {
		s.config.Logger.Error("handler panicked; its connection is closed", "error", Escape(err.Error()),
			"connection", c.id, "remote", c.remote, "dropped_lines", dropped, "stack", string(stack))
	}
}

// escapedMax bounds what is logged of a client's string, bytes.
const escapedMax = 200

// Escape makes a client's string fit for a log line or a terminal: control and
// other unprintable characters become Go escapes, and long strings are cut.
func Escape(s string) string {
	cut := len(s) > escapedMax
	if cut {
		s = s[:escapedMax]
	}
	for _, r := range s {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar {
			quoted := strconv.QuoteToASCII(s)
			s = quoted[1 : len(quoted)-1]
			break
		}
	}
	if cut {
		s += "..."
	}
	return s
}
