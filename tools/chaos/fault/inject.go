package fault

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/leatmq/leat/tools/chaos/nodes"
)

// Inject breaks what s says and returns how to heal it. Healing starts what is to
// be started, and does not wait until it serves.
func Inject(ctx context.Context, c *nodes.Cluster, s Step) (heal func(context.Context) error, err error) {
	switch s.Kind {
	case ZKKill, ZKPause, ZKLose:
		return injectZookeeper(c, s)
	case Alone, Pair, OneWay, Isolate, Slow:
		return injectLink(c, s)
	case Expire:
		return nothing, expire(ctx, c, c.Brokers[s.Node].ID)
	}
	return injectBroker(c.Brokers[s.Node], s)
}

func nothing(context.Context) error { return nil }

func injectBroker(b *nodes.Broker, s Step) (heal func(context.Context) error, err error) {
	start := func(context.Context) error { return b.Start() }
	repair := func(context.Context) error {
		if err := b.RepairDisk(); err != nil {
			return err
		}
		return b.Start()
	}
	switch s.Kind {
	case Kill:
		return start, b.Kill()
	case Stop:
		return start, b.Stop(30 * time.Second)
	case Pause:
		return func(context.Context) error { return b.Resume() }, b.Pause()
	case Fill:
		return func(context.Context) error {
			if err := b.EmptyDisk(); err != nil {
				return err
			}
			return b.Start()
		}, b.FillDisk(256 << 10)
	case FailDisk:
		return repair, b.FailDisk()
	case Power:
		return repair, b.PowerOff()
	case Jump:
		return func(context.Context) error { return b.SetClock(0) }, b.SetClock(s.Off)
	}
	return nothing, fmt.Errorf("fault: nobody knows how to do %q", s.Kind)
}

func injectLink(c *nodes.Cluster, s Step) (heal func(context.Context) error, err error) {
	b := c.Brokers[s.Node]
	var others []*nodes.Node
	switch s.Kind {
	case Isolate:
		return func(context.Context) error { return b.Join() }, b.Isolate()
	case Slow:
		return func(context.Context) error { return b.Faster() }, b.Slow(s.Delay, s.Delay/3, s.Loss)
	case OneWay:
		peer := c.Brokers[s.Peer].Node
		return func(context.Context) error { return b.Mend(peer) }, b.Cut(peer)
	case Pair:
		others = []*nodes.Node{c.Brokers[s.Peer].Node}
	case Alone:
		others = c.ZookeeperNodes
	}
	both := func(f func(a, b *nodes.Node) error) error {
		var errs []error
		for _, o := range others {
			errs = append(errs, f(b.Node, o), f(o, b.Node))
		}
		return errors.Join(errs...)
	}
	return func(context.Context) error { return both((*nodes.Node).Mend) }, both((*nodes.Node).Cut)
}

func injectZookeeper(c *nodes.Cluster, s Step) (heal func(context.Context) error, err error) {
	servers := c.Zookeepers.Servers
	if s.Kind == ZKPause {
		z := servers[s.Node]
		return func(context.Context) error { return z.Resume() }, z.Pause()
	}
	if s.Kind == ZKKill {
		servers = servers[s.Node : s.Node+1]
	}
	var errs []error
	for _, z := range servers {
		errs = append(errs, z.Kill())
	}
	// Each serves when enough others do: they are started together.
	return func(ctx context.Context) error {
		ctx, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		var all sync.WaitGroup
		errs := make([]error, len(servers))
		for i, z := range servers {
			all.Go(func() { errs[i] = z.Restart(ctx) })
		}
		all.Wait()
		return errors.Join(errs...)
	}, errors.Join(errs...)
}

// ErrNoSession says that a broker had no session to end.
var ErrNoSession = errors.New("fault: the broker has no session")

// expire ends the session that holds a broker's registration.
func expire(ctx context.Context, c *nodes.Cluster, broker int) error {
	z := c.Zookeepers.Leader(ctx)
	if z == nil {
		return fmt.Errorf("%w: ZooKeeper has no leader", ErrNoSession)
	}
	dump, err := z.Command(ctx, "dump")
	if err != nil {
		return err
	}
	id, ok := Session(dump, broker)
	if !ok {
		return fmt.Errorf("%w: broker %d is not registered", ErrNoSession, broker)
	}
	return z.ExpireSession(ctx, id)
}

var sessionLine = regexp.MustCompile(`^0x([0-9a-f]+):$`)

// Session finds the session that holds a broker's registration in what ZooKeeper
// answers to "dump".
func Session(dump string, broker int) (id int64, ok bool) {
	for line := range strings.Lines(dump) {
		line = strings.TrimSpace(line)
		if m := sessionLine.FindStringSubmatch(line); m != nil {
			n, err := strconv.ParseUint(m[1], 16, 64)
			if err != nil {
				return 0, false
			}
			id = int64(n)
		} else if strings.HasSuffix(line, fmt.Sprintf("/brokers/ids/%d", broker)) {
			return id, id != 0
		}
	}
	return 0, false
}
