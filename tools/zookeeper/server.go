package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leatmq/leat/tools/spawn"
)

// Server is one ZooKeeper server: a process, and where it serves. Its methods may
// be called concurrently.
type Server struct {
	spawn.Process
	// ID is its number in the ensemble, from 1.
	ID int
	// Addr is where clients connect, SecureAddr where they speak TLS.
	Addr, SecureAddr string

	dir     string
	command []string // put before the server's own
}

// jars are the class path. zookeeper.jar names most of what it needs itself;
// TLS needs the rest of netty, and logging a writer.
var jars = []string{"zookeeper.jar", "slf4j-simple.jar", "netty-codec.jar", "netty-resolver.jar", "netty-transport-native-unix-common.jar"}

const jarDir = "/usr/share/java"

func (s *Server) configFile() string { return filepath.Join(s.dir, "zoo.cfg") }

// configure writes the server's directory.
func (s *Server) configure(o Options, members []string) error {
	if err := os.MkdirAll(filepath.Join(s.dir, "data"), 0o755); err != nil {
		return fmt.Errorf("zookeeper: %w", err)
	}
	host, port, err := net.SplitHostPort(s.Addr)
	if err != nil {
		return fmt.Errorf("zookeeper: %w", err)
	}
	p := map[string]string{
		"tickTime":                        strconv.FormatInt(o.Tick.Milliseconds(), 10),
		"initLimit":                       "100",
		"syncLimit":                       "50",
		"minSessionTimeout":               strconv.FormatInt(2*o.Tick.Milliseconds(), 10),
		"maxSessionTimeout":               strconv.FormatInt(600*o.Tick.Milliseconds(), 10),
		"dataDir":                         filepath.Join(s.dir, "data"),
		"clientPort":                      port,
		"clientPortAddress":               host,
		"maxClientCnxns":                  "0",
		"admin.enableServer":              "false",
		"4lw.commands.whitelist":          "*",
		"forceSync":                       map[bool]string{true: "yes", false: "no"}[o.Sync],
		"preAllocSize":                    "1024",
		"skipACL":                         "no",
		"quorumListenOnAllIPs":            "false",
		"autopurge.purgeInterval":         "0",
		"extendedTypesEnabled":            "true",
		"reconfigEnabled":                 "false",
		"leaderConnectDelayDuringRetryMs": "50",
	}
	if o.TLS != nil {
		_, secure, err := net.SplitHostPort(s.SecureAddr)
		if err != nil {
			return fmt.Errorf("zookeeper: %w", err)
		}
		maps.Copy(p, map[string]string{
			"secureClientPort":        secure,
			"secureClientPortAddress": host,
			"serverCnxnFactory":       "org.apache.zookeeper.server.NettyServerCnxnFactory",
			"ssl.keyStore.location":   o.TLS.KeyStore,
			"ssl.keyStore.type":       "PEM",
			"ssl.trustStore.location": o.TLS.TrustStore,
			"ssl.trustStore.type":     "PEM",
			"ssl.clientAuth":          o.TLS.ClientAuth,
		})
	}
	maps.Copy(p, o.Properties)
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(p)) {
		fmt.Fprintf(&text, "%s=%s\n", key, p[key])
	}
	if len(members) > 1 {
		text.WriteString(strings.Join(members, "\n") + "\n")
	}
	return errors.Join(
		os.WriteFile(filepath.Join(s.dir, "data", "myid"), []byte(strconv.Itoa(s.ID)), 0o644),
		os.WriteFile(s.configFile(), []byte(text.String()), 0o644),
	)
}

// run starts the process.
func (s *Server) run() error {
	paths := make([]string, len(jars))
	for i, jar := range jars {
		paths[i] = filepath.Join(jarDir, jar)
		if _, err := os.Stat(paths[i]); err != nil {
			return fmt.Errorf("zookeeper: a jar is missing; tools/debian installs it: %w", err)
		}
	}
	log, err := os.OpenFile(s.logFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("zookeeper: %w", err)
	}
	line := append(slices.Clone(s.command), "java", "-Xms16m", "-Xmx128m", "-Xss512k", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-XX:+ExitOnOutOfMemoryError", "-Djava.net.preferIPv4Stack=true", "-Dzookeeper.jmx.log4j.disable=true",
		"-Dorg.slf4j.simpleLogger.showDateTime=true", "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
		"-cp", strings.Join(paths, ":"), "org.apache.zookeeper.server.quorum.QuorumPeerMain", s.configFile())
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Stdout, cmd.Stderr = log, log
	if _, err := s.Start(cmd, log); err != nil {
		return fmt.Errorf("zookeeper: %w", err)
	}
	return nil
}

func (s *Server) logFile() string { return filepath.Join(s.dir, "log") }

// Log returns what the server has written so far, over all its starts.
func (s *Server) Log() string {
	text, err := os.ReadFile(s.logFile())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Restart kills the server if it lives, starts it with the data and ports it
// had, and waits until it serves.
func (s *Server) Restart(ctx context.Context) error {
	if err := s.Kill(); err != nil {
		return err
	}
	if err := s.run(); err != nil {
		return err
	}
	return s.AwaitServing(ctx)
}

// AwaitServing returns when the server serves clients: alone, or as a member of
// a quorum.
func (s *Server) AwaitServing(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if answer, err := s.Command(ctx, "srvr"); err == nil && strings.Contains(answer, "Mode:") {
			return nil
		}
		select {
		case <-s.Done():
			return fmt.Errorf("zookeeper: server %d ended before it served:\n%s", s.ID, s.Log())
		case <-ctx.Done():
			return fmt.Errorf("zookeeper: server %d does not serve: %w\n%s", s.ID, ctx.Err(), s.Log())
		case <-tick.C:
		}
	}
}

// Command sends a four-letter command, such as "srvr", "mntr", "cons" or
// "dump", and returns the answer.
func (s *Server) Command(ctx context.Context, word string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var d net.Dialer
	c, err := d.DialContext(ctx, "tcp", s.Addr)
	if err != nil {
		return "", err
	}
	deadline, _ := ctx.Deadline()
	if err := c.SetDeadline(deadline); err != nil {
		return "", errors.Join(err, c.Close())
	}
	if _, err := io.WriteString(c, word); err != nil {
		return "", errors.Join(err, c.Close())
	}
	answer, err := io.ReadAll(c)
	return string(answer), errors.Join(err, c.Close())
}
