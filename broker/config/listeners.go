package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Listener is one entry of listeners or advertised.listeners.
type Listener struct {
	Name     string // upper case
	Protocol string // PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL
	Host     string // "" for every address of the machine
	Port     int    // 0 for a free one
}

// Address returns host:port, as net.Listen takes it.
func (l Listener) Address() string { return net.JoinHostPort(l.Host, strconv.Itoa(l.Port)) }

// Listeners returns what the broker listens on.
func (s *Store) Listeners() []Listener { return s.parsed("listeners") }

// Advertised returns what clients are told, in the order of Listeners' names,
// or nothing when advertised.listeners is not set: then, on a single node, each
// client is told the address that it used.
func (s *Store) Advertised() []Listener { return s.parsed("advertised.listeners") }

// parsed panics on what Load and SetDynamic have let through.
func (s *Store) parsed(key string) []Listener {
	snap := s.snap.Load()
	all, err := parseListeners(snap, key)
	if err != nil {
		panic(err)
	}
	return all
}

// PlaintextListener is the value of listeners or advertised.listeners that the
// HOST:PORT of a flag stands for. What has a scheme is left as it is.
func PlaintextListener(hostPort string) string {
	if strings.Contains(hostPort, "://") {
		return hostPort
	}
	return "PLAINTEXT://" + hostPort
}

// parseListeners reads NAME://host:port,... and gives each its protocol.
func parseListeners(snap *snapshot, key string) ([]Listener, error) {
	protocols := map[string]string{}
	for _, pair := range splitList(snap.values[brokerByID["listener.security.protocol.map"]].text) {
		name, protocol, _ := strings.Cut(pair, ":")
		protocols[strings.ToUpper(strings.TrimSpace(name))] = strings.ToUpper(strings.TrimSpace(protocol))
	}
	var all []Listener
	for _, entry := range splitList(snap.values[brokerByID[key]].text) {
		l, err := parseListener(entry)
		if err != nil {
			return nil, err
		}
		if l.Protocol = protocols[l.Name]; l.Protocol == "" {
			return nil, fmt.Errorf("the listener name %s is not in listener.security.protocol.map", l.Name)
		}
		all = append(all, l)
	}
	return all, nil
}

func parseListener(entry string) (Listener, error) {
	name, address, ok := strings.Cut(entry, "://")
	host, port, err := net.SplitHostPort(address)
	if !ok || err != nil || name == "" {
		return Listener{}, fmt.Errorf("%q is not NAME://host:port, for example PLAINTEXT://:9092", entry)
	}
	n, err := strconv.ParseUint(port, 10, 16)
	if err != nil {
		return Listener{}, fmt.Errorf("%q: the port is a number from 0 to 65535", entry)
	}
	return Listener{Name: strings.ToUpper(name), Host: host, Port: int(n)}, nil
}

// checkListeners checks listeners and advertised.listeners, each for itself and
// against each other.
func (s *Store) checkListeners(snap *snapshot) []error {
	bound, err := parseListeners(snap, "listeners")
	if err == nil {
		err = distinct(bound)
	}
	if err != nil {
		return []error{s.broken("cannot be used: "+err.Error(), "listeners", "listener.security.protocol.map")}
	}
	told, err := parseListeners(snap, "advertised.listeners")
	if err != nil {
		return []error{s.broken("cannot be used: "+err.Error(), "advertised.listeners")}
	}
	var errs []error
	if len(bound) == 0 {
		errs = append(errs, s.broken("names no listener", "listeners"))
	}
	for _, l := range told {
		if l.Host == "0.0.0.0" || l.Host == "::" {
			errs = append(errs, s.broken("tells clients "+l.Host+
				", which nobody can connect to; name the host as clients reach it", "advertised.listeners"))
		}
		if !slices.ContainsFunc(bound, func(b Listener) bool { return b.Name == l.Name }) {
			errs = append(errs, s.broken("has the name "+l.Name+", which listeners does not have", "advertised.listeners"))
		}
	}
	for _, l := range bound {
		switch l.Protocol {
		case "PLAINTEXT":
		case "SSL", "SASL_PLAINTEXT", "SASL_SSL":
			errs = append(errs, s.broken(l.Name+" wants "+l.Protocol+
				"; leat has no TLS and no SASL yet, and does not serve in plain text what was meant to be safe",
				"listeners", "listener.security.protocol.map"))
		default:
			errs = append(errs, s.broken("gives "+l.Name+" the protocol "+l.Protocol+
				"; there are PLAINTEXT, SSL, SASL_PLAINTEXT and SASL_SSL", "listener.security.protocol.map"))
		}
	}
	return errs
}

// distinct checks that names differ, and ports too, but for one IPv4 and one
// IPv6 host on the same port, and for port 0.
func distinct(all []Listener) error {
	for i, l := range all {
		for _, m := range all[:i] {
			switch {
			case l.Name == m.Name:
				return fmt.Errorf("the name %s is there twice", l.Name)
			case l.Port == m.Port && l.Port != 0 && !families(l.Host, m.Host):
				return fmt.Errorf("port %d is there twice", l.Port)
			}
		}
	}
	return nil
}

// families reports whether one host is an IPv4 and the other an IPv6 address.
func families(a, b string) bool {
	x, y := net.ParseIP(a), net.ParseIP(b)
	return x != nil && y != nil && (x.To4() == nil) != (y.To4() == nil)
}
