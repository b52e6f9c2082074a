package config

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// Range is what a value may be beyond its type. The zero Range takes all.
type Range struct {
	text  string
	check func(v *value) string // what is wrong, or ""
	whole bool                  // what is wrong is so with a list as a whole
}

// String describes the range for people: "at least 1", "one of: compact,
// delete", or "" where every value of the type is valid.
func (r Range) String() string { return r.text }

// parseRange reads the valid column of keys.tsv:
//
//   - all
//     1..  1..9    numbers; with " or -1", that one too
//     a|b          one of these words; of a list, each of its words
//     non-empty    text, if there is any, is not empty
//     release      the name of a Kafka release
//     replicas     * or partition:broker pairs
func parseRange(s string) (Range, error) {
	switch {
	case s == "-":
		return Range{}, nil
	case s == "non-empty":
		return Range{text: "not empty", check: func(v *value) string {
			if v.text == "" {
				return "String must be non-empty"
			}
			return ""
		}}, nil
	case s == "release":
		return Range{text: "a release such as 3.9 or 3.9-IV0", check: checkRelease}, nil
	case s == "replicas":
		return Range{text: "* or partition:broker pairs", check: checkReplicas, whole: true}, nil
	case s == "host:limit":
		return Range{text: "host:limit pairs", check: func(v *value) string {
			if _, err := parseOverrides(v.text); err != nil {
				return err.Error()
			}
			return ""
		}}, nil
	case strings.Contains(s, "|"):
		return words(strings.Split(s, "|")), nil
	}
	return numbers(s)
}

func words(valid []string) Range {
	all := strings.Join(valid, ", ")
	return Range{text: "one of: " + all, check: func(v *value) string {
		of := v.list
		if of == nil {
			of = []string{v.text}
		}
		for _, w := range of {
			if !slices.Contains(valid, w) {
				return "String must be one of: " + all
			}
		}
		return ""
	}}
}

func numbers(s string) (Range, error) {
	s, also, exempt := strings.Cut(s, " or ")
	low, high, ok := strings.Cut(s, "..")
	from, err := strconv.ParseFloat(low, 64)
	if err != nil || !ok {
		return Range{}, fmt.Errorf("range %q", s)
	}
	to, text := math.Inf(1), "at least "+low
	if high != "" {
		if to, err = strconv.ParseFloat(high, 64); err != nil {
			return Range{}, fmt.Errorf("range %q: %w", s, err)
		}
		text = "between " + low + " and " + high
	}
	if exempt {
		text += ", or " + also
	}
	outside := func(v *value) string {
		switch {
		case exempt && (v.float < from || v.float > to):
			return "Value must be between " + low + " and " + high + " or equal to " + also
		case v.float < from:
			return "Value must be at least " + low
		case v.float > to:
			return "Value must be no more than " + high
		}
		return ""
	}
	return Range{text: text, check: func(v *value) string {
		if exempt && v.text == also {
			return ""
		}
		return outside(v)
	}}, nil
}

// releases are the names of Kafka's releases that have a version of the
// protocol between brokers.
var releases = strings.Fields("0.8.0 0.8.1 0.8.2 0.9.0 0.10.0 0.10.1 0.10.2 0.11.0 1.0 1.1 " +
	"2.0 2.1 2.2 2.3 2.4 2.5 2.6 2.7 2.8 3.0 3.1 3.2 3.3 3.4 3.5 3.6 3.7 3.8 3.9 4.0")

// checkRelease takes a release, 3.9 or 3.9.1 or 3.9-IV0.
func checkRelease(v *value) string {
	name, _, _ := strings.Cut(v.text, "-IV")
	parts, count := strings.Split(name, "."), 2
	if parts[0] == "0" {
		count = 3
	}
	if !slices.Contains(releases, strings.Join(parts[:min(count, len(parts))], ".")) {
		return "Version " + v.text + " is not a valid version"
	}
	return ""
}

// checkReplicas takes "*" alone, nothing, or pairs such as 0:1.
func checkReplicas(v *value) string {
	if len(v.list) == 0 || slices.Equal(v.list, []string{"*"}) {
		return ""
	}
	for _, pair := range v.list {
		partition, broker, ok := strings.Cut(pair, ":")
		_, err1 := strconv.ParseUint(partition, 10, 31)
		_, err2 := strconv.ParseUint(broker, 10, 31)
		if !ok || err1 != nil || err2 != nil {
			return "must be the literal '*' or a list of replicas in the following format: " +
				"[partitionId]:[brokerId],[partitionId]:[brokerId],..."
		}
	}
	return ""
}
