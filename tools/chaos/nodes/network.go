package nodes

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// network is the bridge and the nodes on it.
type network struct {
	slot  int
	nodes []*Node
}

// Node is one namespace and its link.
type Node struct {
	Name  string
	addr  string
	net   *network
	relay *relay // while it is slow
}

func (n *network) bridge() string          { return fmt.Sprintf("lc%d", n.slot) }
func (n *network) host() string            { return fmt.Sprintf("10.213.%d.1", n.slot) }
func (n *network) link(node string) string { return fmt.Sprintf("lc%d-%s", n.slot, node) }
func (n *Node) namespace() string          { return fmt.Sprintf("leat-chaos-%d-%s", n.net.slot, n.Name) }
func (n *Node) link() string               { return n.net.link(n.Name) }
func (n *Node) enter() []string {
	return []string{"nsenter", "--net=/run/netns/" + n.namespace(), "--"}
}
func (n *Node) inside(words ...string) []string {
	return append([]string{"ip", "-n", n.namespace()}, words...)
}

// Addr is the node's address.
func (n *Node) Addr() string { return n.addr }

// up makes the bridge.
func (n *network) up(ctx context.Context) error {
	return steps(ctx,
		[]string{"ip", "link", "add", n.bridge(), "type", "bridge"},
		[]string{"ip", "addr", "add", n.host() + "/24", "dev", n.bridge()},
		[]string{"ip", "link", "set", n.bridge(), "up"},
	)
}

// node makes a namespace with a link to the bridge. The link's end on the bridge
// answers no ARP: taken out of the bridge, it leads nowhere.
func (n *network) node(ctx context.Context, name string, last int) (*Node, error) {
	node := &Node{Name: name, addr: fmt.Sprintf("10.213.%d.%d", n.slot, last), net: n}
	n.nodes = append(n.nodes, node)
	err := steps(ctx,
		[]string{"ip", "netns", "add", node.namespace()},
		[]string{"ip", "link", "add", node.link(), "type", "veth", "peer", "name", "eth0", "netns", node.namespace()},
		[]string{"ip", "link", "set", node.link(), "master", n.bridge(), "arp", "off", "up"},
		node.inside("addr", "add", node.addr+"/24", "dev", "eth0"),
		node.inside("link", "set", "eth0", "up"),
		node.inside("link", "set", "lo", "up"),
	)
	return node, err
}

// steps runs commands one after the other.
func steps(ctx context.Context, lines ...[]string) error {
	for _, line := range lines {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := run(line...); err != nil {
			return err
		}
	}
	return nil
}

// down removes everything that there is.
func (n *network) down() error {
	var errs []error
	for _, node := range n.nodes {
		errs = append(errs, node.Faster())
		if _, err := os.Stat("/run/netns/" + node.namespace()); err == nil {
			errs = append(errs, run("ip", "netns", "del", node.namespace()))
		}
		errs = append(errs, deleteLink(node.link()))
	}
	errs = append(errs, deleteLink(n.bridge()))
	return errors.Join(errs...)
}

// deleteLink deletes an interface if it is there. The kernel deletes a
// namespace's links by itself, some time after the namespace.
func deleteLink(name string) error {
	there := func() bool {
		_, err := os.Stat("/sys/class/net/" + name)
		return err == nil
	}
	if !there() {
		return nil
	}
	if err := run("ip", "link", "del", name); err != nil && there() {
		return err
	}
	return nil
}

// Isolate cuts a node off from everybody, clients included.
func (n *Node) Isolate() error { return run("ip", "link", "set", n.link(), "nomaster") }

// Join ends Isolate.
func (n *Node) Join() error { return run("ip", "link", "set", n.link(), "master", n.net.bridge()) }

// Cut loses everything that n sends to another node; what the other sends
// arrives. Frames go to an address that nobody has.
func (n *Node) Cut(to *Node) error {
	return run(n.inside("neigh", "replace", to.addr, "lladdr", "02:00:00:00:00:fe", "nud", "permanent", "dev", "eth0")...)
}

// Mend ends Cut.
func (n *Node) Mend(to *Node) error {
	return run(n.inside("neigh", "del", to.addr, "dev", "eth0")...)
}

// Slow delays everything to and from the node by delay, give or take jitter, and
// loses a part of it.
func (n *Node) Slow(delay, jitter time.Duration, loss float64) error {
	if n.relay != nil {
		return fmt.Errorf("nodes: %s is slow already", n.Name)
	}
	near, far := n.link()+"r", n.link()+"s"
	err := steps(context.Background(),
		[]string{"ip", "link", "add", near, "type", "veth", "peer", "name", far},
		[]string{"ip", "link", "set", near, "arp", "off", "up"},
		[]string{"ip", "link", "set", n.link(), "nomaster"},
		[]string{"ip", "link", "set", far, "master", n.net.bridge(), "arp", "off", "up"},
	)
	if err != nil {
		return err
	}
	n.relay, err = newRelay(n.link(), near, quality{delay, jitter, loss})
	return err
}

// Faster ends Slow.
func (n *Node) Faster() error {
	if n.relay == nil {
		return nil
	}
	err := n.relay.close()
	n.relay = nil
	return errors.Join(err, run("ip", "link", "del", n.link()+"r"), n.Join())
}
