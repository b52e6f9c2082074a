package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/leatmq/leat/tools/zookeeper"
)

// group is a subject's processes: one broker, or several with a ZooKeeper, which is
// not measured.
type group struct {
	address string // of one of them
	members []*process
	zk      *zookeeper.Ensemble
	dir     string
}

// startAll runs the subject below a directory, and makes the topics of a cluster.
func (s subject) startAll(ctx context.Context, dir string, of scenario) (*group, error) {
	g := &group{dir: dir}
	if err := s.startIn(ctx, g, of); err != nil {
		return nil, errors.Join(err, g.stop())
	}
	return g, nil
}

func (s subject) startIn(ctx context.Context, g *group, of scenario) (err error) {
	dir := g.dir
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if s.members == 0 {
		p, err := s.launch(ctx, dir+"/data")
		if err != nil {
			return err
		}
		g.members, g.address = append(g.members, p), p.address
		return nil
	}
	if g.zk, err = zookeeper.Run(ctx, zookeeper.Options{Dir: dir + "/zookeeper"}); err != nil {
		return err
	}
	for id := range s.members {
		member := fmt.Sprintf("%s/%d", dir, id)
		p, err := s.launch(ctx, member, "{id}", strconv.Itoa(id), "{zookeeper}", g.zk.Connect())
		if err != nil {
			return err
		}
		g.members = append(g.members, p)
	}
	g.address = g.members[0].address
	ready, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := makeTopics(ready, g.address, s.members, of.load.Connections); err != nil {
		return fmt.Errorf("%s: %w%s", s.name, err, g.tail())
	}
	return nil
}

// stop ends all processes and removes their data.
func (g *group) stop() error {
	var errs []error
	for _, p := range g.members {
		errs = append(errs, p.stop())
	}
	if g.zk != nil {
		errs = append(errs, g.zk.Close())
	}
	return errors.Join(append(errs, os.RemoveAll(g.dir))...)
}

// tail returns the end of what each process has said.
func (g *group) tail() string {
	var b strings.Builder
	for _, p := range g.members {
		b.WriteString(p.tail())
	}
	return b.String()
}

// cpuTime is the processor time that all members have used.
func (g *group) cpuTime() (total time.Duration, err error) {
	for _, p := range g.members {
		used, err := cpuTime(p.cmd.Process.Pid)
		if err != nil {
			return 0, err
		}
		total += used
	}
	return total, nil
}

// memory is what all members have resident now and had at most, bytes.
func (g *group) memory() (now, peak int64, err error) {
	for _, p := range g.members {
		n, m, err := memory(p.cmd.Process.Pid)
		if err != nil {
			return 0, 0, err
		}
		now, peak = now+n, peak+m
	}
	return now, peak, nil
}
