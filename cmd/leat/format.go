package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/leatmq/leat/client"
)

// recordJSON is a record as one line of JSON. Bytes that are not UTF-8 go to
// the field with _base64 instead; a null key or value is null.
type recordJSON struct {
	Topic       string       `json:"topic,omitempty"`
	Partition   *int32       `json:"partition,omitempty"`
	Offset      *int64       `json:"offset,omitempty"`
	Timestamp   *int64       `json:"timestamp,omitempty"`
	Key         *string      `json:"key"`
	KeyBase64   []byte       `json:"key_base64,omitempty"`
	Value       *string      `json:"value"`
	ValueBase64 []byte       `json:"value_base64,omitempty"`
	Headers     []headerJSON `json:"headers,omitempty"`
}

// headerJSON is one header of a recordJSON.
type headerJSON struct {
	Key         string  `json:"key"`
	Value       *string `json:"value"`
	ValueBase64 []byte  `json:"value_base64,omitempty"`
}

// textOrBytes splits b into a text or, where it is not UTF-8, raw bytes.
func textOrBytes(b []byte) (*string, []byte) {
	switch {
	case b == nil:
		return nil, nil
	case utf8.Valid(b):
		s := string(b)
		return &s, nil
	default:
		return nil, b
	}
}

// bytesOf undoes textOrBytes.
func bytesOf(text *string, raw []byte) []byte {
	if text != nil {
		return []byte(*text)
	}
	return raw
}

// toJSON is r as one line of JSON without the newline.
func toJSON(r client.Record) ([]byte, error) {
	ms := r.Timestamp.UnixMilli()
	j := recordJSON{Topic: r.Topic, Partition: &r.Partition, Offset: &r.Offset, Timestamp: &ms}
	j.Key, j.KeyBase64 = textOrBytes(r.Key)
	j.Value, j.ValueBase64 = textOrBytes(r.Value)
	for _, h := range r.Headers {
		v, raw := textOrBytes(h.Value)
		j.Headers = append(j.Headers, headerJSON{h.Key, v, raw})
	}
	return json.Marshal(j)
}

// fromJSON reads what toJSON wrote; offset is ignored, partition is kept.
func fromJSON(line []byte) (client.Record, error) {
	var j recordJSON
	if err := json.Unmarshal(line, &j); err != nil {
		return client.Record{}, err
	}
	r := client.Record{Topic: j.Topic, Key: bytesOf(j.Key, j.KeyBase64), Value: bytesOf(j.Value, j.ValueBase64)}
	if j.Partition != nil {
		r.Partition = *j.Partition
	}
	if j.Timestamp != nil {
		r.Timestamp = time.UnixMilli(*j.Timestamp)
	}
	for _, h := range j.Headers {
		r.Headers = append(r.Headers, client.Header{Key: h.Key, Value: bytesOf(h.Value, h.ValueBase64)})
	}
	return r, nil
}

// formatHelp documents the language of --format.
const formatHelp = `Format: %t topic, %p partition, %o offset, %T timestamp in ms, %D timestamp as
RFC 3339, %k key, %v value, %K key length, %V value length (-1: null),
%h headers as KEY=VALUE joined by commas, %% a percent sign; \n \t \\ as usual.`

// formatter turns a record into bytes.
type formatter []func(dst []byte, r client.Record) []byte

// verbs are the directives of --format.
var verbs = map[byte]func([]byte, client.Record) []byte{
	't': func(d []byte, r client.Record) []byte { return append(d, r.Topic...) },
	'p': func(d []byte, r client.Record) []byte { return strconv.AppendInt(d, int64(r.Partition), 10) },
	'o': func(d []byte, r client.Record) []byte { return strconv.AppendInt(d, r.Offset, 10) },
	'T': func(d []byte, r client.Record) []byte { return strconv.AppendInt(d, r.Timestamp.UnixMilli(), 10) },
	'D': func(d []byte, r client.Record) []byte {
		return r.Timestamp.UTC().AppendFormat(d, "2006-01-02T15:04:05.000Z07:00")
	},
	'k': func(d []byte, r client.Record) []byte { return append(d, r.Key...) },
	'v': func(d []byte, r client.Record) []byte { return append(d, r.Value...) },
	'K': func(d []byte, r client.Record) []byte { return appendLength(d, r.Key) },
	'V': func(d []byte, r client.Record) []byte { return appendLength(d, r.Value) },
	'h': appendHeaders,
	'%': func(d []byte, _ client.Record) []byte { return append(d, '%') },
}

// appendLength appends b's length, -1 for null.
func appendLength(d, b []byte) []byte {
	if b == nil {
		return append(d, "-1"...)
	}
	return strconv.AppendInt(d, int64(len(b)), 10)
}

// appendHeaders appends r's headers as KEY=VALUE,KEY=VALUE; a value that is not
// text is shown in base64.
func appendHeaders(d []byte, r client.Record) []byte {
	for i, h := range r.Headers {
		if i > 0 {
			d = append(d, ',')
		}
		d = append(append(d, h.Key...), '=')
		if utf8.Valid(h.Value) {
			d = append(d, h.Value...)
		} else {
			d = base64.StdEncoding.AppendEncode(d, h.Value)
		}
	}
	return d
}

// parseFormat compiles a --format text.
func parseFormat(s string) (formatter, error) {
	unescaped := strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\t`, "\t", `\r`, "\r", `\0`, "\x00").Replace(s)
	var f formatter
	for len(unescaped) > 0 {
		literal, rest, found := strings.Cut(unescaped, "%")
		if literal != "" {
			f = append(f, func(d []byte, _ client.Record) []byte { return append(d, literal...) })
		}
		if !found {
			break
		}
		if rest == "" {
			return nil, fmt.Errorf("the format %q ends with a lone %%", s)
		}
		verb, ok := verbs[rest[0]]
		if !ok {
			return nil, fmt.Errorf("%%%c is not known in a format", rest[0])
		}
		f = append(f, verb)
		unescaped = rest[1:]
	}
	return f, nil
}

// append appends r in f's form.
func (f formatter) append(d []byte, r client.Record) []byte {
	for _, part := range f {
		d = part(d, r)
	}
	return d
}
