package config

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// threadKeys may at most double or halve in one step, as with Kafka, whose
// tools and runbooks expect the refusal.
var threadKeys = []string{"background.threads", "log.cleaner.threads", "num.io.threads", "num.network.threads",
	"num.recovery.threads.per.data.dir", "num.replica.fetchers"}

// SetDynamic makes values all the dynamic values of a scope, and tells those
// who registered with OnChange. It is given what the cluster's state says; what
// of it is invalid is left aside and named in the error, the rest counts.
func (s *Store) SetDynamic(scope Scope, values map[string]string) error {
	s.mu.Lock()
	next := s.dynamic
	next[scope] = maps.Clone(values)
	err := s.drop(next[scope])
	snap, failed := s.resolve(next)
	if failed != nil {
		s.mu.Unlock()
		return failed
	}
	s.dynamic = next
	s.snap.Store(snap)
	tell := slices.Clone(s.listeners)
	s.mu.Unlock()
	for _, f := range tell {
		f()
	}
	return err
}

// drop removes what cannot be parsed.
func (s *Store) drop(values map[string]string) error {
	var first error
	for _, name := range slices.Sorted(maps.Keys(values)) {
		k, ok := Lookup(baseName(name))
		if !ok {
			continue
		}
		text := values[name]
		if _, err := k.parse(&text); err != nil {
			delete(values, name)
			if first == nil {
				first = err
			}
		}
	}
	return first
}

// ReplaceBroker checks values as the whole of a scope's dynamic values, as the
// old AlterConfigs sends them.
func (s *Store) ReplaceBroker(scope Scope, values map[string]string) error {
	return s.validateDynamic(scope, values, values)
}

// isStore says whether a key without a listener's prefix names a key store, a
// trust store or what is in them: these change for one listener only. Kafka
// takes all other keys of TLS and SASL for the whole broker too.
func isStore(name string) bool {
	return strings.HasPrefix(name, "ssl.keystore.") || strings.HasPrefix(name, "ssl.truststore.") || name == "ssl.key.password"
}

// validateDynamic checks what is new in a scope.
func (s *Store) validateDynamic(scope Scope, next, touched map[string]string) error {
	var fixed, single, bare []string
	for _, name := range slices.Sorted(maps.Keys(touched)) {
		k, ok := Lookup(baseName(name))
		switch {
		case !ok:
		case k.Mode == ReadOnly:
			fixed = append(fixed, name)
		case isStore(name):
			bare = append(bare, name)
		case k.Mode == PerBroker && scope == ClusterDefault:
			single = append(single, name)
		}
	}
	switch {
	case len(fixed) > 0:
		return refuse(ErrInvalidRequest, "Cannot update these configs dynamically: %s", set(fixed))
	case len(bare) > 0:
		return refuse(ErrInvalidRequest,
			"These security configs can be dynamically updated only per-listener using the listener prefix: Hash%s", set(bare))
	case len(single) > 0:
		return refuse(ErrInvalidRequest,
			"Cannot update these configs at default cluster level, broker id must be specified: %s", set(single))
	}
	return s.tryDynamic(scope, next, touched)
}

// tryDynamic resolves the configuration as it would be and checks it. What a
// broker cannot take is the request's fault, as with Kafka.
func (s *Store) tryDynamic(scope Scope, next, touched map[string]string) error {
	for _, name := range slices.Sorted(maps.Keys(touched)) {
		if k, ok := Lookup(baseName(name)); ok {
			text := touched[name]
			if _, err := k.parse(&text); err != nil {
				return refuse(ErrInvalidRequest, "%v", err)
			}
		}
	}
	s.mu.Lock()
	dynamic := s.dynamic
	s.mu.Unlock()
	dynamic[scope] = next
	snap, err := s.resolve(dynamic)
	if err != nil {
		return refuse(ErrInvalidRequest, "%v", err)
	}
	if errs := s.between(snap); len(errs) > 0 {
		return refuse(ErrInvalidRequest, "%v", errs[0])
	}
	return s.checkThreads(snap)
}

func (s *Store) checkThreads(next *snapshot) error {
	now := s.snap.Load()
	for _, name := range threadKeys {
		i := brokerByID[name]
		old, n := now.own[i].num, next.own[i].num
		text := "Dynamic thread count update validation failed for " + name + "=" + strconv.FormatInt(n, 10)
		switch {
		case n == old:
		case n <= 0:
			return refuse(ErrInvalidRequest, "%s, value should be at least 1", text)
		case n < old/2:
			return refuse(ErrInvalidRequest, "%s, value should be at least half the current value %d", text, old)
		case n > old*2:
			return refuse(ErrInvalidRequest, "%s, value should not be greater than double the current value %d", text, old)
		}
	}
	return nil
}

// set writes names as Kafka's messages do.
func set(names []string) string { return "Set(" + strings.Join(names, ", ") + ")" }
