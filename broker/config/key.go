package config

import (
	_ "embed"
	"fmt"
	"slices"
	"strings"
)

// Type is a key's type, with DescribeConfigs' number for it.
type Type int8

// The types. Unknown is that of a key which the table does not have.
const (
	Unknown  Type = 0
	Boolean  Type = 1
	String   Type = 2
	Int      Type = 3
	Short    Type = 4
	Long     Type = 5
	Double   Type = 6
	List     Type = 7
	Class    Type = 8
	Password Type = 9
)

var typeNames = []string{"UNKNOWN", "BOOLEAN", "STRING", "INT", "SHORT", "LONG", "DOUBLE", "LIST", "CLASS", "PASSWORD"}

// String returns the name that Kafka's messages use, such as LONG.
func (t Type) String() string { return typeNames[t] }

// Mode says how a key can change while the broker runs.
type Mode int8

// The modes. A ClusterWide key can also be set for one broker; a PerBroker key
// only so.
const (
	ReadOnly Mode = iota
	PerBroker
	ClusterWide
	PerTopic
)

var modeNames = []string{"read-only", "per-broker", "cluster-wide", "topic"}

// String returns the name that keys.tsv uses.
func (m Mode) String() string { return modeNames[m] }

// Key is one row of the table.
type Key struct {
	Name       string
	Type       Type
	Default    *string // Kafka's; nil is null
	Valid      Range
	Mode       Mode
	Synonyms   []string // in the order in which they are looked at
	Alias      bool     // the synonyms count, but tools are not told of them
	Importance string   // HIGH, MEDIUM or LOW
	Doc        string

	// Effect is "yes" when leat acts on the key, else why not. Every key is
	// accepted and reported all the same.
	Effect string

	// Own is leat's default where it differs from Kafka's, and Because why.
	// OwnEmbedded limits it to a broker without zookeeper.connect.
	Own         *string
	OwnEmbedded bool
	Because     string

	Topic    bool // a topic's key, not a broker's
	Internal bool // accepted, but not listed by DescribeConfigs
	Dynamic  bool // cannot stand in a file, only be set while running
}

//go:embed keys.tsv
var keysTable string

var (
	brokerKeys = parseTable(keysTable, false)
	topicKeys  = parseTable(keysTable, true)
	brokerByID = byName(brokerKeys)
	topicByID  = byName(topicKeys)
)

// Keys returns the broker's keys in the order of the table.
func Keys() []Key { return slices.Clone(brokerKeys) }

// TopicKeys returns a topic's keys in the order of the table.
func TopicKeys() []Key { return slices.Clone(topicKeys) }

// Lookup finds a broker's key.
func Lookup(name string) (Key, bool) {
	i, ok := brokerByID[name]
	if !ok {
		return Key{}, false
	}
	return brokerKeys[i], true
}

// LookupTopic finds a topic's key.
func LookupTopic(name string) (Key, bool) {
	i, ok := topicByID[name]
	if !ok {
		return Key{}, false
	}
	return topicKeys[i], true
}

func byName(keys []Key) map[string]int {
	m := make(map[string]int, len(keys))
	for i, k := range keys {
		m[k.Name] = i
	}
	return m
}

// parseTable reads the rows of keys.tsv; a row that cannot be read is a mistake
// in this package and panics with its number.
func parseTable(table string, topics bool) []Key {
	var keys []Key
	for i, line := range strings.Split(strings.TrimSpace(table), "\n")[1:] {
		f := strings.Split(line, "\t")
		if len(f) != 12 {
			panic(fmt.Sprintf("keys.tsv:%d: %d columns", i+2, len(f)))
		}
		if (f[0] == "topic") != topics {
			continue
		}
		k, err := parseRow(f)
		if err != nil {
			panic(fmt.Sprintf("keys.tsv:%d: %v", i+2, err))
		}
		keys = append(keys, k)
	}
	return keys
}

func parseRow(f []string) (Key, error) {
	k := Key{
		Name: f[1], Default: literal(f[3]), Importance: f[7], Effect: f[8], Because: f[10], Doc: f[11],
		Topic: f[0] == "topic", Internal: f[0] == "internal", Dynamic: f[0] == "dynamic",
	}
	t, m := slices.Index(typeNames, f[2]), slices.Index(modeNames, f[5])
	if t < 0 || m < 0 {
		return k, fmt.Errorf("%s: type %q, mode %q", k.Name, f[2], f[5])
	}
	k.Type, k.Mode = Type(t), Mode(m)
	if f[6] != "-" {
		var names string
		names, k.Alias = strings.CutPrefix(f[6], "=")
		k.Synonyms = strings.Split(names, ",")
	}
	if f[9] != "-" {
		own, embedded := strings.CutSuffix(f[9], "@embedded")
		k.Own, k.OwnEmbedded = &own, embedded
	}
	var err error
	k.Valid, err = parseRange(f[4])
	return k, err
}

// literal reads the default column: null, "" and everything else as it stands.
func literal(s string) *string {
	switch s {
	case "null":
		return nil
	case `""`:
		return new(string)
	}
	return &s
}

// standard returns the key's default for a broker: leat's own or Kafka's.
func (k *Key) standard(embedded bool) *string {
	if k.Own != nil && (embedded || !k.OwnEmbedded) {
		return k.Own
	}
	return k.Default
}
