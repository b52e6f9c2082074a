package config

import (
	"fmt"
	"maps"
	"math"
	"time"
)

// Scope says for whom a dynamic value counts.
type Scope int8

// The scopes: this broker alone, or every broker that has no value of its own.
const (
	ThisBroker Scope = iota
	ClusterDefault
)

// snapshot is everything resolved; it is never written after it was made.
type snapshot struct {
	values  []value // by index in brokerKeys: what counts, synonyms followed
	own     []value // the same without synonyms, for DescribeConfigs
	dynamic [2]map[string]string
}

// resolve computes the snapshot that holds with these dynamic values.
func (s *Store) resolve(dynamic [2]map[string]string) (*snapshot, error) {
	snap := &snapshot{
		values: make([]value, len(brokerKeys)), own: make([]value, len(brokerKeys)),
		dynamic: [2]map[string]string{maps.Clone(dynamic[ThisBroker]), maps.Clone(dynamic[ClusterDefault])},
	}
	for i := range brokerKeys {
		k := &brokerKeys[i]
		v, err := k.parse(s.find(k, dynamic))
		if err != nil {
			return nil, err
		}
		snap.own[i] = v
	}
	copy(snap.values, snap.own)
	for i := range brokerKeys {
		snap.follow(i, s)
	}
	snap.differences()
	return snap, nil
}

// differences has the deprecated log.message.timestamp.difference.max.ms count
// for those of the two keys that replaced it that are at their default.
func (snap *snapshot) differences() {
	both := snap.values[brokerByID["log.message.timestamp.difference.max.ms"]]
	for _, name := range []string{"log.message.timestamp.before.max.ms", "log.message.timestamp.after.max.ms"} {
		if v := &snap.values[brokerByID[name]]; v.num == math.MaxInt64 {
			*v = both
		}
	}
}

// find returns the text that counts for a key, synonyms left aside.
func (s *Store) find(k *Key, dynamic [2]map[string]string) *string {
	for _, scope := range []Scope{ThisBroker, ClusterDefault} {
		if text, ok := dynamic[scope][k.Name]; ok {
			return &text
		}
	}
	if g, ok := s.given[k.Name]; ok {
		return &g.value
	}
	return k.standard(s.node)
}

// follow resolves a key by its synonyms: the first of them that is set counts,
// turned into the key's unit. The last one's default stands where none is.
func (snap *snapshot) follow(i int, s *Store) {
	k := &brokerKeys[i]
	if len(k.Synonyms) == 0 {
		return
	}
	for _, name := range k.Synonyms {
		j := brokerByID[name]
		if !snap.own[j].null && s.isSet(name, snap.dynamic) {
			snap.values[i] = convert(snap.own[j], name, k.Name)
			return
		}
	}
	for _, name := range k.Synonyms {
		if j := brokerByID[name]; !snap.own[j].null {
			snap.values[i] = convert(snap.own[j], name, k.Name)
			return
		}
	}
}

// isSet reports whether any source but the defaults has a value for the key.
func (s *Store) isSet(name string, dynamic [2]map[string]string) bool {
	for _, values := range dynamic {
		if _, ok := values[name]; ok {
			return true
		}
	}
	_, ok := s.given[name]
	return ok
}

// convert turns hours or minutes into the milliseconds of the key that they are
// a synonym of. What would overflow becomes the largest number; negative
// values, which mean "unlimited", become -1.
func convert(v value, from, to string) value {
	if to == "log.retention.ms" && v.num < 0 {
		v.num, v.float, v.text = -1, -1, "-1"
	}
	a, b := unitOf(from), unitOf(to)
	if a <= b || a == 0 || b == 0 {
		return v
	}
	factor := int64(a / b)
	switch {
	case v.num < 0:
		return v
	case v.num > math.MaxInt64/factor:
		v.num = math.MaxInt64
	default:
		v.num *= factor
	}
	v.float = float64(v.num)
	v.text = fmt.Sprint(v.num)
	return v
}

// unitOf returns the unit that a key's name ends in, 0 for none.
func unitOf(name string) time.Duration {
	for suffix, unit := range map[string]time.Duration{
		".ms": time.Millisecond, ".seconds": time.Second, ".secs": time.Second, ".minutes": time.Minute, ".hours": time.Hour,
	} {
		if len(name) > len(suffix) && name[len(name)-len(suffix):] == suffix {
			return unit
		}
	}
	return 0
}
