package api

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/leatmq/leat/broker/server"
	"github.com/leatmq/leat/replication/channel"
)

// What one request may take in memory once it is decoded: least, which is more
// than any client needs, or growth times its own size, whichever is more. An
// element of a few bytes may take a hundred in memory, so a request of a
// megabyte could otherwise take all there is. What brokers tell each other has
// no largest size but that of a frame: it grows with the cluster, by less than
// growth.
const (
	least  = 24 << 20
	growth = 8
)

// memoryFor is what a request whose body has so many bytes may take.
func memoryFor(body int) int { return max(least, growth*body) }

// decode reads a request of kmsg's. The body is walked first, so that no length
// in it makes kmsg allocate more than the body holds, and so that nulls and
// varints are as strict as Kafka is. Bytes behind the body are ignored.
//
// What the request holds is its own: it stays valid after the handler returned.
//
// Errors: ErrMalformed, ErrTooMany.
func decode(request kmsg.Request, r *server.Request) error {
	l := layoutOf(kmsg.Key(r.Key))
	w := walker{rest: r.Body, version: r.Version, flexible: r.Flexible, memory: memoryFor(len(r.Body))}
	if err := w.walk(l.fields); err != nil {
		return fmt.Errorf("%s version %d: %w", kmsg.Key(r.Key).Name(), r.Version, err)
	}
	body := r.Body
	if l.aliased {
		body = bytes.Clone(body) // kmsg lets its byte fields point into the body
	}
	request.SetVersion(r.Version)
	if q, ok := request.(*kmsg.StopReplicaRequest); ok {
		request = channel.StopReplica{StopReplicaRequest: q} // kmsg has its fields in another order
	}
	if err := request.ReadFrom(body); err != nil {
		return fmt.Errorf("%w: %s version %d: %w", ErrMalformed, kmsg.Key(r.Key).Name(), r.Version, err)
	}
	return nil
}

// layout is a parsed text of layouts.
type layout struct {
	fields  []field
	aliased bool // has fields of bytes
}

// parsedLayouts parses each text once, when it is first needed.
var parsedLayouts [maxKey + 1]func() layout = lazyLayouts()

func lazyLayouts() (out [maxKey + 1]func() layout) {
	for key, text := range layouts {
		out[key] = sync.OnceValue(func() layout {
			fields := parseLayout(text)
			return layout{fields: fields, aliased: hasBytes(fields)}
		})
	}
	return out
}

// layoutOf returns the layout of a request that is served by a typed route.
func layoutOf(key kmsg.Key) layout { return parsedLayouts[key]() }

func hasBytes(fields []field) bool {
	for i := range fields {
		if fields[i].kind == 'y' || hasBytes(fields[i].inside) {
			return true
		}
	}
	return false
}
