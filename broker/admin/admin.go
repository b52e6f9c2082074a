// Package admin is the broker's HTTP door for those who run it:
//
//	/metrics   numbers for Prometheus; ?family=leat,kafka_exporter,jmx,go
//	/livez     200 while the process answers at all
//	/readyz    200 when clients are served, else 503; JSON with the reasons
//	/debug/pprof/   Go profiles, where leat.admin.pprof.enable allows them
//
// It listens on its own address (leat.admin.listen), so that it answers while
// the Kafka listeners are still closed or already closing.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// Options say what New needs to know.
type Options struct {
	Listen  string // host:port; port 0 for a free one
	Metrics http.Handler
	Ready   func() []Check // asked at each /readyz; the broker is ready when all are OK
	Pprof   bool
	Logger  *slog.Logger
}

// Check is one condition of readiness.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Reason string `json:"reason,omitempty"` // why not, or what is amiss all the same
}

// Server is the HTTP server, already listening once New has returned.
type Server struct {
	listener net.Listener
	http     http.Server
	log      *slog.Logger
}

// How long a client may take, and how long Run waits for answers under way.
const (
	headerTimeout = 5 * time.Second
	readTimeout   = 10 * time.Second
	writeTimeout  = 2 * time.Minute // a profile may run for a minute
	idleTimeout   = time.Minute
	drainTimeout  = time.Second
	maxHeader     = 16 << 10
)

// New binds the address. Serve the requests with Run.
func New(o Options) (*Server, error) {
	l, err := net.Listen("tcp", o.Listen)
	if err != nil {
		return nil, fmt.Errorf("admin address %s (leat.admin.listen): %w", o.Listen, err)
	}
	s := &Server{listener: l, log: o.Logger}
	s.http = http.Server{
		Handler:           routes(o),
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeader,
		ErrorLog:       slog.NewLogLogger(o.Logger.Handler(), slog.LevelDebug),
	}
	return s, nil
}

// Addr is where the server listens.
func (s *Server) Addr() net.Addr { return s.listener.Addr() }

// Run serves until ctx is done, then lets answers under way end for a second.
func (s *Server) Run(ctx context.Context) error {
	done := make(chan error, 1)
	go func() { done <- s.http.Serve(s.listener) }()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTimeout)
	defer cancel()
	if err := s.http.Shutdown(drain); err != nil {
		s.log.Debug("admin requests cut off", "cause", err)
		if err := s.http.Close(); err != nil {
			return errors.Join(err, <-done)
		}
	}
	if err := <-done; !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close frees the address of a server whose Run was never called.
func (s *Server) Close() error { return s.listener.Close() }

func routes(o Options) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", o.Metrics)
	mux.HandleFunc("GET /livez", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, map[string]bool{"live": true}, o.Logger)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, _ *http.Request) {
		body := readiness{Ready: true, Checks: o.Ready()}
		status := http.StatusOK
		for _, c := range body.Checks {
			if !c.OK {
				body.Ready, status = false, http.StatusServiceUnavailable
			}
		}
		answer(w, status, body, o.Logger)
	})
	if o.Pprof {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
		mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
		mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	}
	return mux
}

// readiness is the body of /readyz.
type readiness struct {
	Ready  bool    `json:"ready"`
	Checks []Check `json:"checks"`
}

func answer(w http.ResponseWriter, status int, body any, log *slog.Logger) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		log.Debug("admin answer not sent", "cause", err)
	}
}
