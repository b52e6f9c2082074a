// Package zookeeper runs real ZooKeeper servers, from Debian's package, as
// processes of their own: for tests and for tools that must kill one, freeze
// one, or end a session.
//
//	Run(ctx, Options)    an ensemble of 1..n servers, for tools
//	Start, StartEnsemble the same for one test, which ends it
//	Main, Shared         one server for all tests of a package: a chroot each
//
// The servers listen on free ports of 127.0.0.1, keep their data in a temporary
// directory over kills and restarts, have small heaps and short ticks (so that
// sessions of a fraction of a second are possible), and answer every
// four-letter command.
package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Options say what to run. The zero value is one server with Tick 100 ms.
type Options struct {
	// Servers is how many, 1 if it is 0.
	Servers int
	// Dir keeps their data; empty makes a temporary directory, which Close
	// removes.
	Dir string
	// Tick is ZooKeeper's tickTime, 100 ms if it is 0. Sessions last 2 to 600
	// ticks.
	Tick time.Duration
	// Sync makes every write reach the disk before it is answered. Without it a
	// killed server still has all its writes, but a lost machine would not.
	Sync bool
	// Properties are more lines of the configuration file.
	Properties map[string]string
	// TLS adds a port that speaks TLS.
	TLS *TLS
	// Places, one for each server, put them elsewhere than on 127.0.0.1: each in
	// a network namespace of its own.
	Places []Place
}

// Place is where a server runs.
type Place struct {
	// Host is the address that it listens on, and that others reach it at.
	Host string
	// Command is put before the server's own command, such as
	// `nsenter --net=/run/netns/NAME`; it must end in an exec of it.
	Command []string
}

// TLS are the PEM files of the port that speaks TLS.
type TLS struct {
	// KeyStore holds the server's certificate and private key, TrustStore who
	// may have signed the clients' certificates.
	KeyStore, TrustStore string
	// ClientAuth is "need", "want" or "none".
	ClientAuth string
}

// Ensemble is what Run has started.
type Ensemble struct {
	// Servers are numbered from 1: Servers[0] has myid 1.
	Servers []*Server

	dir   string
	temp  bool
	ports []net.Listener // hold the ports for this ensemble alone
}

// Run starts the servers and returns when all of them serve clients. They go on
// when ctx ends; Close ends them.
func Run(ctx context.Context, o Options) (*Ensemble, error) {
	o.Servers = max(o.Servers, 1)
	if o.Tick == 0 {
		o.Tick = 100 * time.Millisecond
	}
	e := &Ensemble{dir: o.Dir}
	if o.Dir == "" {
		dir, err := os.MkdirTemp("", "leat-zookeeper-")
		if err != nil {
			return nil, fmt.Errorf("zookeeper: %w", err)
		}
		e.dir, e.temp = dir, true
	}
	if err := e.prepare(o); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	for _, s := range e.Servers {
		if err := s.run(); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	for _, s := range e.Servers {
		if err := s.AwaitServing(ctx); err != nil {
			return nil, errors.Join(err, e.Close())
		}
	}
	return e, nil
}

// prepare picks the ports and writes a directory and a configuration for each
// server.
func (e *Ensemble) prepare(o Options) error {
	perServer := 4 // client, TLS, quorum, election
	ports, err := e.reserve(perServer * o.Servers)
	if err != nil {
		return err
	}
	var members []string
	for i := range o.Servers {
		p, place := ports[perServer*i:], Place{Host: "127.0.0.1"}
		if len(o.Places) > 0 {
			place = o.Places[i]
		}
		members = append(members, fmt.Sprintf("server.%d=%s:%d:%d", i+1, place.Host, p[2], p[3]))
		s := &Server{ID: i + 1, Addr: fmt.Sprintf("%s:%d", place.Host, p[0]), dir: filepath.Join(e.dir, fmt.Sprintf("server-%d", i+1)), command: place.Command}
		if o.TLS != nil {
			s.SecureAddr = fmt.Sprintf("%s:%d", place.Host, p[1])
		}
		e.Servers = append(e.Servers, s)
	}
	for _, s := range e.Servers {
		if err := s.configure(o, members); err != nil {
			return err
		}
	}
	return nil
}

// Connect is the ensemble's connect string, "host:port,host:port".
func (e *Ensemble) Connect() string {
	addrs := make([]string, len(e.Servers))
	for i, s := range e.Servers {
		addrs[i] = s.Addr
	}
	return strings.Join(addrs, ",")
}

// Leader returns the server that leads the ensemble, nil while there is none.
func (e *Ensemble) Leader(ctx context.Context) *Server {
	for _, s := range e.Servers {
		if answer, err := s.Command(ctx, "srvr"); err == nil && (strings.Contains(answer, "Mode: leader") || strings.Contains(answer, "Mode: standalone")) {
			return s
		}
	}
	return nil
}

// Close kills all servers and removes a temporary directory.
func (e *Ensemble) Close() error {
	var errs []error
	for _, s := range e.Servers {
		errs = append(errs, s.Kill())
	}
	for _, l := range e.ports {
		errs = append(errs, l.Close())
	}
	e.ports = nil
	if e.temp {
		errs = append(errs, os.RemoveAll(e.dir))
	}
	return errors.Join(errs...)
}
