package nodes

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/leatmq/leat/tools/spawn"
)

// Broker is one broker: a process, a node, a disk. Its methods may be called
// concurrently.
type Broker struct {
	*Node
	spawn.Process
	ID int

	cluster *Cluster
	disk    *disk
	starts  atomic.Int32
}

func (c *Cluster) addBroker(ctx context.Context, id int) (*Broker, error) {
	name := fmt.Sprintf("b%d", id)
	n, err := c.net.node(ctx, name, 10+id)
	if err != nil {
		return nil, err
	}
	d, err := newDisk(c.o.Dir, mountName(c.slot.number, name), c.o.DiskBytes)
	if err != nil {
		return nil, err
	}
	b := &Broker{Node: n, ID: id, cluster: c, disk: d}
	if err := writeClock(b.clock(), 0); err != nil {
		return nil, err
	}
	c.Brokers = append(c.Brokers, b)
	return b, nil
}

// Addr is where clients connect.
func (b *Broker) Addr() string { return net.JoinHostPort(b.addr, strconv.Itoa(Port)) }

// Admin is where /readyz and /metrics are.
func (b *Broker) Admin() string { return net.JoinHostPort(b.addr, strconv.Itoa(AdminPort)) }

// DataDir is the data directory, on the broker's disk.
func (b *Broker) DataDir() string { return b.disk.data() }

// LogFile has what the broker's processes have said.
func (b *Broker) LogFile() string { return filepath.Join(b.cluster.o.Dir, b.Name+".log") }

// Start starts the process. It is no error that it lives already.
func (b *Broker) Start() error {
	if b.Alive() {
		return nil
	}
	line := append(b.enter(), b.cluster.o.Command...)
	line = append(line, "--data-dir", b.disk.data(), "--listen", b.Addr(), "--admin-listen", b.Admin(), "--broker-id", strconv.Itoa(b.ID))
	if z := b.cluster.Zookeepers; z != nil {
		line = append(line, "--zookeeper", z.Connect())
	}
	for _, s := range b.cluster.o.Set {
		line = append(line, "--set", s)
	}
	log, err := os.OpenFile(b.LogFile(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	if _, err := fmt.Fprintf(log, "==== start %d at %s\n", b.starts.Add(1), time.Now().Format(time.RFC3339Nano)); err != nil {
		return errors.Join(err, log.Close())
	}
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Env = append(append(os.Environ(), clockEnv+"="+b.clock()), b.cluster.o.Env...)
	cmd.Stdout, cmd.Stderr = log, log
	if _, err := b.Process.Start(cmd, log); err != nil {
		return fmt.Errorf("nodes: %w", err)
	}
	return nil
}

// Await returns when the broker takes connections.
func (b *Broker) Await(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	dial := net.Dialer{Timeout: time.Second}
	for {
		if c, err := dial.DialContext(ctx, "tcp", b.Addr()); err == nil {
			return c.Close()
		}
		select {
		case <-b.Done():
			return fmt.Errorf("nodes: broker %d ended before it was ready (%s)", b.ID, b.LogFile())
		case <-ctx.Done():
			return fmt.Errorf("nodes: broker %d was not ready: %w (%s)", b.ID, ctx.Err(), b.LogFile())
		case <-tick.C:
		}
	}
}

// Stop ends the process by SIGTERM; if it does not go in time, by Kill, which is
// an error. That it ended badly is none: its log says why, and a broker on a failed
// disk has a reason.
func (b *Broker) Stop(limit time.Duration) error {
	if err := b.Process.Stop(limit); errors.Is(err, spawn.ErrSlow) {
		return fmt.Errorf("nodes: broker %d: %w", b.ID, err)
	}
	return nil
}

// FillDisk leaves free bytes on the broker's disk; EmptyDisk gives them back.
func (b *Broker) FillDisk(free uint64) error { return b.disk.fill(free) }

// EmptyDisk ends FillDisk.
func (b *Broker) EmptyDisk() error { return b.disk.empty() }

// FailDisk makes every operation on the broker's disk fail from now on; what was
// written before is safe.
func (b *Broker) FailDisk() error { return b.disk.stop(flushFirst) }

// PowerOff kills the broker and takes from its disk what was not synced.
func (b *Broker) PowerOff() error {
	return errors.Join(b.disk.stop(loseUnsynced), b.Kill(), b.disk.unmount())
}

// RepairDisk ends FailDisk and PowerOff: the process, if it lives still, is
// killed, and the disk mounted anew. Start starts it again.
func (b *Broker) RepairDisk() error {
	if err := errors.Join(b.Kill(), b.disk.unmount()); err != nil {
		return err
	}
	return b.disk.mount()
}
