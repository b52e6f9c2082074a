package broker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"

	"github.com/leatmq/leat/broker/config"
	"github.com/leatmq/leat/client/wire"
	"github.com/leatmq/leat/replication/image"
)

// errNoAddress means that a broker of a cluster would tell an address that
// nobody else reaches it at.
var errNoAddress = errors.New("the others of the cluster cannot reach this broker there; set advertised.listeners to where they can")

// advertised are the listeners whose addresses are told: those configured so, or
// all that the broker listens on.
func advertised(c *config.Store) []config.Listener {
	if all := c.Advertised(); len(all) > 0 {
		return all
	}
	return c.Listeners()
}

// endpoints are the addresses that the broker registers.
func (b *Broker) endpoints() []image.Endpoint {
	addrs := b.server.Addrs()
	var all []image.Endpoint
	for _, l := range advertised(b.config) {
		e := image.Endpoint{Listener: l.Name, Protocol: l.Protocol, Host: l.Host, Port: int32(l.Port)}
		if bound, ok := addrs[l.Name].(*net.TCPAddr); ok && e.Port == 0 {
			e.Port = int32(bound.Port)
		}
		if e.Host == "" || net.ParseIP(e.Host).IsUnspecified() {
			e.Host = b.ownHost()
		}
		all = append(all, e)
	}
	return all
}

// ownHost is the host of a listener that names none: in a cluster the machine's
// name, as in Kafka.
func (b *Broker) ownHost() string {
	if b.clustered() {
		if name, err := os.Hostname(); err == nil {
			return name
		}
	}
	return "localhost"
}

// checkAddresses finds what keeps the others of a cluster from reaching this
// broker, before it registers: a listener on all addresses that says no more
// would send every other broker to itself.
func (b *Broker) checkAddresses() error {
	all := advertised(b.config)
	for _, l := range all {
		if net.ParseIP(l.Host).IsUnspecified() {
			return fmt.Errorf("listener %s tells %s: %w", l.Name, l.Host, errNoAddress)
		}
	}
	if b.config.IsSet("inter.broker.listener.name") && b.config.IsSet("security.inter.broker.protocol") {
		return errors.New("inter.broker.listener.name and security.inter.broker.protocol are both set; only one may be")
	}
	for _, key := range []string{"inter.broker.listener.name", "control.plane.listener.name"} {
		name := b.config.String(key)
		if name != "" && !slices.ContainsFunc(all, func(l config.Listener) bool { return l.Name == name }) {
			return fmt.Errorf("%s=%s: there is no listener of that name", key, name)
		}
	}
	protocol := b.config.String("security.inter.broker.protocol")
	if b.config.String("inter.broker.listener.name") == "" && !slices.ContainsFunc(all, func(l config.Listener) bool { return l.Protocol == protocol }) {
		return fmt.Errorf("security.inter.broker.protocol=%s: there is no listener with that protocol", protocol)
	}
	return nil
}

// interBroker is the listener by which brokers reach each other: the one that is
// named, or the first of the protocol.
func (b *Broker) interBroker() string {
	if name := b.config.String("inter.broker.listener.name"); name != "" {
		return name
	}
	protocol := b.config.String("security.inter.broker.protocol")
	for _, l := range advertised(b.config) {
		if l.Protocol == protocol {
			return l.Name
		}
	}
	return protocol
}

// controlPlane is the listener by which the controller reaches brokers.
func (b *Broker) controlPlane() string {
	if name := b.config.String("control.plane.listener.name"); name != "" {
		return name
	}
	return b.interBroker()
}

// node is where another broker is reached, as far as this one knows.
func (b *Broker) node(id int32) (wire.Node, bool) {
	m, ok := b.state.control.Image().Broker(id)
	if !ok {
		return wire.Node{}, false
	}
	return nodeOf(m, b.interBroker())
}

// nodeOf is where a broker is reached by a listener.
func nodeOf(m *image.Broker, listener string) (wire.Node, bool) {
	e, ok := m.Endpoint(listener)
	return wire.Node{ID: m.ID, Addr: net.JoinHostPort(e.Host, strconv.Itoa(int(e.Port)))}, ok
}
