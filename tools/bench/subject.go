package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/leatmq/leat/tools/bench/load"
)

// subject is a broker that is measured, as a command line with {dir}, {host} and {port}.
type subject struct {
	name    string
	command []string
	// members is how many brokers make a cluster on a ZooKeeper; their command lines
	// have {id} and {zookeeper} too. 0: one broker of its own.
	members int
	// prepare makes what a member's command line needs beside its directory; nil:
	// nothing.
	prepare func(dir string, replace *strings.Replacer) error
	// settings are KEY=VALUE lines of a member's properties, {settings} of prepare.
	settings []string
}

// process is a running subject.
type process struct {
	address string
	args    []string
	cmd     *exec.Cmd // of the latest start
	log     string
	done    chan struct{} // closed when it has ended
	err     error
}

// startLimit is how long a subject may take to answer its first request, on a machine
// that has much else to do.
const startLimit = 3 * time.Minute

// launch runs one broker of the subject on a directory and waits until it answers. The
// words are more that the command line may have, each followed by what it stands for.
func (s subject) launch(ctx context.Context, dir string, words ...string) (*process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	words = append(words, "{dir}", dir, "{host}", "127.0.0.1", "{port}", port, "{settings}", strings.Join(s.settings, "\n"))
	replace := strings.NewReplacer(words...)
	if s.prepare != nil {
		if err := s.prepare(dir, replace); err != nil {
			return nil, err
		}
	}
	p := &process{address: net.JoinHostPort("127.0.0.1", port), args: make([]string, len(s.command)), log: filepath.Clean(dir) + ".out"}
	for i, a := range s.command {
		p.args[i] = replace.Replace(a)
	}
	if err := p.start(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return p, nil
}

// start runs the process, for the first time or after its end, and waits until it
// answers.
func (p *process) start(ctx context.Context) error {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return err
	}
	cmd, done := exec.CommandContext(ctx, p.args[0], p.args[1:]...), make(chan struct{})
	cmd.Stdout, cmd.Stderr = out, out
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	if err := cmd.Start(); err != nil {
		return errors.Join(err, out.Close())
	}
	p.cmd, p.done = cmd, done
	go func() {
		p.err = errors.Join(cmd.Wait(), out.Close())
		close(done)
	}()
	if err := p.awaitAnswer(ctx); err != nil {
		return errors.Join(fmt.Errorf("%w%s", err, p.tail()), p.stop())
	}
	return nil
}

// awaitAnswer waits until the process answers a request.
func (p *process) awaitAnswer(ctx context.Context) error {
	deadline := time.Now().Add(startLimit)
	for {
		err := load.Ping(ctx, p.address)
		if err == nil {
			return nil
		}
		select {
		case <-p.done:
			return fmt.Errorf("ended before it answered: %w", p.err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
		if time.Now().After(deadline) {
			return err
		}
	}
}

// tail returns the end of what the process has said.
func (p *process) tail() string {
	b, err := os.ReadFile(p.log)
	if err != nil || len(b) == 0 {
		return ""
	}
	return "\n" + string(b[max(0, len(b)-2000):])
}

// stopLimit is how long a subject may take to end: the last Kafka brokers of a
// cluster ask for a controller that is gone.
const stopLimit = 90 * time.Second

// kill ends the process as a crash does.
func (p *process) kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// stop ends the process.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.done:
		return nil
	case <-time.After(stopLimit):
		return errors.Join(fmt.Errorf("%s does not end on SIGTERM", p.cmd.Path), p.cmd.Process.Kill())
	}
}

// freePort returns a port that was free just now.
func freePort() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	return port, errors.Join(err, l.Close())
}
