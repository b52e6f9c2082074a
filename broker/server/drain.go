package server

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// ErrCutOff is Serve's error when requests were still under way at the end of
// Timeouts.Drain.
var ErrCutOff = errors.New("requests under way were cut off")

// cutGrace is how long Serve waits for handlers whose connections it has closed.
const cutGrace = 500 * time.Millisecond

// Serve accepts and serves until ctx is done, then drains: it accepts nothing more,
// reads nothing more, answers what is under way, closes all connections. It
// returns nil when everything was answered within Timeouts.Drain, ErrCutOff otherwise.
func (s *Server) Serve(ctx context.Context) error {
	stop := make(chan struct{})
	var watcher sync.WaitGroup
	watcher.Go(func() { s.watch(stop) })
	for _, l := range s.listeners {
		s.work.Go(func() { s.accept(ctx, l) })
	}
	<-ctx.Done()
	err := s.drain()
	close(stop)
	watcher.Wait()
	return err
}

// drain ends all connections.
func (s *Server) drain() error {
	err := s.Close()
	s.mu.Lock()
	s.draining = true
	s.mu.Unlock()
	for _, c := range s.snapshot(nil) {
		// Ends its reading; an error means that it is closed already.
		_ = c.socket.SetReadDeadline(time.Unix(1, 0))
	}
	done := make(chan struct{})
	go func() {
		s.work.Wait()
		close(done)
	}()
	if waited(done, s.config.Timeouts.Drain) {
		return err
	}
	left := s.snapshot(nil)
	for _, c := range left {
		c.abort(ending{cause: CauseShutdown})
	}
	err = errors.Join(err, fmt.Errorf("%w: %d connections", ErrCutOff, len(left)))
	if !waited(done, cutGrace) {
		s.config.Logger.Error("handlers do not end", "connections", s.Connections())
	}
	return err
}

// waited waits for done at most so long and reports whether it came.
func waited(done <-chan struct{}, limit time.Duration) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-done:
		return true
	case <-timer.C:
		return false
	}
}
