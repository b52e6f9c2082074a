// Package znode is where Kafka 3.9 keeps what in ZooKeeper, and in which JSON:
// paths, and an encoder and a decoder for each kind of node.
//
//	/brokers/ids/<id>                              Broker      ephemeral
//	/brokers/topics/<t>                            Topic
//	/brokers/topics/<t>/partitions/<p>/state       State
//	/controller                                    Controller  ephemeral
//	/controller_epoch                              decimal text
//	/cluster/id                                    ClusterID
//	/feature                                       Features
//	/latest_producer_id_block                      ProducerIDs
//	/config/<type>/<name>                          Config
//	/config/changes/config_change_<n>              ConfigChange
//	/admin/delete_topics/<t>                       no data
//	/consumers/<g>/offsets/<t>/<p>                 decimal text
//
// Encoders write the key order of Kafka, so that nodes of both are equal byte
// for byte; only the order inside a map (Kafka's is a hash table's) is ours:
// sorted. Decoders take any order and ignore unknown fields.
package znode

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"unicode/utf8"
)

// ErrMalformed is what every decoder's error wraps.
var ErrMalformed = errors.New("malformed node")

func decode(what string, data []byte, into any) error {
	if err := json.Unmarshal(data, into); err != nil {
		return fmt.Errorf("%s: %w: %w", what, ErrMalformed, err)
	}
	return nil
}

// appendString writes a JSON string as Kafka's encoder does: only quotes,
// backslashes and control characters are escaped.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b = append(b, '\\', byte(r))
		case r == '\b':
			b = append(b, '\\', 'b')
		case r == '\f':
			b = append(b, '\\', 'f')
		case r == '\n':
			b = append(b, '\\', 'n')
		case r == '\r':
			b = append(b, '\\', 'r')
		case r == '\t':
			b = append(b, '\\', 't')
		case r < 0x20:
			b = fmt.Appendf(b, "\\u%04X", r)
		default:
			b = utf8.AppendRune(b, r)
		}
	}
	return append(b, '"')
}

func appendInts(b []byte, ids []int32) []byte {
	b = append(b, '[')
	for i, id := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(id), 10)
	}
	return append(b, ']')
}

// appendStringMap writes a map with its keys sorted.
func appendStringMap(b []byte, m map[string]string) []byte {
	b = append(b, '{')
	for i, k := range slices.Sorted(maps.Keys(m)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, k), ':')
		b = appendString(b, m[k])
	}
	return append(b, '}')
}

// DecodeNumber reads a node that holds a decimal number and nothing else.
func DecodeNumber(data []byte) (int64, error) {
	n, err := strconv.ParseInt(string(data), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("number: %w: %w", ErrMalformed, err)
	}
	return n, nil
}

// EncodeNumber writes what DecodeNumber reads.
func EncodeNumber(n int64) []byte { return strconv.AppendInt(nil, n, 10) }
