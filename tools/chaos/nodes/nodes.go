// Package nodes is a cluster that can be broken: broker processes and ZooKeeper
// servers, each in a network namespace of its own, joined by a bridge, each
// broker on a file system of its own.
//
//	host 10.213.S.1 ── bridge lcS ─┬─ lcS-b1 ── eth0 10.213.S.11 in namespace leat-chaos-S-b1, disk: loop + ext4
//	  clients run here             ├─ lcS-b2 ── …
//	                               └─ lcS-z1 ── eth0 10.213.S.31 in namespace leat-chaos-S-z1
//
// S is a slot, held by a lock file: runs beside each other take different ones,
// and whoever takes a slot first removes what a killed run has left there. A link
// is cut one way by a neighbour entry that leads nowhere (frames are lost without
// a word, as on a real network), a node by taking its link out of the bridge, and
// slowed by a relay in its place. A disk fills up by a file, and fails by the file
// system's own emergency stop. All of it needs root.
package nodes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/leatmq/leat/tools/zookeeper"
)

// Options say what to run.
type Options struct {
	// Command is the broker's command line: a binary and its first words, which
	// take --data-dir, --listen, --broker-id, --zookeeper, --admin-listen, --set.
	Command []string
	// Dir keeps everything: disks, logs, ZooKeeper's data.
	Dir                 string
	Brokers, Zookeepers int
	// Set are key=value settings of every broker.
	Set []string
	// DiskBytes is the size of a broker's disk, 512 MiB if it is 0.
	DiskBytes int64
	// Env is added to the brokers' environment.
	Env []string
}

// Cluster is what runs.
type Cluster struct {
	Brokers    []*Broker
	Zookeepers *zookeeper.Ensemble
	// ZookeeperNodes are the nodes of Zookeepers.Servers.
	ZookeeperNodes []*Node

	o    Options
	net  *network
	slot *slot
}

// Port is where brokers listen for clients, AdminPort for operators.
const (
	Port      = 9092
	AdminPort = 9644
)

// Start builds networks and disks and starts everything. It needs root, and says
// so.
func Start(ctx context.Context, o Options) (*Cluster, error) {
	if err := able(); err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(o.Dir)
	if err != nil {
		return nil, fmt.Errorf("nodes: %w", err)
	}
	if o.Dir = dir; o.DiskBytes == 0 {
		o.DiskBytes = 512 << 20
	}
	s, err := takeSlot()
	if err != nil {
		return nil, err
	}
	c := &Cluster{o: o, slot: s, net: &network{slot: s.number}}
	if err := c.start(ctx); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

func (c *Cluster) start(ctx context.Context) error {
	if err := c.net.up(ctx); err != nil {
		return err
	}
	if c.o.Zookeepers > 0 {
		var places []zookeeper.Place
		for i := range c.o.Zookeepers {
			n, err := c.net.node(ctx, fmt.Sprintf("z%d", i+1), 31+i)
			if err != nil {
				return err
			}
			c.ZookeeperNodes = append(c.ZookeeperNodes, n)
			places = append(places, zookeeper.Place{Host: n.addr, Command: n.enter()})
		}
		zctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
		defer cancel()
		var err error
		c.Zookeepers, err = zookeeper.Run(zctx, zookeeper.Options{Servers: c.o.Zookeepers, Dir: filepath.Join(c.o.Dir, "zookeeper"),
			Tick: 200 * time.Millisecond, Places: places})
		if err != nil {
			return err
		}
	}
	for i := range c.o.Brokers {
		b, err := c.addBroker(ctx, i+1)
		if err != nil {
			return err
		}
		if err := b.Start(); err != nil {
			return err
		}
	}
	for _, b := range c.Brokers {
		// A loaded machine may cost a broker its first session, and its life.
		for err := b.Await(ctx); err != nil; err = b.Await(ctx) {
			if ctx.Err() != nil {
				return err
			}
			if err := b.Start(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Bootstrap is where clients begin: all brokers.
func (c *Cluster) Bootstrap() []string {
	var out []string
	for _, b := range c.Brokers {
		out = append(out, b.Addr())
	}
	return out
}

// Close kills what runs and removes networks and mounts. Data and logs stay.
func (c *Cluster) Close() error {
	var errs []error
	for _, b := range c.Brokers {
		errs = append(errs, b.Kill(), b.disk.unmount())
	}
	if c.Zookeepers != nil {
		errs = append(errs, c.Zookeepers.Close())
	}
	errs = append(errs, c.net.down(), c.slot.release())
	return errors.Join(errs...)
}

// ErrUnable says that this user, or this machine, cannot have such a cluster.
var ErrUnable = errors.New("nodes: network namespaces, disks and cut links cannot be had here")

// able tells why this machine cannot do it.
func able() error {
	if os.Geteuid() != 0 {
		return fmt.Errorf("%w: they need root; run this with sudo", ErrUnable)
	}
	for _, tool := range []string{"ip", "nsenter", "mount", "umount", "mkfs.ext4"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: a program is missing (packages iproute2, util-linux, e2fsprogs): %w", ErrUnable, err)
		}
	}
	probe := fmt.Sprintf("leat-chaos-probe-%d", os.Getpid())
	if err := run("ip", "netns", "add", probe); err != nil {
		return fmt.Errorf("%w: %w", ErrUnable, err)
	}
	return run("ip", "netns", "del", probe)
}

// run runs a command and returns what it said if it failed.
func run(line ...string) error {
	out, err := exec.Command(line[0], line[1:]...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("nodes: %s: %w: %s", strings.Join(line, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
