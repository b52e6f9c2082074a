package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// checkGiven parses every static value, then checks the rules between keys.
func (s *Store) checkGiven() ([]Warning, error) {
	var warnings []Warning
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(s.given)) {
		g := s.given[name]
		k, ok := Lookup(baseName(name))
		switch {
		case !ok:
			warnings = append(warnings, unknown(name, g.from))
			continue
		case k.Dynamic:
			errs = append(errs, fmt.Errorf("%s: %s can only be set while the broker runs: kafka-configs --broker ID --add-config %s=%s",
				g.from, name, name, g.value))
		}
		v, err := k.parse(&g.value)
		if err != nil {
			if e := new(ValueError); errors.As(err, &e) {
				e.From, e.Key = g.from, name
			}
			errs = append(errs, err)
		} else if w, ok := idle(&k, v, g); ok {
			warnings = append(warnings, w)
		}
	}
	if len(errs) > 0 {
		return warnings, errors.Join(errs...)
	}
	snap, err := s.resolve(s.dynamic)
	if err != nil {
		return warnings, err
	}
	return append(warnings, s.plain(snap)...), errors.Join(s.between(snap)...)
}

// plain warns of stores for TLS to ZooKeeper while there is no TLS to ZooKeeper.
func (s *Store) plain(snap *snapshot) []Warning {
	const enable = "zookeeper.ssl.client.enable"
	var out []Warning
	for _, name := range []string{"zookeeper.ssl.keystore.location", "zookeeper.ssl.truststore.location"} {
		if g, ok := s.given[name]; ok && !snap.values[brokerByID[enable]].yes {
			out = append(out, Warning{Key: name, From: g.from, Text: name + " has no effect: without " + enable + "=true ZooKeeper is spoken to in plain text"})
		}
	}
	return out
}

// baseName removes the prefix of one listener, and of one SASL mechanism, from
// a key: listener.name.external.scram-sha-256.sasl.jaas.config.
func baseName(name string) string {
	rest, ok := strings.CutPrefix(name, "listener.name.")
	if !ok {
		return name
	}
	_, rest, _ = strings.Cut(rest, ".")
	if _, ok := brokerByID[rest]; ok {
		return rest
	}
	if _, after, ok := strings.Cut(rest, "."); ok {
		if _, ok := brokerByID[after]; ok {
			return after
		}
	}
	return name
}

// between checks the rules between keys. Rules of rooms that leat does not have
// are Kafka's all the same, so that a file that passes here passes there.
func (s *Store) between(snap *snapshot) []error {
	num := func(name string) int64 { return snap.values[brokerByID[name]].num }
	var errs []error
	rule := func(holds bool, text string, keys ...string) {
		if !holds {
			errs = append(errs, s.broken(text, keys...))
		}
	}
	atMost := func(a, b string) { rule(num(a) <= num(b), a+" must be at most "+b, a, b) }
	atMost("replica.fetch.wait.max.ms", "replica.lag.time.max.ms")
	atMost("log.cleaner.min.compaction.lag.ms", "log.cleaner.max.compaction.lag.ms")
	atMost("group.min.session.timeout.ms", "group.max.session.timeout.ms")
	atMost("offsets.commit.required.acks", "offsets.topic.replication.factor")
	rule(num("replica.fetch.wait.max.ms") < num("replica.socket.timeout.ms"),
		"replica.fetch.wait.max.ms must be less than replica.socket.timeout.ms",
		"replica.fetch.wait.max.ms", "replica.socket.timeout.ms")
	rule(num("offsets.commit.required.acks") >= -1, "must be at least -1", "offsets.commit.required.acks")
	for _, name := range []string{"log.retention.ms", "log.retention.minutes", "log.retention.hours"} {
		v := snap.own[brokerByID[name]]
		rule(v.null || v.num != 0, "must be -1 (for ever) or at least 1", name)
	}
	rule(num("log.roll.ms") >= 1, "must be at least 1", "log.roll.ms", "log.roll.hours")
	rule(num("log.roll.jitter.ms") >= 0, "must be at least 0", "log.roll.jitter.ms")
	queued := num("queued.max.request.bytes")
	rule(queued <= 0 || queued >= num("socket.request.max.bytes"),
		"queued.max.request.bytes must be -1 (no bound) or at least socket.request.max.bytes, or the largest request could never be read",
		"queued.max.request.bytes", "socket.request.max.bytes")
	rule(num("max.connections.per.ip") > 0 || snap.values[brokerByID["max.connections.per.ip.overrides"]].text != "",
		"max.connections.per.ip can be 0 only beside max.connections.per.ip.overrides", "max.connections.per.ip")
	rule(!snap.values[brokerByID["remote.log.storage.system.enable"]].yes,
		"leat has no tiered storage; remove the key or set it to false", "remote.log.storage.system.enable")
	rule(len(splitList(snap.values[brokerByID["process.roles"]].text)) == 0,
		"leat keeps its cluster state in ZooKeeper or its embedded store; it has no KRaft roles", "process.roles")
	return append(append(errs, s.checkIdentity(snap)...), s.checkListeners(snap)...)
}

// broken is the error of a rule about keys, at the place where the first of
// them was set, or else at the first one's default.
func (s *Store) broken(text string, keys ...string) error {
	for _, key := range keys {
		if g, ok := s.given[key]; ok {
			return refuse(ErrInvalidValue, "%s: %s=%s: %s", g.from, key, g.value, text)
		}
	}
	return refuse(ErrInvalidValue, "%s: %s", keys[0], text)
}

// checkIdentity checks broker.id and node.id, which are one.
func (s *Store) checkIdentity(snap *snapshot) []error {
	b, n := snap.own[brokerByID["broker.id"]], snap.own[brokerByID["node.id"]]
	_, bySelf := s.given["broker.id"]
	_, byAlias := s.given["node.id"]
	switch id := snap.values[brokerByID["broker.id"]].num; {
	case bySelf && byAlias && b.num != n.num:
		return []error{s.broken("contradicts broker.id="+b.text+"; they are one, set only one of them", "node.id")}
	case id < -1 || (s.node && id < 0):
		return []error{s.broken("must be at least 0", "broker.id")}
	case !s.node && (bySelf || byAlias) && snap.values[brokerByID["broker.id.generation.enable"]].yes &&
		id > snap.values[brokerByID["reserved.broker.max.id"]].num:
		return []error{s.broken("must be at most reserved.broker.max.id while broker.id.generation.enable is true", "broker.id")}
	}
	return nil
}
