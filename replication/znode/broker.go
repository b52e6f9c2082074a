package znode

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/leatmq/leat/replication/image"
)

// Broker is a registration, version 5 (inter.broker.protocol.version ≥ 2.7).
type Broker struct {
	Endpoints []image.Endpoint
	Rack      string // empty: none
	JMXPort   int32  // -1: none
	Timestamp int64  // milliseconds
}

// EncodeBroker writes version 5.
func EncodeBroker(n Broker) []byte {
	b := []byte(`{"features":{},"listener_security_protocol_map":{`)
	for i, e := range n.Endpoints {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, e.Listener), ':')
		b = appendString(b, e.Protocol)
	}
	b = append(b, `},"endpoints":[`...)
	for i, e := range n.Endpoints {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, fmt.Sprintf("%s://%s:%d", e.Listener, bracket(e.Host), e.Port))
	}
	b = append(b, ']')
	if n.Rack != "" {
		b = appendString(append(b, `,"rack":`...), n.Rack)
	}
	host, port := plaintext(n.Endpoints)
	b = strconv.AppendInt(append(b, `,"jmx_port":`...), int64(n.JMXPort), 10)
	b = strconv.AppendInt(append(b, `,"port":`...), int64(port), 10)
	if port < 0 {
		b = append(b, `,"host":null`...)
	} else {
		b = appendString(append(b, `,"host":`...), host)
	}
	b = append(b, `,"version":5,"timestamp":"`...)
	b = strconv.AppendInt(b, n.Timestamp, 10)
	return append(b, `"}`...)
}

// plaintext is what clients of versions before listeners are told: the first
// endpoint without encryption and authentication.
func plaintext(endpoints []image.Endpoint) (string, int32) {
	for _, e := range endpoints {
		if e.Protocol == "PLAINTEXT" {
			return e.Host, e.Port
		}
	}
	return "", -1
}

// bracket is how an IPv6 address stands before a port.
func bracket(host string) string {
	if strings.Contains(host, ":") {
		return "[" + host + "]"
	}
	return host
}

// DecodeBroker reads versions 1 to 5. Where the map of protocols is missing, a
// listener's name is its protocol; version 1 has one plaintext endpoint.
func DecodeBroker(data []byte) (Broker, error) {
	var j struct {
		Version   int               `json:"version"`
		Host      string            `json:"host"`
		Port      int32             `json:"port"`
		JMXPort   int32             `json:"jmx_port"`
		Timestamp string            `json:"timestamp"`
		Endpoints []string          `json:"endpoints"`
		Rack      string            `json:"rack"`
		Protocols map[string]string `json:"listener_security_protocol_map"`
	}
	if err := decode("broker", data, &j); err != nil {
		return Broker{}, err
	}
	n := Broker{Rack: j.Rack, JMXPort: j.JMXPort}
	// Brokers of version 1 may have no timestamp; it is for humans only.
	if ms, err := strconv.ParseInt(j.Timestamp, 10, 64); err == nil {
		n.Timestamp = ms
	}
	if j.Version < 2 {
		n.Endpoints = []image.Endpoint{{Listener: "PLAINTEXT", Protocol: "PLAINTEXT", Host: j.Host, Port: j.Port}}
		return n, nil
	}
	for _, text := range j.Endpoints {
		e, err := parseEndpoint(text)
		if err != nil {
			return Broker{}, err
		}
		e.Protocol = e.Listener
		if p, ok := j.Protocols[e.Listener]; ok {
			e.Protocol = p
		}
		n.Endpoints = append(n.Endpoints, e)
	}
	return n, nil
}

func parseEndpoint(text string) (image.Endpoint, error) {
	listener, address, ok := strings.Cut(text, "://")
	i := strings.LastIndexByte(address, ':')
	if !ok || i < 0 {
		return image.Endpoint{}, fmt.Errorf("endpoint %q: %w", text, ErrMalformed)
	}
	port, err := strconv.ParseUint(address[i+1:], 10, 16)
	if err != nil {
		return image.Endpoint{}, fmt.Errorf("endpoint %q: %w", text, ErrMalformed)
	}
	host := strings.TrimSuffix(strings.TrimPrefix(address[:i], "["), "]")
	return image.Endpoint{Listener: listener, Host: host, Port: int32(port)}, nil
}

// Features is /feature: which versions of cluster features are in use.
type Features struct {
	Enabled bool
	Levels  map[string]int16 // by feature: max_version_level
}

// EncodeFeatures writes version 2.
func EncodeFeatures(f Features) []byte {
	b := []byte(`{"features":{`)
	for i, name := range slices.Sorted(maps.Keys(f.Levels)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, name), `:{"max_version_level":`...)
		b = append(strconv.AppendInt(b, int64(f.Levels[name]), 10), '}')
	}
	status := byte('0')
	if f.Enabled {
		status = '1'
	}
	b = append(b, `},"version":2,"status":`...)
	return append(b, status, '}')
}

// DecodeFeatures reads versions 1 and 2.
func DecodeFeatures(data []byte) (Features, error) {
	var j struct {
		Status   int `json:"status"`
		Features map[string]struct {
			Max int16 `json:"max_version_level"`
		} `json:"features"`
	}
	if err := decode("feature", data, &j); err != nil {
		return Features{}, err
	}
	f := Features{Enabled: j.Status == 1, Levels: make(map[string]int16, len(j.Features))}
	for name, v := range j.Features {
		f.Levels[name] = v.Max
	}
	return f, nil
}
