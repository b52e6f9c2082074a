package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"
)

// get returns the value that counts for a key and checks its type.
func (s *Store) get(name string, types ...Type) *value {
	i, ok := brokerByID[name]
	if !ok {
		panic("config: keys.tsv has no broker key " + name)
	}
	if !slices.Contains(types, brokerKeys[i].Type) {
		panic(fmt.Sprintf("config: %s is a %s", name, brokerKeys[i].Type))
	}
	return &s.snap.Load().values[i]
}

// String returns a text, class or password; null is "".
func (s *Store) String(name string) string { return s.get(name, String, Class, Password).text }

// Bool returns a boolean.
func (s *Store) Bool(name string) bool { return s.get(name, Boolean).yes }

// Int returns an INT or SHORT; null is 0.
func (s *Store) Int(name string) int { return int(s.get(name, Int, Short).num) }

// Int64 returns a whole number of any size; null is 0.
func (s *Store) Int64(name string) int64 { return s.get(name, Int, Short, Long).num }

// Float returns a DOUBLE.
func (s *Store) Float(name string) float64 { return s.get(name, Double).float }

// List returns a list's elements, or a text split at its commas; null is none.
func (s *Store) List(name string) []string {
	v := s.get(name, List, String)
	if v.list != nil {
		return slices.Clone(v.list)
	}
	return splitList(v.text)
}

// Duration returns a number in the unit in which the key's name ends (.ms,
// .seconds, .minutes, .hours). What is too long for a Duration becomes the
// longest one; a negative number stays negative.
func (s *Store) Duration(name string) time.Duration {
	unit := unitOf(name)
	if unit == 0 {
		panic("config: " + name + " has no unit in its name")
	}
	n := s.get(name, Int, Short, Long).num
	if n > math.MaxInt64/int64(unit) {
		return math.MaxInt64
	}
	return time.Duration(n) * unit
}

// IsNull reports whether a key has neither a value nor a default.
func (s *Store) IsNull(name string) bool {
	return s.get(name, Boolean, String, Int, Short, Long, Double, List, Class, Password).null
}

// IsSet reports whether a key was given a value by any source but its default.
func (s *Store) IsSet(name string) bool {
	if _, ok := brokerByID[name]; !ok {
		panic("config: keys.tsv has no broker key " + name)
	}
	return s.isSet(name, s.snap.Load().dynamic)
}

// Overrides returns a list of host:limit pairs as a map.
func (s *Store) Overrides(name string) map[string]int {
	all, err := parseOverrides(s.get(name, String).text)
	if err != nil {
		panic(err) // no such value passes Load or SetDynamic
	}
	return all
}

// parseOverrides reads host:limit,host:limit; a host may be an IPv6 address.
func parseOverrides(text string) (map[string]int, error) {
	all := map[string]int{}
	for _, pair := range splitList(text) {
		at := strings.LastIndexByte(pair, ':')
		if at < 1 {
			return nil, fmt.Errorf("%q is not host:limit", pair)
		}
		n, err := strconv.ParseInt(strings.TrimSpace(pair[at+1:]), 10, 32)
		if err != nil || n < 0 {
			return nil, fmt.Errorf("%q: the limit is a number of at least 0", pair)
		}
		all[strings.Trim(pair[:at], "[] ")] = int(n)
	}
	return all, nil
}

// Dirs returns the data directories: log.dirs, or else log.dir.
func (s *Store) Dirs() []string { return s.List("log.dirs") }

// Embedded reports whether the broker runs alone, on its embedded store.
func (s *Store) Embedded() bool { return s.node }
