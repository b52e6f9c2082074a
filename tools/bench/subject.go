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
}

// process is a running subject.
type process struct {
	address string
	cmd     *exec.Cmd
	log     string
	done    chan struct{} // closed when it has ended
	err     error
}

// startLimit is how long a subject may take to answer its first request.
const startLimit = time.Minute

// start runs one broker of the subject on a directory and waits until it answers. The
// words are more that the command line may have, each followed by what it stands for.
func (s subject) start(ctx context.Context, dir string, words ...string) (*process, error) {
	port, err := freePort()
	if err != nil {
		return nil, err
	}
	replace := strings.NewReplacer(append(words, "{dir}", dir, "{host}", "127.0.0.1", "{port}", port)...)
	if s.prepare != nil {
		if err := s.prepare(dir, replace); err != nil {
			return nil, err
		}
	}
	args := make([]string, len(s.command))
	for i, a := range s.command {
		args[i] = replace.Replace(a)
	}
	p := &process{address: net.JoinHostPort("127.0.0.1", port), done: make(chan struct{}), log: filepath.Clean(dir) + ".out"}
	out, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	p.cmd = exec.CommandContext(ctx, args[0], args[1:]...)
	p.cmd.Stdout, p.cmd.Stderr = out, out
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	if err := p.cmd.Start(); err != nil {
		return nil, errors.Join(err, out.Close())
	}
	go func() {
		p.err = errors.Join(p.cmd.Wait(), out.Close())
		close(p.done)
	}()
	if err := p.awaitAnswer(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("%s: %w%s", s.name, err, p.tail()), p.stop())
	}
	return p, nil
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

// stopLimit is how long a subject may take to end.
const stopLimit = 20 * time.Second

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
