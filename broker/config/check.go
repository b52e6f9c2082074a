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
		if _, err := k.parse(&g.value); err != nil {
			if e := new(ValueError); errors.As(err, &e) {
				e.From, e.Key = g.from, name
			}
			errs = append(errs, err)
		}
	}
	if len(errs) > 0 {
		return warnings, errors.Join(errs...)
	}
	snap, err := s.resolve(s.dynamic)
	if err != nil {
		return warnings, err
	}
	return warnings, errors.Join(s.between(snap)...)
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
	rule := func(holds bool, key, text string) {
		if !holds {
			errs = append(errs, s.broken(key, text))
		}
	}
	rule(num("replica.fetch.wait.max.ms") <= num("replica.lag.time.max.ms"), "replica.fetch.wait.max.ms",
		"must be at most replica.lag.time.max.ms, or followers drop out of the in-sync set while they wait")
	rule(num("replica.fetch.wait.max.ms") < num("replica.socket.timeout.ms"), "replica.fetch.wait.max.ms",
		"must be less than replica.socket.timeout.ms")
	for _, name := range []string{"log.retention.ms", "log.retention.minutes", "log.retention.hours"} {
		v := snap.own[brokerByID[name]]
		rule(v.null || v.num != 0, name, "must be -1 (for ever) or at least 1")
	}
	rule(num("log.roll.ms") >= 1, "log.roll.ms", "must be at least 1")
	rule(num("log.roll.jitter.ms") >= 0, "log.roll.jitter.ms", "must be at least 0")
	acks := num("offsets.commit.required.acks")
	rule(acks >= -1 && acks <= num("offsets.topic.replication.factor"), "offsets.commit.required.acks",
		"must be between -1 and offsets.topic.replication.factor")
	queued := num("queued.max.request.bytes")
	rule(queued <= 0 || queued >= num("socket.request.max.bytes"), "queued.max.request.bytes",
		"must be -1 (no bound) or at least socket.request.max.bytes, or the largest request could never be read")
	rule(num("log.cleaner.max.compaction.lag.ms") >= num("log.cleaner.min.compaction.lag.ms"),
		"log.cleaner.min.compaction.lag.ms", "must be at most log.cleaner.max.compaction.lag.ms")
	rule(num("group.min.session.timeout.ms") <= num("group.max.session.timeout.ms"),
		"group.min.session.timeout.ms", "must be at most group.max.session.timeout.ms")
	rule(!snap.values[brokerByID["remote.log.storage.system.enable"]].yes, "remote.log.storage.system.enable",
		"leat has no tiered storage; remove the key or set it to false")
	rule(len(splitList(snap.values[brokerByID["process.roles"]].text)) == 0, "process.roles",
		"leat keeps its cluster state in ZooKeeper or its embedded store; it has no KRaft roles")
	return append(append(errs, s.checkIdentity(snap)...), s.checkListeners(snap)...)
}

// broken is the error of a rule between keys, at the place where key was set.
func (s *Store) broken(key, text string) error {
	g, ok := s.given[key]
	if !ok {
		return refuse(ErrInvalidValue, "%s (at its default %s): %s", key, s.defaultText(key), text)
	}
	return refuse(ErrInvalidValue, "%s: %s=%s %s", g.from, key, g.value, text)
}

func (s *Store) defaultText(key string) string {
	k, _ := Lookup(key)
	if d := k.standard(s.node); d != nil {
		return *d
	}
	return "null"
}

// checkIdentity checks broker.id and node.id, which are one.
func (s *Store) checkIdentity(snap *snapshot) []error {
	b, n := snap.own[brokerByID["broker.id"]], snap.own[brokerByID["node.id"]]
	_, bySelf := s.given["broker.id"]
	_, byAlias := s.given["node.id"]
	switch id := snap.values[brokerByID["broker.id"]].num; {
	case bySelf && byAlias && b.num != n.num:
		return []error{s.broken("node.id", "contradicts broker.id="+b.text+"; they are one, set only one of them")}
	case id < -1 || (s.node && id < 0):
		return []error{s.broken("broker.id", "must be at least 0")}
	case !s.node && (bySelf || byAlias) && snap.values[brokerByID["broker.id.generation.enable"]].yes &&
		id > snap.values[brokerByID["reserved.broker.max.id"]].num:
		return []error{s.broken("broker.id", "must be at most reserved.broker.max.id while broker.id.generation.enable is true")}
	}
	return nil
}
