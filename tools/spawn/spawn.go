// Package spawn runs leat brokers as processes of their own, for tests and
// tools that must kill one, measure one, or point another program at one.
package spawn

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// Build compiles cmd/leat of the module that holds this source, with build tags,
// and returns the binary's path, inside dir.
func Build(ctx context.Context, dir string, tags ...string) (string, error) {
	_, here, _, ok := runtime.Caller(0)
	if !ok {
		return "", errors.New("spawn: the source's place is unknown")
	}
	bin := filepath.Join(dir, "leat")
	build := exec.CommandContext(ctx, "go", "build", "-tags", strings.Join(tags, ","), "-o", bin, "./cmd/leat")
	build.Dir = filepath.Join(filepath.Dir(here), "..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("spawn: build leat: %w\n%s", err, out)
	}
	return bin, nil
}

// Options say which broker to run.
type Options struct {
	// Bin is the leat binary.
	Bin string
	// DataDir holds its data.
	DataDir string
	// Listen and Admin are its addresses; empty: FreeAddr's.
	Listen, Admin string
	// Set are key=value settings.
	Set []string
	// Env is added to the environment.
	Env []string
}

// Broker is one running process.
type Broker struct {
	// Addr is where clients connect, Admin where /metrics and /readyz are.
	Addr, Admin string

	Process
	log logBuffer
}

// Start runs a broker and waits until it is ready.
func Start(ctx context.Context, o Options) (*Broker, error) {
	b := &Broker{Addr: o.Listen, Admin: o.Admin}
	for _, addr := range []*string{&b.Addr, &b.Admin} {
		if *addr == "" {
			free, err := FreeAddr()
			if err != nil {
				return nil, err
			}
			*addr = free
		}
	}
	args := []string{"broker", "--data-dir", o.DataDir, "--listen", b.Addr, "--admin-listen", b.Admin}
	for _, s := range o.Set {
		args = append(args, "--set", s)
	}
	cmd := exec.Command(o.Bin, args...)
	cmd.Env = append(os.Environ(), o.Env...)
	cmd.Stdout, cmd.Stderr = &b.log, &b.log
	if _, err := b.Process.Start(cmd, nil); err != nil {
		return nil, fmt.Errorf("spawn: %w", err)
	}
	if err := b.awaitReady(ctx); err != nil {
		return nil, errors.Join(err, b.Kill())
	}
	return b, nil
}

// awaitReady polls /readyz.
func (b *Broker) awaitReady(ctx context.Context) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if answer, err := http.Get("http://" + b.Admin + "/readyz"); err == nil {
			_, err = io.Copy(io.Discard, answer.Body)
			if err = errors.Join(err, answer.Body.Close()); err == nil && answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-b.Done():
			return fmt.Errorf("spawn: the broker ended before it was ready: %w\n%s", b.Err(), b.log.String())
		case <-ctx.Done():
			return fmt.Errorf("spawn: the broker was not ready: %w\n%s", ctx.Err(), b.log.String())
		case <-tick.C:
		}
	}
}

// Log returns what the broker wrote so far: at most its first and last parts.
func (b *Broker) Log() string { return b.log.String() }

// Stop ends the broker by SIGTERM and returns an error unless it exits with 0
// in time.
func (b *Broker) Stop(ctx context.Context) error {
	limit := time.Minute
	if at, ok := ctx.Deadline(); ok {
		limit = time.Until(at)
	}
	if err := b.Process.Stop(limit); err != nil {
		return fmt.Errorf("spawn: the broker stopped badly: %w\n%s", err, b.log.String())
	}
	return nil
}
