// Package config holds what a broker is told: Kafka's own keys by Kafka's own
// names, and a few of leat's with the prefix "leat.".
//
// One table, keys.tsv, says of every key its type, default, range, whether it
// can change while the broker runs, and whether leat acts on it.
// docs/configuration.md is made from it.
//
// A value is looked for in this order, and the first found counts:
//
//	dynamic, this broker      kafka-configs --broker N           source 2
//	dynamic, cluster default  kafka-configs --broker-defaults    source 3
//	flag                      leat broker --listen ...           source 4
//	--set key=value                                              source 4
//	environment               KAFKA_LOG_RETENTION_MS             source 4
//	file                      server.properties                  source 4
//	leat's own default, where the table has one                  source 5
//	Kafka's default                                              source 5
//
// A topic's key has its own value (source 1), then those of the broker's keys
// that are its synonyms: retention.ms, log.retention.ms,
// log.retention.minutes, log.retention.hours.
//
// Reading is lock-free: everything is resolved into an immutable snapshot when
// something changes, and getters read the newest one.
package config

import (
	"maps"
	"sync"
	"sync/atomic"
)

// Store is one broker's configuration. Its getters may be called by any number
// of goroutines and take no lock. A getter panics when the table has no such
// key or the key has another type: both are mistakes in the caller.
type Store struct {
	given map[string]given // what flags, --set, environment and file say; never written after Load
	node  bool             // a single node on its embedded store: its defaults count

	snap atomic.Pointer[snapshot]

	mu        sync.Mutex // serialises SetDynamic and OnChange
	dynamic   [2]map[string]string
	listeners []func()
}

// given is one value of the static sources, with where it came from.
type given struct {
	value string
	from  string // "server.properties:12", "KAFKA_BROKER_ID", "--set", "--listen"
}

// Load reads the sources, checks every value and the rules between them, and
// returns the store. The error joins everything that is wrong, each naming the
// key, its value, where it was said and what is valid. Warnings are about keys
// that nobody knows, and keys whose part of leat is not there yet.
func Load(from Sources) (*Store, []Warning, error) {
	all, err := from.collect()
	if err != nil {
		return nil, nil, err
	}
	return build(all)
}

// Defaults returns a store in which nothing is set: a single node's defaults.
func Defaults() *Store {
	s, _, err := build(nil)
	if err != nil {
		panic(err) // the table contradicts itself
	}
	return s
}

func build(all map[string]given) (*Store, []Warning, error) {
	twin(all, "broker.id", "node.id")
	twin(all, "node.id", "broker.id")
	ensemble, _ := Lookup("zookeeper.connect")
	s := &Store{given: all, node: ensemble.Effect != "yes" || all[ensemble.Name].value == ""}
	warnings, err := s.checkGiven()
	if err != nil {
		return nil, warnings, err
	}
	snap, err := s.resolve(s.dynamic)
	if err != nil {
		return nil, warnings, err
	}
	s.snap.Store(snap)
	return s, warnings, nil
}

// twin gives key to its other name too where that is not set, as Kafka does.
func twin(all map[string]given, key, other string) {
	if g, ok := all[key]; ok {
		if _, ok := all[other]; !ok {
			all[other] = g
		}
	}
}

// OnChange has f called, on the goroutine of SetDynamic, after each change of
// dynamic values. f reads the new ones from the store.
func (s *Store) OnChange(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, f)
}

// Dynamic returns a copy of the dynamic values of one scope.
func (s *Store) Dynamic(scope Scope) map[string]string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.dynamic[scope])
}
